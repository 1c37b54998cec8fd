/**
 * How long a key is used to make new things before another takes its place: NIST SP 800-57 part 1 revision 5, section 5.3.6 and
 * table 1. Days; an operator may set others (AMANAT_KEY_PERIODS).
 *
 * | key         | of its kind in table 1                                         | there              | here |
 * | ----------- | -------------------------------------------------------------- | ------------------ | ---- |
 * | root        | symmetric master key, symmetric key-wrapping key               | about 1, 2 years   | 365  |
 * | data        | symmetric key-wrapping key                                     | 2 years            | 730  |
 * | index, mac  | symmetric authentication key                                   | 2 years            | 730  |
 * | token       | private signature key                                          | 1 to 3 years       | 365  |
 * | export      | private signature key                                          | 1 to 3 years       | 1095 |
 * | checkpoint  | private signature key                                          | 1 to 3 years       | 1095 |
 */
export const keyPeriods = {
  root: 365,
  data: 730,
  index: 730,
  mac: 730,
  token: 365,
  export: 1095,
  checkpoint: 1095,
} as const;
export type PeriodKey = keyof typeof keyPeriods;
export type KeyPeriods = Readonly<Record<PeriodKey, number>>;

const dayMs = 24 * 60 * 60 * 1000;

/** `data=365,token=90`. Undefined for anything else. */
export function parsePeriods(text: string): KeyPeriods | undefined {
  const periods: Record<PeriodKey, number> = { ...keyPeriods };
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [, name = '', days = ''] = /^\s*([a-z]+)\s*=\s*([1-9]\d{0,4})\s*$/.exec(part) ?? [];
    if (!(name in keyPeriods)) return undefined;
    periods[name as PeriodKey] = Number(days);
  }
  return periods;
}

export const isOverdue = (periods: KeyPeriods, key: PeriodKey, madeAt: number, now: number): boolean =>
  now - madeAt > periods[key] * dayMs;

/** Of keys in use, those that are overdue. */
export function overdueOf(
  periods: KeyPeriods,
  ages: readonly { readonly use: string; readonly madeAt: Date }[],
  now: number,
): readonly PeriodKey[] {
  return ages.flatMap(({ use, madeAt }) => {
    const key = (Object.keys(keyPeriods) as PeriodKey[]).find((one) => one === use);
    return key !== undefined && isOverdue(periods, key, madeAt.getTime(), now) ? [key] : [];
  });
}

export const ageInDays = (madeAt: number, now: number): number => Math.max(0, Math.floor((now - madeAt) / dayMs));
