import { digestOf } from '../crypto/digest.ts';
import { insertPolicyNotice, insertPublication } from '../db/policies.ts';
import { insertPolicyVersion } from '../db/tenants.ts';
import { refuse, VaultError, type Fault } from '../errors.ts';
import { checkProfile, type Finding } from '../policy/check.ts';
import { parseProfile, type Profile } from '../policy/profile.ts';
import { commitAct, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import { permit } from './permit.ts';
import type { ArchivedVersion, PolicyArchive, PolicyHistory } from './policyArchive.ts';
import { headStatement } from './policyHead.ts';
import { standingOf, withMore } from './policyStatus.ts';
import type { PolicyVersion } from './policyVersions.ts';
import { macOf } from './rowMac.ts';
import { startOfDay } from './tehranDay.ts';
import type { Vault } from './vault.ts';

/** Characters of a policy's text. */
export const mostPolicyText = 256 * 1024;
export const policyChannels = ['site', 'email', 'version_date'] as const;
export type PolicyChannel = (typeof policyChannels)[number];

export interface NewPolicy {
  /** YAML; JSON is YAML too. Stored and hashed as it is. */
  readonly text: string;
  readonly material: boolean;
  /** Now when undefined. */
  readonly effectiveFrom?: Date | undefined;
  /** The number of the version that it was written after; a newer one in between is refused. */
  readonly follows?: number | undefined;
}

/**
 * Publishes a further version, for good. It is checked whole: what cannot be loaded or cannot do what it says is refused with
 * its places; what contradicts itself is told and accepted. When it takes effect is policy/inForce.ts's word, not this one's.
 */
export async function publishPolicy(
  vault: Vault,
  archive: PolicyArchive,
  caller: Caller,
  act: Act,
  input: NewPolicy,
): Promise<Answer> {
  permit(caller, 'policies.publish');
  const { tenantId, clientId, actor } = caller;
  const now = new Date(vault.now());
  const { profile, findings } = readWhole(input.text);
  const history = await archive.history(tenantId);
  const added = addedVersion(history, profile, input, now);
  const keys = await vault.keyring.tenant(tenantId);
  const { number } = added;
  const effectiveFrom = new Date(added.effectiveFrom);
  const version = { tenantId, number, profile: profile.id, source: input.text, publishedAt: now, effectiveFrom };
  const published = {
    tenantId,
    number,
    material: input.material,
    publishedBy: clientId,
    publishedActor: actor ?? null,
  };
  const sha256 = digestOf(Buffer.from(input.text));
  const mac = macOf(keys, 'policy_versions', version);
  const statements = [
    insertPolicyVersion({ ...version, sourceSha256: sha256, mac }),
    headStatement(keys, { number, mac }),
    insertPublication({ ...published, mac: macOf(keys, 'policy_publications', published) }),
  ];
  const deed = { object: { kind: 'policies', id: tenantId }, digest: sha256, recordVersion: number };
  const answer = await commitAct(vault, caller, act, deed, statements, {
    status: 201,
    headers: { Location: `/v1/policies/${number}` },
    body: {
      number,
      policyVersion: added.label,
      sha256: sha256.toString('hex'),
      material: input.material,
      publishedAt: now.toISOString(),
      effectiveFrom: effectiveFrom.toISOString(),
      ...standingOf(withMore(history, { version: added }), added, now.getTime()),
      findings: findings.map(findingView),
    },
  });
  archive.renew(tenantId);
  await vault.watch.lookAnew();
  return answer;
}

function readWhole(text: string): { profile: Profile; findings: readonly Finding[] } {
  const profile = loaded(text);
  const findings = checkProfile(profile);
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0)
    throw new VaultError(
      'invalid_body',
      errors.map(({ pointer = '', code }) => ({ pointer: `/policy${pointer}`, code })),
    );
  return { profile, findings };
}

function loaded(text: string): Profile {
  try {
    return parseProfile(text);
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    throw new VaultError('invalid_body', error.faults.map(inBody));
  }
}

/** Below `/policy`; what could be anything, the name of a member nobody knows, is left out of the pointer. */
function inBody({ pointer, code }: Fault): Fault {
  if (pointer.startsWith('#')) return { pointer: `/policy${pointer}`, code };
  const steps = pointer.split('/').slice(1);
  const unsafe = steps.findIndex((step) => !/^(?:[A-Za-z][A-Za-z0-9_]{0,39}|\d{1,4})$/.test(step));
  return { pointer: ['/policy', ...(unsafe < 0 ? steps : steps.slice(0, unsafe))].join('/'), code };
}

/** The version it becomes, judged against those before it. */
function addedVersion({ versions }: PolicyHistory, profile: Profile, input: NewPolicy, now: Date): PolicyVersion {
  const last = versions.at(-1);
  if (last === undefined) throw new VaultError('integrity_failure');
  if (input.follows !== undefined && input.follows !== last.number)
    throw refuse('conflict', '/follows', 'newer_version');
  if (profile.id !== last.profile.id) throw refuse('invalid_body', '/policy/id', 'another_policy');
  if (input.text === last.row.source) throw refuse('conflict', '/policy', 'unchanged');
  const number = last.number + 1;
  const effectiveFrom = effectiveFromOf(profile, input, now);
  const { material } = input;
  const label = `${profile.id}/${number}`;
  return { number, effectiveFrom, material, notice: profile.notice, profile, label, change: undefined };
}

function effectiveFromOf(profile: Profile, input: NewPolicy, now: Date): number {
  const from = input.effectiveFrom ?? now;
  if (from < now) throw refuse('invalid_body', '/effectiveFrom', 'in_past');
  // E37 «از این تاریخ به بعد معتبر می باشد»: the text names its own day.
  if (from.getTime() < startOfDay(profile.version.effectiveFrom))
    throw refuse('invalid_body', '/effectiveFrom', 'before_its_text');
  return from.getTime();
}

export function findingView({ severity, code, pointer, message, messageFa }: Finding) {
  return { severity, code, ...(pointer === undefined ? {} : { pointer }), message, messageFa };
}

export interface NewPolicyNotice {
  readonly channel: PolicyChannel;
  /** Now when undefined. */
  readonly givenAt?: Date | undefined;
  /** How many were told, where somebody counted. */
  readonly audience?: number | undefined;
}

/** Records that people were told of a version. It may take effect by this, now or on its day, on every process. */
export async function recordPolicyNotice(
  vault: Vault,
  archive: PolicyArchive,
  caller: Caller,
  act: Act,
  number: number,
  input: NewPolicyNotice,
): Promise<Answer> {
  permit(caller, 'policies.notice');
  const { tenantId, clientId, actor } = caller;
  const history = await archive.history(tenantId);
  const version = history.versions.find((one) => one.number === number);
  if (version === undefined) throw new VaultError('not_found');
  const now = new Date(vault.now());
  const givenAt = checkNotice(history, version, input, now);
  const keys = await vault.keyring.tenant(tenantId);
  const notice = {
    tenantId,
    id: newId(now.getTime()),
    number,
    channel: input.channel,
    givenAt,
    audience: input.audience ?? null,
    recordedAt: now,
    recordedBy: clientId,
    recordedActor: actor ?? null,
  };
  const row = { ...notice, mac: macOf(keys, 'policy_notices', notice) };
  const deed = { object: { kind: 'policies', id: tenantId }, recordVersion: number, rule: `notice.${input.channel}` };
  const answer = await commitAct(vault, caller, act, deed, [insertPolicyNotice(row)], {
    status: 201,
    body: {
      id: row.id,
      number,
      channel: row.channel,
      givenAt: givenAt.toISOString(),
      recordedAt: now.toISOString(),
      ...standingOf(withMore(history, { notice: row }), version, now.getTime()),
    },
  });
  archive.renew(tenantId);
  await vault.watch.lookAnew();
  return answer;
}

function checkNotice(history: PolicyHistory, version: ArchivedVersion, input: NewPolicyNotice, now: Date): Date {
  const before = history.versions.find(({ number }) => number === version.number - 1);
  const givenAt = input.givenAt ?? now;
  if (givenAt > now) throw refuse('invalid_body', '/givenAt', 'in_future');
  // Nobody can have been told of a text that was not there.
  if (givenAt < version.row.publishedAt) throw refuse('invalid_body', '/givenAt', 'before_publication');
  // E34 «تغییر تاریخ نسخه»: the date itself tells, so it has to be another.
  if (input.channel === 'version_date' && version.profile.version.date <= (before?.profile.version.date ?? ''))
    throw refuse('invalid_body', '/channel', 'date_unchanged');
  return givenAt;
}
