import { fields as allFields } from './profile.ts';
import type { Cell, Field, GrantKind, Profile, Reason } from './profile.ts';
import { cellOf, columnOf } from './reader.ts';
import type { Reader } from './reader.ts';
import { isImpersonal } from './references.ts';

export { carrierShows } from './reader.ts';
export type { Reader } from './reader.ts';

/** What of a grant decides. The caller has checked that it is this reader's, and for this subject. */
export interface JudgedGrant {
  readonly kind: GrantKind;
  readonly purpose: string;
  readonly hasOrder: boolean;
  /** Has that order reached its recipient? Only a plain `false` opens what closes at delivery. */
  readonly delivered?: boolean | undefined;
  /** undefined: all that the kind allows. */
  readonly fields: readonly Field[] | undefined;
  /** expired: closed, past its end, or used up. objected: the person has closed its purpose. */
  readonly state: 'open' | 'expired' | 'objected';
}

/** `rule` is stable and names field, reader and what it rests on: `nationalId.accounting.invoice`, `….base`, `….none`. */
export type Verdict =
  | { readonly state: 'full'; readonly rule: string }
  | { readonly state: 'masked'; readonly reason: Reason; readonly rule: string }
  | { readonly state: 'withheld'; readonly reason: Reason; readonly rule: string };

/** One read, judged. */
export interface Decision {
  /** Of the fields asked for, those released in full and those shown as masks. */
  readonly full: readonly Field[];
  readonly masked: readonly Field[];
  /** For every field there is, asked for or not. */
  readonly verdicts: Readonly<Record<Field, Verdict>>;
  /** What the widest release rests on, for the audit: `support.ticket`, `support.base`, `marketing.none`. */
  readonly rule: string;
}

/**
 * May this reader see this field, and how? Pure. Of a customer who is frozen (a report of misuse) nothing personal is full, not
 * even to the person's own token, which may be in other hands: what would be is masked, for the reason `deactivated`. What no
 * cell of the profile allows is withheld; a value is full only under an open grant of a kind the cell lists, save for the
 * person's own view and for what the profile calls impersonal.
 */
export function judge(
  profile: Profile,
  who: Reader,
  grant: JudgedGrant | undefined,
  field: Field,
  frozen = false,
): Verdict {
  const column = columnOf(profile, who);
  const cell = cellOf(profile, who, field);
  const place = `${field}.${column ?? who.role}`;
  if (column === undefined || cell === undefined) {
    return Object.freeze({ state: 'withheld', reason: 'role', rule: `${place}.none` });
  }
  if (cell.base === 'full' && (who.role === 'subject' || isImpersonal(profile, field))) {
    if (!frozen || isImpersonal(profile, field)) return Object.freeze({ state: 'full', rule: `${place}.base` });
    return Object.freeze({ state: 'masked', reason: 'deactivated', rule: `${place}.frozen` });
  }
  const seen = weigh(profile, column, cell, grant, field);
  if (typeof seen === 'object' && !frozen) return Object.freeze({ state: 'full', rule: `${place}.${seen.kind}` });
  const reason = typeof seen === 'object' ? 'deactivated' : seen;
  return Object.freeze({ state: cell.base === 'none' ? 'withheld' : 'masked', reason, rule: `${place}.base` });
}

/** The grant if it opens this cell, or the first thing that stands in its way: role, no grant, kind, scope, time. */
function weigh(
  profile: Profile,
  column: string,
  cell: Cell,
  grant: JudgedGrant | undefined,
  field: Field,
): JudgedGrant | Reason {
  if (cell.full.length === 0) return 'role';
  if (grant === undefined) return 'no_grant';
  const kind = profile.grantKinds[grant.kind];
  if (kind === undefined || !kind.grantees.includes(column) || kind.purpose !== grant.purpose) return 'purpose';
  if (!cell.full.includes(grant.kind)) return 'purpose';
  if (!kind.fields.includes(field) || grant.fields?.includes(field) === false) return 'grant_scope';
  const untilDelivered = cell.onlyUndelivered?.includes(grant.kind) === true;
  const needsOrder = kind.requiresOrder || untilDelivered || cell.onlyWithOrder?.includes(grant.kind) === true;
  if (needsOrder && !grant.hasOrder) return 'grant_scope';
  if (grant.state !== 'open') return grant.state === 'objected' ? 'consent' : 'expired';
  return untilDelivered && grant.delivered !== false ? 'expired' : grant;
}

/** Judges a whole read. Pure and frozen. */
export function decide(
  profile: Profile,
  who: Reader,
  grant: JudgedGrant | undefined,
  fields: readonly Field[],
  frozen = false,
): Decision {
  const verdicts = Object.freeze(
    Object.fromEntries(allFields.map((field) => [field, judge(profile, who, grant, field, frozen)])),
  ) as Readonly<Record<Field, Verdict>>;
  const full = Object.freeze(fields.filter((field) => verdicts[field].state === 'full'));
  const masked = Object.freeze(fields.filter((field) => verdicts[field].state === 'masked'));
  const rule = `${columnOf(profile, who) ?? who.role}.${basis(verdicts, full, masked, grant)}`;
  return Object.freeze({ full, masked, verdicts, rule });
}

function basis(
  verdicts: Readonly<Record<Field, Verdict>>,
  full: readonly Field[],
  masked: readonly Field[],
  grant: JudgedGrant | undefined,
): string {
  if (grant !== undefined && full.some((field) => !verdicts[field].rule.endsWith('.base'))) return grant.kind;
  return full.length + masked.length > 0 ? 'base' : 'none';
}

/** The judge of one profile, for as long as that profile is in force. */
export interface Judge {
  readonly judge: (who: Reader, grant: JudgedGrant | undefined, field: Field) => Verdict;
  readonly decide: (
    who: Reader,
    grant: JudgedGrant | undefined,
    fields: readonly Field[],
    frozen?: boolean,
  ) => Decision;
}

/** Decisions kept per judge; the oldest goes out. A tenant has far fewer kinds of reader and grant. */
const remembered = 2_048;

/** The same answers as `judge` and `decide`, each worked out once per kind of reader, grant and fields asked. */
export function judgeFor(profile: Profile): Judge {
  const decisions = new Map<string, Decision>();
  const decideOnce: Judge['decide'] = (who, grant, fields, frozen = false) => {
    const key = `${frozen ? 'frozen ' : ''}${fields === allFields ? 'all' : fields.join()} ${shapeOf(who, grant)}`;
    const known = decisions.get(key);
    if (known !== undefined) return known;
    const decision = decide(profile, who, grant, fields, frozen);
    const oldest = decisions.keys().next();
    if (decisions.size >= remembered && oldest.done !== true) decisions.delete(oldest.value);
    decisions.set(key, decision);
    return decision;
  };
  const judgeOnce: Judge['judge'] = (who, grant, field) => decideOnce(who, grant, []).verdicts[field];
  return Object.freeze({ judge: judgeOnce, decide: decideOnce });
}

/** JSON, so that no department's or purpose's name can pass for a separator. */
function shapeOf({ role, department, carrierProfile }: Reader, grant: JudgedGrant | undefined): string {
  if (grant === undefined) return JSON.stringify([role, department, carrierProfile]);
  const { kind, purpose, hasOrder, delivered, fields, state } = grant;
  return JSON.stringify([role, department, carrierProfile, kind, purpose, hasOrder, delivered, fields, state]);
}
