import { refuse, VaultError } from '../errors.ts';
import type { Profile } from '../policy/profile.ts';

type GroundKind = keyof Profile['grounds'];
type Demand = Profile['grounds'][GroundKind]['demands'][number];

/** The orders that open the gate, by kind and by whose authority. What is not here is no order. */
const groundOf: Readonly<Record<string, Readonly<Record<string, GroundKind>>>> = {
  production: { judicial: 'judicial_order' },
  administrative_request: { administrative: 'administrative_order' },
};

/** Where the order says what a profile demands; `always` is so for every order, `never` cannot be met here. */
const demandedAt: Readonly<Record<Demand, string>> = {
  order: 'always',
  two_persons: 'always',
  issuing_authority: '/authority/name',
  law: '/basis/law',
  article: '/basis/article',
  recipient_body: '/recipient/name',
  case_reference: '/letter/caseNumber',
  written_reason: '/letter/subject',
  later_review: 'never',
  subject_permission: 'never',
};

/** What the law itself wants of each ground, whatever the profile says. */
const lawfulDemands: Readonly<Partial<Record<GroundKind, readonly string[]>>> = {
  // CPC 671: by the order of a named judge, handed to the officer whom it names.
  judicial_order: ['/recipient/title'],
  // E15 «صالحه»: what makes the body competent is part of its request.
  administrative_order: ['/basis/law', '/basis/article'],
};

/**
 * The members an order must have to rest on its ground under this profile, as pointers. Throws `ground_not_allowed` for
 * every kind, authority and ground but those the profile in force allows.
 */
export function demandsOf(profile: Profile, kind: string, authorityKind: string): readonly string[] {
  const grounds = Object.hasOwn(groundOf, kind) ? groundOf[kind] : undefined;
  if (grounds === undefined) throw refuse('ground_not_allowed', '/kind');
  const ground = Object.hasOwn(grounds, authorityKind) ? grounds[authorityKind] : undefined;
  if (ground === undefined) throw refuse('ground_not_allowed', '/authority/kind');
  const rule = profile.grounds[ground];
  const places = rule.demands.map((demand) => demandedAt[demand]);
  if (!rule.allowed || places.includes('never')) throw new VaultError('ground_not_allowed');
  return [...new Set([...places.filter((place) => place !== 'always'), ...(lawfulDemands[ground] ?? [])])];
}
