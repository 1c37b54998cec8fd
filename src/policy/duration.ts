/**
 * ISO 8601 durations as a profile writes them: `P10Y`, `P36M`, `P180D`, `PT48H`, `P1DT12H`. Years and months are calendar
 * lengths, so a duration becomes a time only from a start.
 */
const pattern =
  /^P(?!$)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?!$)(?:(\d{1,5})H)?(?:(\d{1,5})M)?)?$/;

export const durationPattern = pattern;

/** The time `iso` after `from`, in UTC; a day that the month lacks becomes its last. Undefined when `iso` is no duration. */
export function addDuration(from: Date, iso: string): Date | undefined {
  const match = pattern.exec(iso);
  if (match === null) return undefined;
  const part = (at: number): number => Number(match[at] ?? 0);
  const end = new Date(from);
  const day = end.getUTCDate();
  end.setUTCDate(1);
  end.setUTCMonth(end.getUTCMonth() + part(1) * 12 + part(2));
  end.setUTCDate(Math.min(day, daysIn(end)) + part(3) * 7 + part(4));
  end.setUTCMinutes(end.getUTCMinutes() + part(5) * 60 + part(6));
  return end;
}

/** Is the one longer than the other? Both counted from the same day; undefined lengths are never longer. */
export function isLonger(one: string, other: string): boolean {
  const start = new Date(Date.UTC(2024, 0, 1));
  const [a, b] = [addDuration(start, one), addDuration(start, other)];
  return a !== undefined && b !== undefined && a > b;
}

function daysIn(month: Date): number {
  return new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 0)).getUTCDate();
}
