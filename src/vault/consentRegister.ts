import { listConsents, type ConsentRow } from '../db/consents.ts';
import { ledgerPurposes } from '../policy/consent.ts';
import { channels, type Role } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { headOf, suppressedAt } from './consentHead.ts';
import { subjectOf } from './consents.ts';
import { requireColumn, statesView } from './consentView.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { believes } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

/** Who reads the events; the others see how things stand and nothing of how they came about. */
const readers: ReadonlySet<Role> = new Set(['subject', 'support', 'dpo']);

/** How a person's consents stand, and for those who may see it what was said when, newest first. */
export async function readConsents(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  page: Page,
): Promise<Answer> {
  permit(caller, 'consents.read');
  const policy = vault.watch.policy(caller.tenantId);
  requireColumn(policy, caller);
  const { keys, contacts } = await subjectOf(vault, caller, customerId);
  const { standings } = await headOf(vault, keys, customerId);
  const suppressed = await suppressedAt(vault, keys, ledgerPurposes(policy.profile), channels, contacts);
  const states = statesView(policy, contacts, standings, suppressed);
  const [rows] = readers.has(caller.role)
    ? await load(vault, caller.tenantId, [listConsents(caller.tenantId, customerId, page.after, page.limit + 1)])
    : [[]];
  const events = pageOf(
    rows,
    page.limit,
    (row) => row.id,
    (row) => (believes(vault, keys, 'consents', row) ? viewOf(row) : undefined),
  );
  return commitAct(vault, caller, act, { subjectId: customerId }, [], {
    status: 200,
    body: { customerId, states, ...events },
  });
}

function viewOf(row: ConsentRow) {
  const { id, purpose, channel, kind, explicit, method, source, textVersion, policyVersion } = row;
  return {
    id,
    purpose,
    channel,
    kind,
    ...(explicit === null ? {} : { explicit }),
    ...(method === null ? {} : { method }),
    source,
    ...(textVersion === null ? {} : { textVersion }),
    policyVersion,
    recordedBy: {
      clientId: row.recordedBy,
      role: row.recordedRole,
      ...(row.actor === null ? {} : { actor: row.actor }),
    },
    ...timeView('at', row.createdAt),
  };
}
