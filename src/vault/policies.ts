import { VaultError } from '../errors.ts';
import { commitAct, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { numberedPageOf, type NumberedPage } from './page.ts';
import { permit } from './permit.ts';
import type { ArchivedVersion, PolicyArchive, PolicyHistory } from './policyArchive.ts';
import { requirePublicTenant } from './publicTenant.ts';
import { policyDocument } from './policyDocument.ts';
import { policyListDocument } from './policyListDocument.ts';
import { listedPolicy, wholePolicy, type PolicyAudience } from './policyView.ts';
import type { Vault } from './vault.ts';

/** Every version there is, newest first. */
export async function listPolicies(
  vault: Vault,
  archive: PolicyArchive,
  caller: Caller,
  act: Act,
  page: NumberedPage,
): Promise<Answer> {
  permit(caller, 'policies.list');
  const body = pageOf(await archive.history(caller.tenantId), page, vault.now());
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

/** One version and what it changed; for the officer also who published it and told of it. */
export async function readPolicy(
  vault: Vault,
  archive: PolicyArchive,
  caller: Caller,
  act: Act,
  number: number,
): Promise<Answer> {
  permit(caller, 'policies.read');
  const { tenantId, role } = caller;
  const history = await archive.history(tenantId);
  const audience: PolicyAudience = role === 'dpo' ? 'officer' : 'public';
  const body = wholePolicy(history, versionOf(history, number), vault.now(), audience);
  const deed = { object: { kind: 'policies', id: tenantId }, recordVersion: number };
  return commitAct(vault, caller, act, deed, [], { status: 200, body });
}

/** The same list for whoever the policy is about. Without a caller there is no leaf: it is published. */
export async function publicPolicies(vault: Vault, archive: PolicyArchive, tenantId: string, page: NumberedPage) {
  return pageOf(await publicHistory(vault, archive, tenantId), page, vault.now());
}

/** The same as a Persian page. */
export async function printedPolicies(vault: Vault, archive: PolicyArchive, tenantId: string, page: NumberedPage) {
  const history = await publicHistory(vault, archive, tenantId);
  const { items, nextCursor = null } = versionsOf(history, page, (version) => version);
  return policyListDocument(history, items, nextCursor, vault.now());
}

/** One version, and what it changed since the one before. */
export async function publicPolicy(vault: Vault, archive: PolicyArchive, tenantId: string, number: number) {
  const history = await publicHistory(vault, archive, tenantId);
  return wholePolicy(history, versionOf(history, number), vault.now(), 'public');
}

/** The same as a Persian document. */
export async function printedPolicy(
  vault: Vault,
  archive: PolicyArchive,
  tenantId: string,
  number: number,
): Promise<string> {
  const history = await publicHistory(vault, archive, tenantId);
  return policyDocument(history, versionOf(history, number), vault.now());
}

async function publicHistory(vault: Vault, archive: PolicyArchive, tenantId: string): Promise<PolicyHistory> {
  await requirePublicTenant(vault, tenantId);
  return archive.recent(tenantId);
}

function versionOf({ versions }: PolicyHistory, number: number): ArchivedVersion {
  const version = versions.find((one) => one.number === number);
  if (version === undefined) throw new VaultError('not_found');
  return version;
}

function pageOf(history: PolicyHistory, page: NumberedPage, at: number) {
  return versionsOf(history, page, (version) => listedPolicy(history, version, at));
}

function versionsOf<Item>({ versions }: PolicyHistory, page: NumberedPage, item: (version: ArchivedVersion) => Item) {
  const older = versions.filter(({ number }) => page.before === undefined || number < page.before);
  return numberedPageOf(older.toReversed().slice(0, page.limit + 1), page.limit, item);
}
