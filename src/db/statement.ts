/**
 * One SQL statement with its parameters. `name` stands for exactly one `text`: connections keep what they parsed under
 * it. `rowType` never holds a value; it carries the type of a row to `commit`.
 */
export interface Statement<Row = unknown> {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly rowType?: Row;
}

export function statement<Row>(name: string, text: string, values: readonly unknown[]): Statement<Row> {
  return { name, text, values };
}
