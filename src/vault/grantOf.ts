import type { GrantFacts } from '../db/grantFacts.ts';
import type { Decision, JudgedGrant } from '../policy/judge.ts';
import type { Field, GrantKind } from '../policy/profile.ts';
import { refusalOf } from './act.ts';
import type { Caller } from './caller.ts';
import { checkMac } from './rowMac.ts';
import type { Vault } from './vault.ts';

/**
 * Fixed facts of grants kept in memory once their MAC has been checked, newest used last. They never change, so they never
 * go stale; what somebody makes of the row meanwhile is not read again.
 */
export interface GrantMemory {
  get(tenantId: string, grantId: string): GrantFacts | undefined;
  put(tenantId: string, facts: GrantFacts): void;
  /** Of customers who were erased. */
  forgetCustomers(customerIds: ReadonlySet<string>): void;
}

const remembered = 20_000;

export function grantMemory(): GrantMemory {
  const known = new Map<string, GrantFacts>();
  return {
    get: (tenantId, grantId) => known.get(tenantId + grantId),
    put(tenantId, facts) {
      known.set(tenantId + facts.id, facts);
      if (known.size > remembered) known.delete(known.keys().next().value ?? '');
    },
    forgetCustomers(customerIds) {
      for (const [key, { customerId }] of known) if (customerIds.has(customerId)) known.delete(key);
    },
  };
}

/**
 * The grant a reader names, if it is this reader's and for this customer. Anything else, an unknown one included, is
 * undefined: the reader then sees masks, and cannot tell which it was.
 */
export async function grantOf(
  vault: Vault,
  caller: Caller,
  customerId: string,
  grantId: string | undefined,
): Promise<GrantFacts | undefined> {
  if (grantId === undefined) return undefined;
  const facts = await ownGrant(vault, caller, grantId);
  return facts?.customerId === customerId ? facts : undefined;
}

/** The grant a reader names, if it is this reader's, whoever it is about. */
export async function ownGrant(vault: Vault, caller: Caller, grantId: string): Promise<GrantFacts | undefined> {
  const facts = await factsOf(vault, caller.tenantId, grantId);
  return facts !== undefined && isGrantee(facts, caller) ? facts : undefined;
}

async function factsOf(vault: Vault, tenantId: string, grantId: string): Promise<GrantFacts | undefined> {
  const known = vault.grants.get(tenantId, grantId);
  if (known !== undefined) return known;
  try {
    const facts = await vault.reads.grantFacts(tenantId, grantId);
    if (facts === undefined) return undefined;
    checkMac(await vault.keyring.tenant(tenantId), 'grants', facts);
    vault.grants.put(tenantId, facts);
    return facts;
  } catch (error) {
    throw refusalOf(vault, error);
  }
}

/** Is the grant for this caller: its client, or its role (and department), and its staff member where one is named? */
export function isGrantee(
  facts: GrantFacts,
  caller: Pick<Caller, 'clientId' | 'role' | 'department' | 'actor'>,
): boolean {
  if (facts.actor !== null && facts.actor !== caller.actor) return false;
  if (facts.granteeClientId !== null) return facts.granteeClientId === caller.clientId;
  if (facts.granteeRole !== caller.role) return false;
  return facts.granteeDepartment === null || facts.granteeDepartment === caller.department;
}

/** By the window it was opened with. Whether it was closed since, the read asks of the row. */
export function stateAt(facts: Pick<GrantFacts, 'opensAt' | 'closesAt'>, now: number): 'open' | 'expired' {
  return facts.opensAt.getTime() <= now && now < facts.closesAt.getTime() ? 'open' : 'expired';
}

export type GrantState = JudgedGrant['state'];

/**
 * What a read comes to when its grant has closed meanwhile, or its customer was frozen: the person's own token, which needs no
 * grant, loses its full view by the latter alone. The same decision where neither changes anything.
 */
export function closedDecision(
  { role }: Caller,
  decision: Decision,
  hasGrant: boolean,
  decide: (state: GrantState, frozen: boolean) => Decision,
): Decision {
  if (hasGrant) return decide('expired', false);
  return role === 'subject' ? decide('open', true) : decision;
}

/** How the statement that recorded a read found its grant and its customer. */
export interface ReadFound {
  readonly granted: boolean;
  readonly frozen: boolean;
  readonly objected: readonly string[];
}

/** What is shown of a read. It agrees with the leaf that the statement chose; only the reason for what is hidden is closer. */
export function seenAs(
  { granted, frozen, objected }: ReadFound,
  grant: GrantFacts | undefined,
  { state, decision, closed }: { readonly state: GrantState; readonly decision: Decision; readonly closed: Decision },
  decide: (state: GrantState, frozen: boolean) => Decision,
): Decision {
  if (frozen) return decide(state, true);
  if (granted) return decision;
  return grant !== undefined && objected.includes(grant.purpose) ? decide('objected', false) : closed;
}

/** Among the fields of a grant, which its MAC covers: an account was given with it (refundAccounts.ts). No field of anybody. */
export const accountMark = 'account';

/** The fields it names; null for all that its kind allows. */
export const namedFields = ({ fields }: Pick<GrantFacts, 'fields'>): readonly Field[] | null =>
  fields === null ? null : (fields.filter((name) => name !== accountMark) as Field[]);

/** What the judge needs of it. */
export function judged(facts: GrantFacts, state: JudgedGrant['state'], delivered?: boolean): JudgedGrant {
  return {
    kind: facts.kind as GrantKind,
    purpose: facts.purpose,
    hasOrder: facts.orderId !== null,
    fields: namedFields(facts) ?? undefined,
    state,
    delivered,
  };
}
