import { changeCase, type CaseFilter, type CaseRow } from '../db/cases.ts';
import { freezeCustomer, thawReported } from '../db/freezes.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, type Act, type Answer } from './act.ts';
import { checkWords, nounOf, openCase, sealCase, signedCase, viewCase } from './caseRecord.ts';
import { caseOf, customerOf, fileCase, guardsOf, isKept, listCases } from './cases.ts';
import type { Caller } from './caller.ts';
import { eventStatement } from './events.ts';
import { isSame, personOf } from './fourEyes.ts';
import { incidentOpening } from './incidents.ts';
import type { Page } from './page.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';

const noun = nounOf('misuse');

export interface NewMisuseReport {
  readonly customerId: string;
  readonly text?: string | undefined;
}

export const misuseOutcomes = ['confirmed', 'unfounded'] as const;
export interface MisuseFinding {
  readonly outcome: (typeof misuseOutcomes)[number];
  readonly finding: string;
}

/**
 * Somebody noticed, or suspects, that an account is misused. What the policy in force says is frozen is frozen by this commit:
 * edits refused, values shown as masks to everybody but the legal desk, nothing sent. Throws `conflict` while it is frozen already.
 */
export async function reportMisuse(vault: Vault, caller: Caller, act: Act, input: NewMisuseReport): Promise<Answer> {
  permit(caller, 'misuse_reports.create');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const { freezes, resolveWithin, opensIncident } = policy.profile.misuse;
  const { customerId, text } = input;
  const entry = { kind: 'misuse', customerId, text, within: resolveWithin } as const;
  return fileCase(vault, caller, act, policy, entry, ({ id }, keys) => [
    freezeCustomer(tenantId, customerId, freezes),
    eventStatement(vault, tenantId, { kind: 'misuse.reported', objectId: id, customerId }),
    // Whom it concerns, and who saw what of them, its extent computes from the log.
    ...(opensIncident ? incidentOpening(vault, keys, caller, { kind: 'misuse', customerId }).statements : []),
  ]);
}

/** Ends its freeze with what was found, by another client and another person than reported it for somebody (`self_approval`). */
export async function resolveMisuse(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  { outcome, finding }: MisuseFinding,
): Promise<Answer> {
  permit(caller, 'misuse_reports.resolve');
  const person = personOf(caller);
  const { tenantId } = caller;
  checkWords(finding, '/finding');
  const row = await caseOf(vault, caller, 'misuse', id);
  if (row.state === 'closed') throw refuse('conflict', '', 'closed');
  if (row.filedRole !== 'subject' && isSame(person, { clientId: row.filedBy, actor: row.filedActor ?? '' }))
    throw new VaultError('self_approval');
  const customer = await customerOf(vault, tenantId, row.customerId);
  const keys = await vault.keyring.tenant(tenantId);
  const closedAt = new Date(vault.now());
  const next = signedCase(keys, {
    ...row,
    state: 'closed',
    outcome,
    closedBy: person.clientId,
    closedActor: person.actor,
    closedAt,
    finding: sealCase(keys, customer, id, 'finding', finding),
  });
  const statements = [
    changeCase(tenantId, next, row.mac),
    thawReported(tenantId, row.customerId),
    eventStatement(vault, tenantId, {
      kind: 'misuse.resolved',
      objectId: id,
      customerId: row.customerId,
      at: closedAt,
    }),
  ];
  const deed = { subjectId: row.customerId, object: { kind: noun, id }, rule: `${noun}.${outcome}` };
  return commitAct(vault, caller, act, deed, statements, { status: 200, body: viewCase(next) });
}

/**
 * One report, with what was said for as long as the person's key is there. While it is open the account's own token, which may be
 * the misuser's, hears none of it.
 */
export async function readMisuseReport(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'misuse_reports.read');
  const row: CaseRow = await caseOf(vault, caller, 'misuse', id);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const kept = isKept(vault.watch.policy(caller.tenantId).profile, row, vault.now());
  const shows = kept && (caller.subjectId === undefined || row.state === 'closed');
  const customer = shows ? await customerOf(vault, caller.tenantId, row.customerId) : undefined;
  const body = { ...viewCase(row), ...openCase(keys, customer, row, { words: 'text', finding: 'finding' }) };
  const deed = { subjectId: row.customerId, object: { kind: noun, id } };
  return commitAct(vault, caller, act, deed, shows ? guardsOf(caller, row) : [], { status: 200, body });
}

export async function listMisuseReports(
  vault: Vault,
  caller: Caller,
  act: Act,
  filter: CaseFilter,
  page: Page,
): Promise<Answer> {
  permit(caller, 'misuse_reports.list');
  return listCases(vault, caller, act, 'misuse', filter, page);
}
