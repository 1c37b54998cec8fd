import { refuse } from '../errors.ts';
import { matchableBy, searchableBy } from '../policy/grants.ts';
import { commitAct, refusalOf, type Act, type Answer } from './act.ts';
import { leafOf } from './audit.ts';
import type { Caller } from './caller.ts';
import { parseSearch, type Searchable } from './customerFields.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';
import { VaultError } from '../errors.ts';

/** Who holds this identifier, in any spelling. Ids and states only; each one found has its leaf before the answer. */
export async function searchCustomers(
  vault: Vault,
  caller: Caller,
  act: Act,
  by: Searchable,
  value: string,
): Promise<Answer> {
  permit(caller, 'customers.search');
  const policy = vault.watch.policy(caller.tenantId);
  if (!searchableBy(policy.profile, caller).includes(by)) throw new VaultError('not_permitted');
  const keys = await vault.keyring.tenant(caller.tenantId);
  const tags = keys.tags(by, searchKeyOf(by, value, '/value'));
  const found = await audited(vault, vault.reads.matches({ tenantId: caller.tenantId, field: by, tags }));
  const matches = found.map(({ id, kind, status }) => ({ id, kind, status }));
  const answer = { status: 200, body: { matches } };
  const rule = `search.${by}`;
  const [first, ...others] = matches;
  await Promise.all(
    others.map((match) => audited(vault, vault.reads.leaf(leafOf(vault, caller, act, { subjectId: match.id, rule })))),
  );
  const deed = { subjectId: first?.id, rule };
  // An answer about several is stored for none of them: it would go on finding whoever is erased meanwhile.
  if (act.idempotency !== undefined && others.length === 0) return commitAct(vault, caller, act, deed, [], answer);
  await audited(vault, vault.reads.leaf(leafOf(vault, caller, act, deed)));
  return answer;
}

/** Yes or no: does this customer hold this value? Nothing is opened and nothing is shown. */
export async function matchCustomer(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  field: Searchable,
  value: string,
): Promise<Answer> {
  permit(caller, 'customers.match');
  const policy = vault.watch.policy(caller.tenantId);
  if (!matchableBy(policy.profile, caller).includes(field)) throw new VaultError('not_permitted');
  const keys = await vault.keyring.tenant(caller.tenantId);
  const tags = keys.tags(field, searchKeyOf(field, value, '/value'));
  const found = await audited(vault, vault.reads.matches({ tenantId: caller.tenantId, field, tags }));
  const match = found.some((holder) => holder.id === id);
  return commitAct(vault, caller, act, { subjectId: id, rule: `match.${field}` }, [], { status: 200, body: { match } });
}

function searchKeyOf(by: Searchable, value: string, pointer: string): string {
  const parsed = parseSearch(by, value);
  if (!parsed.ok) throw refuse('invalid_body', pointer, parsed.reason);
  return parsed.canonical;
}

async function audited<T>(vault: Vault, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw refusalOf(vault, error);
  }
}
