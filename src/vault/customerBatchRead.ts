import { VaultError, type Fault } from '../errors.ts';
import type { Act, Answer } from './act.ts';
import { recordRefusals } from './audit.ts';
import type { Caller } from './caller.ts';
import { readView, type ReadRequest } from './customers.ts';
import type { CustomerView } from './customerView.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';

/** Customers whose values are opened before other requests get a turn: about 4 ms of ciphers. */
const turn = 25;

/** What became of one item, at its place. */
export type ReadResult =
  | { readonly status: 200; readonly customer: CustomerView }
  | { readonly status: number; readonly code: string; readonly errors: readonly Fault[] };

/**
 * Many customers as this caller may see each of them now: every one read by itself, under its own grant or in masks, with
 * its own leaf; joined in flight, so that all of them are a few statements. What is refused keeps nothing else back. The
 * answer leaves only after every leaf is durable. It is never stored: an Idempotency-Key reads again, by today's rules.
 */
export async function readBatch(
  vault: Vault,
  caller: Caller,
  act: Act,
  requests: readonly ReadRequest[],
): Promise<Answer> {
  permit(caller, 'customers.read');
  const outcomes = await Promise.all(requests.map((request) => readOne(vault, caller, act, request)));
  const results: ReadResult[] = [];
  for (const [at, outcome] of outcomes.entries()) {
    if (at % turn === turn - 1) await new Promise(setImmediate);
    results.push(outcome instanceof VaultError ? refused(outcome) : { status: 200, customer: outcome() });
  }
  const refusals = outcomes.flatMap((outcome, at) =>
    outcome instanceof VaultError ? [{ code: outcome.code, objectId: requests[at]?.id }] : [],
  );
  if (refusals.length > 0) await recordRefusals(vault, caller, act, refusals);
  return { status: 200, body: { results } };
}

/** Its view, still sealed; or why it is refused. A fault of the vault's own is everybody's. */
async function readOne(
  vault: Vault,
  caller: Caller,
  act: Act,
  request: ReadRequest,
): Promise<(() => CustomerView) | VaultError> {
  try {
    return await readView(vault, caller, act, request);
  } catch (error) {
    if (error instanceof VaultError && error.status < 500) return error;
    throw error;
  }
}

function refused({ status, code, faults }: VaultError): ReadResult {
  return { status, code, errors: faults };
}
