import { selectStandingCustomer, type StandingCustomerRow } from '../db/customers.ts';
import {
  changeSupplementary,
  requireWritable,
  selectOverSupplementary,
  type SupplementaryRow,
} from '../db/supplementaryRequests.ts';
import { refuse, type Fault, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { addDuration } from '../policy/duration.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import { checkPlace, type Address } from './addressParts.ts';
import type { Caller } from './caller.ts';
import { parsePhone, parseSingle, singleFields } from './customerFields.ts';
import { eventStatement } from './events.ts';
import { permit } from './permit.ts';
import type { Value } from './record.ts';
import { believes } from './rowMac.ts';
import { submissionOf, type Submitted } from './submission.ts';
import {
  sealAnswers,
  signedSupplementary,
  standingAt,
  supplementaryOf,
  viewSupplementary,
} from './supplementaryRecord.ts';
import { deedOf, supplementaryRow } from './supplementaryRequests.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export interface AnswersInput extends Submitted {
  /** By the name of what was asked: text, or an address in its parts. */
  readonly answers: Readonly<Record<string, string | Address>>;
}

const longestText = 1_000;

/**
 * Takes what the customer answers, all of it, from the person or from the shop's own pages. It is sealed by itself under the
 * customer's key and goes into no other record: it serves what was asked for, and nothing else.
 */
export async function answerSupplementary(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  input: AnswersInput,
): Promise<Answer> {
  permit(caller, 'supplementary_requests.answer');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const row = await supplementaryRow(vault, caller, id);
  const at = new Date(vault.now());
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, row.customerId)]);
  if (customer === undefined) throw new VaultError('not_found');
  const values = checkAnswers(policy, customer, row, input.answers);
  const submission = submissionOf(policy, caller, input, at);
  const { state } = standingAt(row, at);
  if (state !== 'open') throw refuse('conflict', '', state);
  const keys = await vault.keyring.tenant(tenantId);
  const longest = supplementaryOf(policy.profile)?.longest ?? 'P0D';
  const next = signedSupplementary(keys, {
    ...row,
    state: 'answered',
    closesAt: addDuration(at, longest) ?? at,
    answeredAt: at,
    answeredBy: caller.clientId,
    answeredRole: caller.role,
    answeredActor: caller.actor ?? null,
    answers: sealAnswers(keys, customer, id, { values, submission }),
  });
  const statements = [
    requireWritable(tenantId, row.customerId),
    changeSupplementary(tenantId, [{ ...next, was: row.mac }]),
    eventStatement(vault, tenantId, {
      kind: 'supplementary.answered',
      objectId: id,
      customerId: row.customerId,
      at,
    }),
  ];
  return commitAct(vault, caller, act, deedOf(row), statements, {
    status: 200,
    body: viewSupplementary(policy.profile, next, at),
  });
}

/** Throws once, with every fault. */
function checkAnswers(
  { profile }: Policy,
  { kind }: Pick<StandingCustomerRow, 'kind'>,
  row: SupplementaryRow,
  answers: AnswersInput['answers'],
): Record<string, Value> {
  const asks = supplementaryOf(profile)?.asks ?? {};
  const faults: Fault[] = Object.keys(answers)
    .filter((name) => !row.asks.includes(name))
    .map(() => ({ pointer: '/answers', code: 'not_asked' }));
  const missing = row.asks.filter((name) => !Object.hasOwn(answers, name));
  if (missing.length > 0 && faults.length === 0)
    throw new VaultError(
      'field_required',
      missing.map((name) => ({ pointer: `/answers/${name}`, code: 'field_required' })),
    );
  const values: Record<string, Value> = {};
  for (const name of row.asks) {
    const given = answers[name];
    if (given !== undefined) values[name] = answerOf(asks[name]?.field, kind, given, `/answers/${name}`, faults);
  }
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
  return values;
}

/** In canonical form where the item has one. */
function answerOf(
  field: string | undefined,
  kind: StandingCustomerRow['kind'],
  given: string | Address,
  pointer: string,
  faults: Fault[],
): Value {
  const fault = (code: string): Value => {
    faults.push({ pointer, code });
    return null;
  };
  if (field === 'address') {
    if (typeof given === 'string') return fault('address_in_parts');
    return checkPlace({ address: given }, pointer.slice(0, pointer.lastIndexOf('/')), faults, []).address ?? null;
  }
  if (typeof given !== 'string') return fault('text');
  if (field === 'postalCode') return checkPostalCode(given, pointer, faults);
  const single = singleFields.find((known) => known === field);
  if (field !== 'mobile' && field !== 'landline' && single === undefined) {
    const wrong = checkText(given, { max: longestText, kind: 'text' });
    return wrong === undefined ? given : fault(wrong);
  }
  const parsed =
    single === undefined ? parsePhone(field as 'mobile' | 'landline', given) : parseSingle(single, given, kind, {});
  return parsed.ok ? parsed.canonical : fault(parsed.reason);
}

function checkPostalCode(given: string, pointer: string, faults: Fault[]): Value {
  const found: Fault[] = [];
  const { postalCode = null } = checkPlace({ postalCode: given }, '', found, []);
  faults.push(...found.map(({ code }) => ({ pointer, code })));
  return postalCode;
}

/** Looked at together. */
const atMost = 100;

/**
 * Writes down what the clock has ended: no answer by the day, or nobody done with one in time. Any number of processes may do
 * it at once: of two, one finds it changed and goes on.
 */
export async function sweepSupplementary(vault: Vault): Promise<void> {
  for (const tenantId of vault.watch.tenants()) {
    // A tenant in trouble does not keep the others' from ending.
    await sweepTenant(vault, tenantId).catch(() => undefined);
  }
}

async function sweepTenant(vault: Vault, tenantId: string): Promise<void> {
  const keys = await vault.keyring.tenant(tenantId);
  for (;;) {
    const at = new Date(vault.now());
    const [rows] = await load(vault, tenantId, [selectOverSupplementary(tenantId, at, atMost)]);
    const over = rows.filter((row) => believes(vault, keys, 'supplementary_requests', row));
    if (over.length === 0) return;
    const changes = over.map((row) => ({
      ...signedSupplementary(keys, { ...row, ...standingAt(row, at) }),
      was: row.mac,
    }));
    const events = over
      .filter(({ state }) => state === 'open')
      .map(
        ({ id, customerId, dueAt }) =>
          ({ kind: 'supplementary.expired', objectId: id, customerId, at: dueAt }) as const,
      );
    await write(vault, tenantId, [
      changeSupplementary(tenantId, changes),
      ...(events.length === 0 ? [] : [eventStatement(vault, tenantId, ...events)]),
    ]);
    if (rows.length < atMost) return;
  }
}
