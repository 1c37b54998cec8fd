import { selectStandingCustomer } from '../db/customers.ts';
import { selectGrant } from '../db/grants.ts';
import { selectOrders } from '../db/orders.ts';
import { refuse } from '../errors.ts';
import { placed, quotationsIn, type ExplainedField } from '../policy/explain.ts';
import { fields as allFields, type Field, type Role } from '../policy/profile.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { explainWholeRead } from './explainedAdmission.ts';
import { explainErasure } from './explainedErasure.ts';
import { explainNoOrder, explainOrder } from './explainedExport.ts';
import { clientReader, isAboutSelf, nobodysClient, readerOf, type AskedReader } from './explainedReader.ts';
import { explainCeilings, explainEmergency, openGlassFor } from './explainedBounds.ts';
import { counts, declaredFields, type Asked, type KnownGrant, type SupposedWork } from './explainedRead.ts';
import { explanationView, readerView, type ExplainedAnswer } from './explanationView.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import { permit } from './permit.ts';
import type { PolicyArchive } from './policyArchive.ts';
import { checkMac } from './rowMac.ts';
import { clocksOf } from './retentionTerms.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export const explainedActs = ['read', 'export', 'erasure'] as const;
export type ExplainedActName = (typeof explainedActs)[number];

/** What is asked about. The reader is the caller where none is named. */
export interface Question extends AskedReader {
  readonly act: ExplainedActName;
  readonly customerId?: string | undefined;
  readonly fields?: readonly Field[] | undefined;
  readonly grantId?: string | undefined;
  readonly work?: SupposedWork | undefined;
  readonly legalOrderId?: string | undefined;
}

/** Who may ask about others than themselves, about a person, about an order; everybody may ask what the policy says. */
const aboutOthers: ReadonlySet<Role> = new Set<Role>(['dpo', 'shop_backend', 'system_admin']);
const aboutErasure: ReadonlySet<Role> = new Set<Role>(['dpo', 'shop_backend', 'support']);
const aboutOrders: ReadonlySet<Role> = new Set<Role>(['dpo', 'legal_registrar', 'legal_approver']);
const aboutNobody: ReadonlySet<Role> = new Set<Role>(['system_admin']);
/** Who may know how much others have read today, and of emergencies. */
const overseers: ReadonlySet<Role> = new Set<Role>(['dpo']);

/**
 * Says, without reading a value, what an act would be answered now, which rule of the policy says so, and what would have to
 * change. Everything is judged by what judges the act itself. A grant that would not count for the reader is as none.
 */
export async function explainPolicy(
  vault: Vault,
  archive: PolicyArchive,
  caller: Caller,
  act: Act,
  question: Question,
): Promise<Answer> {
  permit(caller, 'policies.explain');
  expectOwnBusiness(caller, question);
  const reader = await readerOf(vault, caller, question);
  const known = {
    ceilings: overseers.has(caller.role) || isAboutSelf(caller, question),
    emergencies: overseers.has(caller.role),
  };
  const { policy, grant, body } = await answerOf(vault, archive, caller.tenantId, reader, question, known);
  const { customerId, legalOrderId } = question;
  const deed = { policy, subjectId: customerId, grantId: grant?.row.id, legalOrderId };
  return commitAct(vault, caller, act, deed, [], { status: 200, body });
}

/** The same for the operator at the machine, who names a reader; with a leaf of its own. */
export async function explainForOperator(
  vault: Vault,
  archive: PolicyArchive,
  tenantId: string,
  question: Question & ({ readonly role: Role } | { readonly clientId: string }),
): Promise<unknown> {
  const { clientId, role, actor, customerId } = question;
  const reader =
    clientId === undefined
      ? nobodysClient(role ?? 'department', question)
      : await clientReader(vault, tenantId, clientId, actor);
  const known = { ceilings: true, emergencies: true };
  const { policy, body } = await answerOf(vault, archive, tenantId, reader, question, known);
  const object = customerId === undefined ? { kind: 'policies', id: tenantId } : { kind: 'customers', id: customerId };
  const told = { tenantId, policyVersion: policy.label, action: 'policies.explain', object } as const;
  await write(vault, tenantId, [operatorLeaf(told, vault.now())]);
  return body;
}

/** What of others' doings the answer may tell whoever asks. */
interface Known {
  readonly ceilings: boolean;
  readonly emergencies: boolean;
}

async function answerOf(
  vault: Vault,
  archive: PolicyArchive,
  tenantId: string,
  reader: Asked,
  question: Question,
  known: Known,
) {
  const policy = vault.watch.policy(tenantId);
  const standing = await standingOf(vault, tenantId, question.customerId);
  const { explained, grant } = await explain(vault, policy, tenantId, reader, question, standing, known);
  const quotes = await quotesOf(archive, tenantId, policy);
  const body = {
    act: question.act,
    policyVersion: policy.label,
    reader: readerView(reader),
    ...(question.grantId === undefined ? {} : { grantCounts: grant !== undefined }),
    ...explanationView(explained, quotes),
  };
  return { policy, grant, body };
}

/** Throws `not_permitted` where the answer would tell what the caller could not learn in another way. */
function expectOwnBusiness(caller: Caller, question: Question): void {
  const { role } = caller;
  if (!isAboutSelf(caller, question) && !aboutOthers.has(role))
    throw refuse('not_permitted', '/role', 'not_about_others');
  const person = question.customerId ?? question.grantId;
  if (person !== undefined && aboutNobody.has(role)) throw refuse('not_permitted', '/customerId', 'not_about_persons');
  if (question.act === 'erasure' && !aboutErasure.has(role)) throw refuse('not_permitted', '/act', 'not_for_role');
  if (question.legalOrderId !== undefined && !aboutOrders.has(role))
    throw refuse('not_permitted', '/legalOrderId', 'not_for_role');
}

/** How the person stands: out of ordinary reads, or frozen after a report of misuse. */
interface Standing {
  readonly deactivated: boolean;
  readonly frozen: boolean;
  readonly objected: readonly string[];
}

const nobody: Standing = { deactivated: false, frozen: false, objected: [] };

/** Throws `invalid_body` for whoever is not there, never was, or is another tenant's. */
async function standingOf(vault: Vault, tenantId: string, customerId: string | undefined): Promise<Standing> {
  if (customerId === undefined) return nobody;
  const [[customer]] = await load(vault, tenantId, [selectStandingCustomer(tenantId, customerId)]);
  if (customer === undefined) throw refuse('invalid_body', '/customerId', 'unknown_id');
  return { deactivated: customer.status !== 'active', frozen: customer.frozen, objected: customer.objected };
}

interface Explained {
  readonly explained: ExplainedAnswer;
  /** The named grant, where it counts. */
  readonly grant?: KnownGrant | undefined;
}

async function explain(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  reader: Asked,
  question: Question,
  standing: Standing,
  known: Known,
): Promise<Explained> {
  const { customerId, legalOrderId } = question;
  const fields = question.fields ?? declaredFields(policy, allFields);
  switch (question.act) {
    case 'read':
      return explainReadNow(vault, policy, tenantId, reader, { ...question, fields }, standing, known);
    case 'export':
      return {
        explained:
          legalOrderId === undefined
            ? explainNoOrder(policy, reader, fields)
            : await explainOrder(vault, policy, tenantId, reader, legalOrderId),
      };
    case 'erasure':
      if (customerId === undefined) throw refuse('field_required', '/customerId');
      return { explained: await explainErasure(vault, policy, tenantId, customerId) };
  }
}

/** The fields, and what bounds all reads of this reader: the day's ceiling; and the emergency's way around the matrix. */
async function explainReadNow(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  reader: Asked,
  question: Question & { readonly fields: readonly Field[] },
  standing: Standing,
  known: Known,
): Promise<Explained> {
  const { customerId, fields, work } = question;
  const grantOf = (id: string) => knownGrant(vault, tenantId, id);
  const open = known.emergencies ? await openGlassFor(vault, policy, tenantId, reader, customerId, grantOf) : undefined;
  // Whoever has an emergency open reads under it without naming a grant.
  const grantId = question.grantId ?? (work === undefined ? open?.id : undefined);
  const named = grantId === undefined ? undefined : await grantOf(grantId);
  const grant = named !== undefined && counts(named, reader, customerId) ? named : undefined;
  const readCeilings = await explainCeilings(vault, policy, tenantId, reader, known.ceilings);
  const spent = readCeilings.find(({ left }) => left === 0);
  const seen = explainWholeRead(vault, policy, tenantId, reader, grant ?? work, fields, { ...standing, spent });
  const shown = standing.deactivated ? { fields: seen.fields?.map(hidden(policy)) ?? [] } : seen;
  const breakGlass = await explainEmergency(vault, policy, tenantId, open, known.emergencies);
  return { explained: { ...shown, readCeilings, breakGlass }, grant };
}

/** Whoever is deactivated is out of ordinary reads, whatever the matrix says. */
const hidden =
  ({ profile }: Policy) =>
  ({ field, rule }: ExplainedField): ExplainedField => ({
    field,
    state: 'withheld',
    reason: 'deactivated',
    rule,
    rules: [placed('/states/deactivated', profile.states.deactivated)],
    wouldHaveToChange: [{ step: 'new_policy_version', pointer: '/states/deactivated' }],
  });

/** A grant of the tables, whoever it is for; undefined for one that never was. */
async function knownGrant(vault: Vault, tenantId: string, grantId: string): Promise<KnownGrant | undefined> {
  const [[row]] = await load(vault, tenantId, [selectGrant(tenantId, { everyone: true }, grantId)]);
  if (row === undefined) return undefined;
  checkMac(await vault.keyring.tenant(tenantId), 'grants', row);
  const clocks = clocksOf(vault.watch.policy(tenantId).profile, new Date(vault.now()));
  const ofOrder = row.orderId === null ? [] : [row.orderId];
  const [[order]] = await load(vault, tenantId, [selectOrders(tenantId, ofOrder, clocks)]);
  return { row, orderStatus: order?.status };
}

async function quotesOf(archive: PolicyArchive, tenantId: string, policy: Policy) {
  const { versions } = await archive.recent(tenantId);
  return quotationsIn(versions.find(({ number }) => number === policy.number)?.row.source ?? '');
}
