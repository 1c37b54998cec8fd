import { refuse, VaultError } from '../errors.ts';
import type { GroundKind, Profile } from '../policy/profile.ts';

export const orderKinds = [
  'production',
  'preservation',
  'search_seizure',
  'administrative_request',
  'statutory_duty',
] as const;
export type OrderKind = (typeof orderKinds)[number];

/** In which quality somebody receives what is disclosed. */
export const recipientKinds = [
  'issuer',
  'named_officer',
  'body',
  'court',
  'lawyer',
  'police',
  'emergency_service',
  'third_party',
] as const;
export type RecipientKind = (typeof recipientKinds)[number];

type Demand = Profile['grounds'][GroundKind]['demands'][number];

interface GroundRule {
  readonly kinds: readonly OrderKind[];
  /** Whose letter it rests on; none: it rests on no letter, and one in its place is refused. */
  readonly authorities: readonly string[];
  /** What the law itself wants of it, whatever the profile says; pointers. */
  readonly required: readonly string[];
  /** Whom it may serve; the first is who is meant when the record does not say. */
  readonly recipients: readonly RecipientKind[];
  readonly mostSubjects: number;
  /** How long an approval opens the gate. Milliseconds. */
  readonly approvalMs: number;
  /** Tells the protection officer at once. */
  readonly alarm: boolean;
}

const minuteMs = 60_000;
const weekMs = 7 * 24 * 60 * minuteMs;
const letter = ['/authority/name', '/letter/number', '/letter/date'];
const ownReason = ['/case/number', '/reason', '/decider/name'];
const common = { mostSubjects: 100, approvalMs: weekMs, alarm: false };

const rules: Readonly<Record<GroundKind, GroundRule>> = {
  // CPC 671: by the order of a named judge, handed to the officer whom it names. CPC 669: an officer alone may have data kept.
  judicial_order: {
    ...common,
    kinds: ['production', 'preservation', 'search_seizure'],
    authorities: ['judicial', 'officer'],
    required: letter,
    recipients: ['issuer', 'named_officer'],
  },
  // E15 «صالحه»: what makes the body competent is part of its request.
  administrative_order: {
    ...common,
    kinds: ['administrative_request'],
    authorities: ['administrative'],
    required: [...letter, '/basis/law', '/basis/article'],
    recipients: ['issuer', 'named_officer'],
  },
  statute: {
    ...common,
    kinds: ['statutory_duty'],
    authorities: ['administrative', 'judicial', 'none'],
    required: ['/basis/law', '/basis/article'],
    recipients: ['body'],
  },
  // A16: no order stands behind these, so each says why, for which case, and who decided it.
  legal_process: {
    ...common,
    kinds: ['production'],
    authorities: ['none'],
    required: ownReason,
    recipients: ['court', 'police'],
  },
  legal_pursuit: {
    ...common,
    kinds: ['production', 'preservation'],
    authorities: ['none'],
    required: ownReason,
    recipients: ['court', 'police', 'lawyer'],
  },
  defence_of_rights: {
    ...common,
    kinds: ['production'],
    authorities: ['none'],
    required: ownReason,
    recipients: ['court', 'lawyer', 'police'],
  },
  // A19: one subject, for minutes, and everybody who watches is told.
  emergency: {
    kinds: ['production'],
    authorities: ['none'],
    required: ['/reason', '/decider/name'],
    recipients: ['police', 'emergency_service', 'body'],
    mostSubjects: 1,
    approvalMs: 30 * minuteMs,
    alarm: true,
  },
  // B6: recipient, fields and purpose were shown first, and the permission is older than the disclosure.
  consent: {
    ...common,
    kinds: ['production'],
    authorities: ['none'],
    required: [
      '/permission/id',
      '/permission/givenAt',
      '/permission/purpose',
      '/permission/recipientName',
      '/permission/fields',
    ],
    recipients: ['third_party', 'body', 'court', 'lawyer', 'police'],
    mostSubjects: 1,
  },
};

/** Kinds whose ground follows from whose letter it is. */
const derived: Readonly<Record<OrderKind, Readonly<Record<string, GroundKind>>>> = {
  production: { judicial: 'judicial_order' },
  preservation: { judicial: 'judicial_order', officer: 'judicial_order' },
  search_seizure: { judicial: 'judicial_order' },
  administrative_request: { administrative: 'administrative_order' },
  statutory_duty: { administrative: 'statute', judicial: 'statute', none: 'statute' },
};

/** What an order says of its ground, as sent. */
export interface Claimed {
  readonly kind: string;
  readonly authorityKind: string | undefined;
  readonly ground: string | undefined;
}

export interface Ground extends GroundRule {
  readonly kind: OrderKind;
  readonly ground: GroundKind;
  readonly authorityKind: string;
  /** Two persons are the least there is; a profile may want more approvals, never none. */
  readonly approvals: number;
  readonly needsReview: boolean;
}

/**
 * The ground this rests on under the profile in force, and everything it demands. Throws `ground_not_allowed` for every
 * kind, authority and ground but those the profile allows: a private lawyer's letter and a foreign authority's are none.
 */
export function groundOf(profile: Profile, claimed: Claimed): Ground {
  const kind = orderKinds.find((known) => known === claimed.kind);
  if (kind === undefined) throw refuse('ground_not_allowed', '/kind');
  if (claimed.ground === undefined && claimed.authorityKind === undefined && kind !== 'statutory_duty')
    throw refuse('invalid_body', '/authority', 'required');
  const authorityKind = claimed.authorityKind ?? 'none';
  const followed = followedBy(kind, authorityKind);
  const named = claimed.ground === undefined ? followed : groundNamed(claimed.ground);
  if (named === undefined) throw refuse('ground_not_allowed', '/authority/kind');
  const rule = rules[named];
  if (!rule.kinds.includes(kind)) throw refuse('ground_not_allowed', '/kind');
  const urgent = authorityKind === 'officer' && kind !== 'preservation';
  if (!rule.authorities.includes(authorityKind) || urgent) throw refuse('ground_not_allowed', '/authority/kind');
  const own = profile.grounds[named];
  if (!own.allowed) throw new VaultError('ground_not_allowed');
  const required = [
    ...rule.required,
    ...own.demands.flatMap((demand) => placesOf(demand, rule)),
    ...byKind(kind, named),
  ];
  return {
    ...rule,
    kind,
    ground: named,
    authorityKind,
    required: [...new Set(required)],
    approvals: own.approvals,
    needsReview: own.demands.includes('later_review'),
  };
}

function followedBy(kind: OrderKind, authorityKind: string): GroundKind | undefined {
  const known = derived[kind];
  return Object.hasOwn(known, authorityKind) ? known[authorityKind] : undefined;
}

function groundNamed(name: string): GroundKind {
  if (!Object.hasOwn(rules, name)) throw refuse('ground_not_allowed', '/ground');
  return name as GroundKind;
}

/** CPC 673: a search says where; what only keeps data hands nothing to anybody. */
function byKind(kind: OrderKind, ground: GroundKind): readonly string[] {
  if (kind === 'preservation') return [];
  const officer = ground === 'judicial_order' ? ['/recipient/name', '/recipient/title'] : ['/recipient/name'];
  return kind === 'search_seizure' ? ['/scope/place', '/letter/caseNumber', ...officer] : officer;
}

/** Where the record says what a profile demands. Two persons and the later review are steps, not members. */
function placesOf(demand: Demand, { authorities }: GroundRule): readonly string[] {
  const onLetter = !authorities.includes('none');
  switch (demand) {
    case 'order':
      return letter;
    case 'issuing_authority':
      return ['/authority/name'];
    case 'law':
      return ['/basis/law'];
    case 'article':
      return ['/basis/article'];
    case 'recipient_body':
      return ['/recipient/name'];
    case 'case_reference':
      return [onLetter ? '/letter/caseNumber' : '/case/number'];
    case 'written_reason':
      return [onLetter ? '/letter/subject' : '/reason'];
    case 'subject_permission':
      return ['/permission/givenAt'];
    case 'two_persons':
    case 'later_review':
      return [];
  }
}
