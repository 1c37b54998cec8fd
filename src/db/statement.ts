/**
 * One SQL statement with its parameters. Connections keep what they parsed for each `text`, so texts are few and fixed;
 * `name` is for people. `rowType` never holds a value; it carries the type of a row to `commit`.
 */
export interface Statement<Row = unknown> {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly rowType?: Row;
  /** How a column's text is read where that is not told by its type. */
  readonly readAs?: ReadAs;
}

export type ReadAs = Readonly<Record<string, (text: string) => unknown>>;

export function statement<Row>(
  name: string,
  text: string,
  values: readonly unknown[],
  readAs?: ReadAs,
): Statement<Row> {
  return { name, text, values, ...(readAs && { readAs }) };
}
