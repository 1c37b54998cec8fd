import type { Decision, JudgedGrant, Reader, Verdict } from './judge.ts';
import { cellOf, columnOf } from './reader.ts';
import type { Field, GrantKind, Profile, Reason } from './profile.ts';
import { escapeToken } from './citation.ts';
import { processorKinds } from './vocabulary.ts';

/** A rule of the profile: where it stands, and the clauses that ask for it. */
export interface RulePlace {
  /** RFC 6901, into the profile. */
  readonly pointer: string;
  readonly clauses: readonly string[];
  readonly why?: string;
}

/** What would have to change. A closed list: each is done by one act of the vault's, or by a new version of the policy. */
export const changeSteps = [
  'open_grant',
  'open_break_glass',
  'name_order',
  'name_field',
  'hand_to_courier',
  'register_legal_order',
  'approve_legal_order',
  'execute_legal_order',
  'request_erasure',
  'decide_request',
  'wait_for_deadline',
  'wait_for_next_day',
  'lift_freeze',
  'withdraw_objection',
  'record_undertaking',
  'activate_recipient',
  'new_policy_version',
] as const;
export type ChangeStep = (typeof changeSteps)[number];

export interface Change {
  readonly step: ChangeStep;
  /** The kind of work to open, or to name the order or the field in. */
  readonly kind?: GrantKind;
  /** Which rule a new version would have to have another way. */
  readonly pointer?: string;
}

export interface ExplainedField {
  readonly field: Field;
  readonly state: 'full' | 'masked' | 'withheld';
  readonly reason?: Reason;
  /** The judge's own name of what decided, as the audit has it. */
  readonly rule: string;
  readonly rules: readonly RulePlace[];
  /** What would show it in full; empty where it is. One of them is enough. */
  readonly wouldHaveToChange: readonly Change[];
}

/** What a read decides, and why. The verdicts are the judge's: nothing is judged here. */
export function explainRead(
  profile: Profile,
  who: Reader,
  grant: JudgedGrant | undefined,
  decision: Pick<Decision, 'verdicts'>,
  field: Field,
): ExplainedField {
  const verdict = decision.verdicts[field];
  const place = placeOf(profile, who, field);
  // The judge alone says so only of a customer who is frozen after a report of misuse.
  if (verdict.state !== 'full' && verdict.reason === 'deactivated') {
    const rules = [placed('/misuse', profile.misuse), place];
    return { ...shownAs(field, verdict), rules, wouldHaveToChange: [{ step: 'lift_freeze' }] };
  }
  const kind = grant === undefined ? undefined : profile.grantKinds[grant.kind];
  const work =
    grant === undefined || kind === undefined
      ? []
      : [placed(`/grantKinds/${escapeToken(grant.kind)}`, kind), ...emergencyOf(profile, grant.kind)];
  const rests = verdict.state === 'full' ? !verdict.rule.endsWith('.base') : grantDecides.has(verdict.reason);
  return {
    ...shownAs(field, verdict),
    rules: [place, ...(rests ? work : [])],
    wouldHaveToChange: verdict.state === 'full' ? [] : changesFor(profile, who, grant, field, place.pointer),
  };
}

const emergencyOf = ({ breakGlass }: Profile, kind: GrantKind): readonly RulePlace[] =>
  kind === 'break_glass' && breakGlass !== undefined ? [placed('/breakGlass', breakGlass)] : [];

function shownAs(field: Field, verdict: Verdict): Pick<ExplainedField, 'field' | 'state' | 'reason' | 'rule'> {
  const { state, rule } = verdict;
  return { field, state, ...(verdict.state === 'full' ? {} : { reason: verdict.reason }), rule };
}

/** Reasons that lie in the work itself, not in the matrix. */
const grantDecides: ReadonlySet<Reason> = new Set(['purpose', 'grant_scope', 'expired', 'consent']);

interface Cited {
  readonly clauses: readonly string[];
  readonly why?: string | undefined;
}

export function placed(pointer: string, { clauses, why }: Cited): RulePlace {
  return { pointer, clauses, ...(why === undefined ? {} : { why }) };
}

/** The rule that speaks of this reader and this field; where none does, the place in which it would stand. */
function placeOf(profile: Profile, who: Reader, field: Field): RulePlace {
  const column = columnOf(profile, who);
  const cell = cellOf(profile, who, field);
  if (column !== undefined && cell !== undefined) return placed(cellPointer(field, column), cell);
  const processor = processorKinds.find((kind) => kind === who.role);
  if (processor !== undefined && !profile.processors[processor].allowed)
    return placed(`/processors/${processor}`, profile.processors[processor]);
  const carrier = who.carrierProfile ?? 'default';
  const row = profile.access[field];
  if (who.role === 'courier' && row !== undefined && Object.hasOwn(row, 'courier'))
    return Object.hasOwn(profile.carriers, carrier)
      ? placed(`/carriers/${escapeToken(carrier)}`, profile.carriers[carrier] ?? noRule)
      : { pointer: '/carriers', ...noRule };
  return { pointer: cellPointer(field, column ?? who.department ?? who.role), ...noRule };
}

const noRule = { clauses: [] } as const;

const cellPointer = (field: Field, column: string): string => `/access/${escapeToken(field)}/${escapeToken(column)}`;

/** Whatever would open the field for this reader, cheapest first; a new version of the policy always can. */
function changesFor(
  profile: Profile,
  who: Reader,
  grant: JudgedGrant | undefined,
  field: Field,
  pointer: string,
): readonly Change[] {
  const column = columnOf(profile, who);
  const cell = cellOf(profile, who, field);
  const kinds = (column === undefined ? [] : (cell?.full ?? [])).filter((kind) => {
    const rule = profile.grantKinds[kind];
    return rule?.grantees.includes(column ?? '') === true && rule.fields.includes(field);
  });
  return [
    ...kinds.flatMap((kind) => stepsFor(profile, grant, kind, field, cell?.onlyWithOrder?.includes(kind) === true)),
    { step: 'new_policy_version', pointer },
  ];
}

/** For the work that is open already, what it lacks; for any other kind, to open it. */
function stepsFor(
  profile: Profile,
  grant: JudgedGrant | undefined,
  kind: GrantKind,
  field: Field,
  needsOrder: boolean,
): readonly Change[] {
  if (kind === 'shipment') return [{ step: 'hand_to_courier', kind }];
  if (kind === 'legal_order') return [{ step: 'register_legal_order', kind }];
  // Whoever objects to a purpose closes it for all work of that purpose.
  if (grant?.kind === kind && grant.state === 'objected') return [{ step: 'withdraw_objection', kind }];
  if (kind === 'break_glass') return profile.breakGlass?.allowed === true ? [{ step: 'open_break_glass', kind }] : [];
  if (grant?.kind !== kind || grant.state !== 'open') return [{ step: 'open_grant', kind }];
  const lacksOrder = !grant.hasOrder && (needsOrder || profile.grantKinds[kind]?.requiresOrder === true);
  return [
    ...(grant.fields?.includes(field) === false ? [{ step: 'name_field', kind } as const] : []),
    ...(lacksOrder ? [{ step: 'name_order', kind } as const] : []),
    ...(grant.hasOrder && grant.fields?.includes(field) !== false ? [{ step: 'open_grant', kind } as const] : []),
  ];
}

/**
 * Sentences that the profile's text quotes beside its rules, by clause: `# E19 «…»`, a quotation may go on over comment lines.
 * A profile that was published without comments has none.
 */
export function quotationsIn(source: string): ReadonlyMap<string, readonly string[]> {
  const comments = source
    .split('\n')
    .map((line) => /#\s?(.*)$/.exec(line)?.[1] ?? '\n')
    .join(' ');
  const quoted = new Map<string, string[]>();
  for (const [, clauses = '', sentence = ''] of comments.matchAll(
    /((?:\b[A-E][1-9]\d?\b(?:, | and )?)+):?\s*«([^»\n]{1,2000})»/g,
  )) {
    for (const clause of clauses.match(/[A-E]\d+/g) ?? []) {
      const known = quoted.get(clause) ?? [];
      if (!known.includes(sentence)) quoted.set(clause, [...known, sentence]);
    }
  }
  return quoted;
}
