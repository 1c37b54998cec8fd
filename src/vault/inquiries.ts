import { changeCase, closeGrantsOfCase, type CaseFilter } from '../db/cases.ts';
import { refuse } from '../errors.ts';
import { commitAct, type Act, type Answer } from './act.ts';
import { checkWords, nounOf, openCase, sealCase, signedCase, viewCase } from './caseRecord.ts';
import { caseOf, customerOf, fileCase, guardsOf, isKept, listCases, tellStep } from './cases.ts';
import type { Caller } from './caller.ts';
import { eventStatement } from './events.ts';
import { personOf } from './fourEyes.ts';
import type { Page } from './page.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';

const noun = nounOf('inquiry');

export interface NewInquiry {
  readonly customerId: string;
  readonly text: string;
}

/** A question or a comment, that somebody has to answer. */
export async function fileInquiry(vault: Vault, caller: Caller, act: Act, input: NewInquiry): Promise<Answer> {
  permit(caller, 'inquiries.create');
  const policy = vault.watch.policy(caller.tenantId);
  const { customerId, text } = input;
  const within = policy.profile.inquiries?.answerWithin ?? policy.profile.rights.erase.deadline;
  return fileCase(vault, caller, act, policy, { kind: 'inquiry', customerId, text, within }, ({ id }) => [
    eventStatement(vault, caller.tenantId, { kind: 'inquiry.opened', objectId: id, customerId }),
  ]);
}

/** The answer ends it, and the work that was opened for it. */
export async function answerInquiry(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  answer: string,
): Promise<Answer> {
  permit(caller, 'inquiries.answer');
  const { clientId, actor } = personOf(caller);
  const { tenantId } = caller;
  checkWords(answer, '/answer');
  const row = await caseOf(vault, caller, 'inquiry', id);
  if (row.state === 'closed') throw refuse('conflict', '', 'closed');
  const customer = await customerOf(vault, tenantId, row.customerId);
  const keys = await vault.keyring.tenant(tenantId);
  const at = new Date(vault.now());
  const next = signedCase(keys, {
    ...row,
    state: 'closed',
    outcome: 'answered',
    closedBy: clientId,
    closedActor: actor,
    closedAt: at,
    grantIds: [],
    finding: sealCase(keys, customer, id, 'finding', answer),
  });
  const { customerId } = row;
  const statements = [
    changeCase(tenantId, next, row.mac),
    closeGrantsOfCase(tenantId, row.grantIds, at),
    eventStatement(vault, tenantId, { kind: 'inquiry.answered', objectId: id, customerId, at }),
    ...(await tellStep(vault, caller, act, next)),
  ];
  const deed = { subjectId: customerId, object: { kind: noun, id }, rule: `${noun}.answered` };
  return commitAct(vault, caller, act, deed, statements, { status: 200, body: viewCase(next) });
}

/** One inquiry; what was asked and answered is support's, the officer's and the person's to read, for as long as it is kept. */
export async function readInquiry(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'inquiries.read');
  const { tenantId, role } = caller;
  const row = await caseOf(vault, caller, 'inquiry', id);
  const shows = role !== 'shop_backend' && isKept(vault.watch.policy(tenantId).profile, row, vault.now());
  const keys = await vault.keyring.tenant(tenantId);
  const customer = shows ? await customerOf(vault, tenantId, row.customerId) : undefined;
  const body = { ...viewCase(row), ...openCase(keys, customer, row, { words: 'text', finding: 'answer' }) };
  const deed = { subjectId: row.customerId, object: { kind: noun, id } };
  return commitAct(vault, caller, act, deed, guardsOf(caller, row), { status: 200, body });
}

export async function listInquiries(
  vault: Vault,
  caller: Caller,
  act: Act,
  filter: CaseFilter,
  page: Page,
): Promise<Answer> {
  permit(caller, 'inquiries.list');
  return listCases(vault, caller, act, 'inquiry', filter, page);
}
