import { formatJalali, toPersianDigits } from '../formats/jalali.ts';
import { changesBetween, type Change } from '../policy/changes.ts';
import type { Profile } from '../policy/profile.ts';
import { fieldWords, groundWords, wordFor } from './persianWords.ts';
import { valueWords } from './policyValueWords.ts';
import { memberWords, retentionWords } from './policyWords.ts';

/** A change as a person reads it, in Persian. */
export interface ReadableChange {
  readonly pointer: string;
  readonly change: Change['kind'];
  /** Where, from the part to the member: `دسترسی ‹ شماره همراه ‹ پشتیبانی ‹ نمایش کامل با`. */
  readonly place: string;
  readonly before?: string;
  readonly after?: string;
}

/** What changed from one version to the next. */
export function readableChanges(before: Profile, after: Profile): readonly ReadableChange[] {
  return changesBetween(before, after).map(({ pointer, kind, ...values }) => ({
    pointer,
    change: kind,
    place: placeOf(pointer, after, before),
    ...('before' in values ? { before: textOf(before, pointer, values.before) } : {}),
    ...('after' in values ? { after: textOf(after, pointer, values.after) } : {}),
  }));
}

const between = ' ‹ ';

/** Every step by the title that one of the versions gives it, else by our word for it. */
function placeOf(pointer: string, ...profiles: readonly Profile[]): string {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const names = steps.map((step, i) => {
    const titles = profiles.flatMap((profile) => titleAt(profile, steps.slice(0, i + 1)) ?? []);
    return i === 0 ? wordFor(memberWords, step) : (titles[0] ?? stepWord(profiles, steps, i));
  });
  return names.join(between);
}

function titleAt(profile: Profile, steps: readonly string[]): string | undefined {
  return faOf(memberOf(atSteps(profile, steps), 'title'));
}

function atSteps(profile: Profile, steps: readonly string[]): unknown {
  return steps.reduce<unknown>(memberOf, profile);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (Reflect.get(value, name) as unknown)
    : undefined;
}

function faOf(value: unknown): string | undefined {
  const text = memberOf(value, 'fa');
  return typeof text === 'string' ? text : undefined;
}

/** Fields, readers and classes of retention stand as names of members in several parts. */
function stepWord(profiles: readonly Profile[], steps: readonly string[], i: number): string {
  const [step = '', part] = [steps[i], steps[0]];
  if (i === 1 && part === 'retention') return wordFor(retentionWords, step);
  if (i === 1 && (part === 'access' || part === 'masks')) return wordFor(fieldWords, step);
  for (const profile of profiles) {
    const named = readerName(profile, step);
    if (i > 0 && part !== 'forms' && named !== undefined) return named;
  }
  return wordFor({ ...memberWords, ...fieldWords }, step);
}

function readerName(profile: Profile, name: string): string | undefined {
  return titleAt(profile, ['departments', name]) ?? titleAt(profile, ['processors', name]);
}

/** What one word can mean in several parts of a profile, the likeliest first. */
type Parts = readonly ('purposes' | 'grantKinds' | 'departments' | 'processors')[];

/** Cells of the matrix list kinds of work; everything else that lists such a name means the purpose. */
function textOf(profile: Profile, pointer: string, value: unknown): string {
  const kindsFirst = pointer.startsWith('/access');
  const parts: Parts = kindsFirst
    ? ['grantKinds', 'departments']
    : ['purposes', 'grantKinds', 'departments', 'processors'];
  return valueText(profile, parts, value);
}

function valueText(profile: Profile, parts: Parts, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'بله' : 'خیر';
  if (typeof value === 'number') return toPersianDigits(String(value));
  if (typeof value === 'string') return wordOf(profile, parts, value);
  if (Array.isArray(value)) {
    return value.length === 0 ? 'هیچ' : value.map((item) => valueText(profile, parts, item)).join('، ');
  }
  if (typeof value !== 'object' || value === null) return '';
  return (
    faOf(value) ??
    Object.entries(value)
      .filter(([name]) => name !== 'clauses' && name !== 'why')
      .map(
        ([name, inner]) => `${wordFor({ ...memberWords, ...fieldWords }, name)}: ${valueText(profile, parts, inner)}`,
      )
      .join('؛ ')
  );
}

/** A day in Jalali, a length of time, or a name by the title that the profile gives it. */
function wordOf(profile: Profile, parts: Parts, text: string): string {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return formatJalali(text);
  const titled = parts.flatMap((part) => titleAt(profile, [part, text]) ?? []);
  return durationText(text) ?? titled[0] ?? wordFor({ ...valueWords, ...groundWords, ...fieldWords }, text);
}

const units = { Y: 'سال', M: 'ماه', W: 'هفته', D: 'روز', TH: 'ساعت', TM: 'دقیقه' } as const;

/** `P180D`: «۱۸۰ روز»; nothing for what is no duration. */
function durationText(text: string): string | undefined {
  const match = /^P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/.exec(text);
  if (match === null) return undefined;
  const words = Object.values(units).flatMap((unit, i) => {
    const count = match[i + 1];
    return count === undefined ? [] : [`${toPersianDigits(count)} ${unit}`];
  });
  return words.join(' و ');
}
