import type { Row } from './measure.ts';

/** A bar a row: its ratio to the floor, with a tick at the least that is accepted and a line at the floor itself. */
export function plot(rows: readonly Row[]): string {
  const [left, width, height, top] = [330, 420, 22, 40];
  const most = Math.max(1.2, ...rows.map((row) => Math.max(row.ratio, row.least ?? 0)));
  const x = (ratio: number): number => left + (ratio / most) * width;
  const bars = rows.map((row, i) => {
    const y = top + i * height;
    const label = `${row.work} · ${row.connections} conn. · ${row.processes} proc.`;
    return [
      `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${left}" y="${y + 3}" width="${(x(row.ratio) - left).toFixed(1)}" height="${height - 8}" fill="${colourOf(row)}"/>`,
      row.least === undefined
        ? ''
        : `<line x1="${x(row.least).toFixed(1)}" x2="${x(row.least).toFixed(1)}" y1="${y}" y2="${y + height - 2}" stroke="#222" stroke-width="2"/>`,
      `<text x="${(x(row.ratio) + 6).toFixed(1)}" y="${y + 14}">${row.ratio.toFixed(2)}</text>`,
    ].join('');
  });
  const bottom = top + rows.length * height;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 70} ${bottom + 30}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${left}" y="20" font-size="14">Records a second, as a ratio to the plaintext floor of the same run</text>`,
    ...bars,
    `<line x1="${x(1).toFixed(1)}" x2="${x(1).toFixed(1)}" y1="${top - 6}" y2="${bottom}" stroke="#222" stroke-dasharray="3 3"/>`,
    `<text x="${x(1).toFixed(1)}" y="${bottom + 18}" text-anchor="middle">floor</text>`,
    `<text x="${left - 8}" y="${bottom + 18}" text-anchor="end" fill="#555">tick: the least that is accepted</text>`,
    '</svg>',
    '',
  ].join('\n');
}

/** Green reaches its goal, blue its least, red neither; grey where none is set. */
function colourOf({ ratio, goal, least }: Row): string {
  if (goal === undefined || least === undefined) return '#8a8f98';
  if (ratio >= goal) return '#2f7d5b';
  return ratio >= least ? '#5a8fb8' : '#b8655a';
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
