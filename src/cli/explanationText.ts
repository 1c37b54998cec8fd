import { isolated } from './table.ts';

/** An explanation as JSON has it, for who reads a terminal. */
interface ToldStep {
  readonly step: string;
  readonly kind?: string;
  readonly pointer?: string;
  readonly text: { readonly fa: string; readonly en: string };
}

interface ToldRules {
  readonly rules?: readonly { readonly pointer: string; readonly clauses: readonly string[] }[];
  readonly wouldHaveToChange?: readonly ToldStep[];
}

interface ToldField extends ToldRules {
  readonly field: string;
  readonly state: string;
  readonly reason?: string | undefined;
  readonly text: { readonly fa: string; readonly en: string };
}

interface ToldCeiling extends ToldRules {
  readonly countedBy: string;
  readonly perDay: number;
  readonly left?: number;
  readonly wholeAgainAt?: string;
}

interface ToldBreakGlass extends ToldRules {
  readonly grantees?: readonly string[];
  readonly longest?: string;
  readonly perDay?: number;
  readonly leftToday?: number;
  readonly reviewWithin?: string;
  readonly open?: { readonly id: string; readonly actor: string; readonly closesAt?: string };
  readonly text: { readonly fa: string; readonly en: string };
}

export interface Told extends ToldRules {
  readonly act?: string;
  readonly outcome?: string;
  readonly code?: string;
  readonly grantCounts?: boolean;
  readonly fields?: readonly ToldField[];
  readonly readCeilings?: readonly ToldCeiling[];
  readonly breakGlass?: ToldBreakGlass;
  readonly kept?: readonly { readonly class: string; readonly records: number; readonly until: string }[];
}

export function readableAnswer({
  act = 'read',
  outcome,
  code,
  grantCounts,
  fields,
  readCeilings,
  breakGlass,
  kept,
  ...rules
}: Told): string {
  return [
    ...(outcome === undefined ? [] : [`${act}: ${outcome}${code === undefined ? '' : ` (${code})`}`]),
    ...(grantCounts === false ? ['the grant does not count for this reader and this customer'] : []),
    ...linesOf(rules),
    ...(kept ?? []).map((one) => `    kept: ${one.class}, ${one.records} until ${one.until}`),
    ...(fields ?? []).map(readable),
    ...(readCeilings ?? []).flatMap(linesOfCeiling),
    ...(breakGlass === undefined ? [] : linesOfBreakGlass(breakGlass)),
  ].join('\n');
}

function linesOfCeiling({ countedBy, perDay, left, wholeAgainAt, ...rules }: ToldCeiling): string[] {
  const rest = left === undefined ? '' : `, ${left} left until ${wholeAgainAt}`;
  const whose = countedBy === 'actor' ? 'a member of staff' : 'a client whose token names nobody';
  return [`reads in full: ${perDay} a day by ${whose}${rest}`, ...linesOf(rules)];
}

function linesOfBreakGlass({
  grantees,
  longest,
  perDay,
  leftToday,
  reviewWithin,
  open,
  text,
  ...rules
}: ToldBreakGlass) {
  const left = leftToday === undefined ? '' : `, ${leftToday} left`;
  return [
    `break-glass: ${text.en} ${isolated(text.fa)}`,
    ...(grantees === undefined
      ? []
      : [`    ${grantees.join(', ')}: ${longest} at most, ${perDay} a day${left}, reviewed within ${reviewWithin}`]),
    ...(open === undefined ? [] : [`    open: ${open.id} by ${open.actor} until ${open.closesAt}`]),
    ...linesOf(rules),
  ];
}

function readable({ field, state, reason, text, ...rules }: ToldField): string {
  const why = reason === undefined ? '' : ` (${reason}): ${text.en} ${isolated(text.fa)}`;
  return [`${field}: ${state}${why}`, ...linesOf(rules)].join('\n');
}

function linesOf({ rules = [], wouldHaveToChange = [] }: ToldRules): string[] {
  return [
    ...rules.map(({ pointer, clauses }) => `    ${pointer}${clauses.length === 0 ? '' : `  [${clauses.join(', ')}]`}`),
    ...wouldHaveToChange.map(({ step, kind, pointer, text }) =>
      [`    -> ${step}`, kind ?? pointer, `${text.en} ${isolated(text.fa)}`]
        .filter((part) => part !== undefined)
        .join('  '),
    ),
  ];
}
