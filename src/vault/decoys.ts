import { selectCustomer } from '../db/customers.ts';
import { putDecoyList } from '../db/decoyList.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { decoyList, mostDecoys, sealedDecoys, type Decoy } from './decoyList.ts';
import { personOf } from './fourEyes.ts';
import { newId } from './ids.ts';
import { permit } from './permit.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

/**
 * Marks a customer as nobody's: a record that the shop has stored as it stores any other, and that nobody has reason to read.
 * The mark stands in a sealed list of a fixed size; the leaf names the mark and not the customer. Throws `conflict` where the
 * customer is marked already, or the list is full.
 */
export async function createDecoy(vault: Vault, caller: Caller, act: Act, customerId: string): Promise<Answer> {
  permit(caller, 'decoys.create');
  personOf(caller);
  const { tenantId } = caller;
  if (vault.watch.policy(tenantId).profile.decoys === undefined) throw refuse('not_permitted', '', 'not_in_policy');
  const [[customer]] = await load(vault, tenantId, [selectCustomer(tenantId, customerId)]);
  if (customer === undefined) throw refuse('invalid_body', '/customerId', 'unknown_id');
  const keys = await vault.keyring.tenant(tenantId);
  const list = await decoyList(vault, keys);
  const taken = list.decoys.some((decoy) => decoy.customerId === customerId);
  if (taken) throw refuse('conflict', '/customerId', 'decoy_already');
  if (list.decoys.length >= mostDecoys) throw refuse('conflict', '', 'too_many');
  const now = vault.now();
  const decoy: Decoy = { id: newId(now), customerId, since: new Date(now).toISOString() };
  const next = sealedDecoys(keys, list, [...list.decoys, decoy], now);
  const deed = { object: { kind: 'decoys', id: decoy.id } };
  return commitAct(vault, caller, act, deed, [putDecoyList(tenantId, next)], { status: 201, body: viewOf(decoy) });
}

export async function listDecoys(vault: Vault, caller: Caller, act: Act): Promise<Answer> {
  permit(caller, 'decoys.list');
  const { decoys } = await decoyList(vault, await vault.keyring.tenant(caller.tenantId));
  return commitAct(vault, caller, act, {}, [], { status: 200, body: { items: decoys.map(viewOf) } });
}

/** Takes the mark away. The record stays, as one that anybody may have reason to read. */
export async function retireDecoy(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'decoys.retire');
  personOf(caller);
  const { tenantId } = caller;
  const keys = await vault.keyring.tenant(tenantId);
  const list = await decoyList(vault, keys);
  const decoy = list.decoys.find((one) => one.id === id);
  if (decoy === undefined) throw new VaultError('not_found');
  const left = list.decoys.filter((one) => one.id !== id);
  const next = sealedDecoys(keys, list, left, vault.now());
  const deed = { object: { kind: 'decoys', id } };
  return commitAct(vault, caller, act, deed, [putDecoyList(tenantId, next)], { status: 200, body: viewOf(decoy) });
}

function viewOf({ id, customerId, since }: Decoy) {
  return { id, customerId, ...timeView('since', new Date(since)) };
}
