import type { Fault } from '../errors.ts';

export interface Template {
  readonly subject: string;
  readonly text: string;
  /** Of each `{name}` in the text, the form that its value must have. */
  readonly params: Readonly<Record<string, RegExp>>;
}

/** Texts that say the same for everybody but for a number or an address of the shop's own. */
export const templates = {
  delivery_code: {
    subject: 'کد تحویل مرسوله',
    text: 'کد تحویل مرسولهٔ شما: {code}\nاین کد را تنها هنگام تحویل به پیک بگویید.',
    params: { code: /^\d{4,8}$/ },
  },
  policy_change: {
    subject: 'تغییر سیاست حریم خصوصی',
    text: 'سیاست حریم خصوصی ما تغییر می‌کند. متن نسخهٔ تازه: {url}',
    params: { url: /^https:\/\/[A-Za-z0-9.-]{1,200}(?:\/[A-Za-z0-9._~/-]{0,200})?$/ },
  },
} as const satisfies Readonly<Record<string, Template>>;
export type TemplateName = keyof typeof templates;
export const templateNames = Object.keys(templates) as [TemplateName, ...TemplateName[]];

interface Filled {
  readonly subject: string;
  readonly text: string;
}

/** The text with its values in place, or what is wrong with them. */
export function filled(name: TemplateName, params: Readonly<Record<string, string>>): Filled | readonly Fault[] {
  return fill(templates[name], params);
}

/** The same of any text. */
export function fill(
  { subject, text, params: forms }: Template,
  params: Readonly<Record<string, string>>,
): Filled | readonly Fault[] {
  const faults: Fault[] = [
    ...Object.keys(params)
      .filter((param) => !Object.hasOwn(forms, param))
      .map(() => ({ pointer: '/params', code: 'unknown_field' })),
    ...Object.entries(forms).flatMap(([param, form]) => {
      const value = params[param];
      if (value === undefined) return [{ pointer: `/params/${param}`, code: 'required' }];
      return form.test(value) ? [] : [{ pointer: `/params/${param}`, code: 'format' }];
    }),
  ];
  if (faults.length > 0) return faults;
  return { subject, text: text.replace(/\{(\w+)\}/g, (whole, param: string) => params[param] ?? whole) };
}
