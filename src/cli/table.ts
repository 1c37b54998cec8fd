/** First strong isolate and its end (UAX #9): a Persian value keeps its own order and leaves its neighbours theirs. */
const isolate = '\u2068';
const endIsolate = '\u2069';

/** Right-to-left text, or text of unknown direction, set apart from the line it stands in. */
export function isolated(text: string): string {
  return /[\u0590-\u08ff\ufb1d-\ufefc]/.test(text) ? `${isolate}${text}${endIsolate}` : text;
}

/** Aligned columns. What may be right to left belongs in the last one, where nothing is padded after it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = head.length === 0 ? rows : [head, ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? isolated(cell) : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
