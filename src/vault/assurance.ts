import { open, seal } from '../crypto/seal.ts';
import {
  putAssurance,
  selectAssurances,
  type AssuranceFacts,
  type AssuranceLevel,
  type AssuranceRow,
} from '../db/contactPoints.ts';
import { selectCustomer, type CustomerRow } from '../db/customers.ts';
import { refuse, VaultError } from '../errors.ts';
import { sameBytes } from '../crypto/hmac.ts';
import { checkText } from '../formats/text.ts';
import type { Profile } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { pointHash, pointsOf, submissionOfPoint, valueOf, type ContactPoint } from './contactPoints.ts';
import type { CustomerHeader } from './customerSeal.ts';
import { personOf } from './fourEyes.ts';
import type { TenantKeys } from './keyring.ts';
import { permit } from './permit.ts';
import { headerOf, openRecord, type OpenRecord } from './record.ts';
import { believes, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

/**
 * How far a contact point may be relied on. `entry`: by a way of which the policy says that entering is confirming (D11);
 * `confirmation`: the person said so; `code`: the person had the vault's own code. Only the last is verified.
 */
export type Assurance =
  | { readonly level: 'unconfirmed' }
  | {
      readonly level: AssuranceLevel;
      readonly basis: 'entry' | 'confirmation' | 'code';
      readonly at: Date;
      readonly by: { readonly clientId: string; readonly role: string; readonly actor?: string } | undefined;
      readonly row?: AssuranceRow;
    };

/** Is the one enough where the other is demanded? What was verified is confirmed as well. */
export function suffices({ level }: Assurance, demanded: AssuranceLevel | undefined): boolean {
  return demanded === undefined || level === 'verified' || level === demanded;
}

type PointedRow = Omit<CustomerRow, 'updatedAt'>;

/** A customer with its contact points, opened as far as it is asked. */
export interface PointsOfCustomer {
  readonly record: OpenRecord;
  readonly header: CustomerHeader;
  readonly row: PointedRow;
  readonly assurances: readonly AssuranceRow[];
}

/** What was set for a value counts for that value only; one that somebody wrote into the table counts for none. */
export function assuranceOf(
  vault: Vault,
  keys: TenantKeys,
  profile: Profile,
  { record, header, row, assurances }: PointsOfCustomer,
  point: ContactPoint,
): Assurance {
  const set = assurances.find((one) => one.point === point.id);
  if (set !== undefined && set.customerId === row.id && believes(vault, keys, 'contact_assurances', set)) {
    const { level, setAt: at, setBy: clientId, setRole: role, actor } = set;
    const basis = level === 'verified' ? 'code' : 'confirmation';
    const by = { clientId, role, ...(actor === null ? {} : { actor }) };
    if (sameBytes(set.valueHash, pointHash(keys, point, valueOf(record, point))))
      return { level, basis, at, by, row: set };
  }
  const { source, at, by } = submissionOfPoint(header, row, point);
  if (profile.assurance?.entryConfirms.includes(source) !== true) return { level: 'unconfirmed' };
  return { level: 'deemed_confirmed', basis: 'entry', at: new Date(at), by };
}

export function assuranceView(keys: TenantKeys, customer: PointedRow, assurance: Assurance, callReferences: boolean) {
  if (assurance.level === 'unconfirmed') return { level: assurance.level };
  const { level, basis, at, by, row } = assurance;
  const call = callReferences && row !== undefined ? callReferenceOf(keys, customer, row) : undefined;
  return {
    level,
    basis,
    ...timeView('at', at),
    ...(by === undefined ? {} : { by }),
    ...(call === undefined ? {} : { callReference: call }),
  };
}

const callContext = ({ tenantId }: TenantKeys, recordId: string, point: string) =>
  ({ tenantId, kind: 'contact_point', recordId, version: 1, field: `${point}/call` }) as const;

const keyOf = (keys: TenantKeys, { id, keyVersion, dataKey }: PointedRow) =>
  keys.dataKey({ kind: 'customer', id, keyVersion, wrapped: dataKey });

function callReferenceOf(keys: TenantKeys, customer: PointedRow, { point, callReference }: AssuranceRow) {
  if (callReference === null) return undefined;
  return open(keyOf(keys, customer), callContext(keys, customer.id, point), callReference).toString('utf8');
}

export interface Confirmation {
  readonly contactPoint: string;
  /** Of the call in which the customer said so; demanded of a member of staff. */
  readonly callReference?: string | undefined;
}

/** Takes the customer's word, or what a member of staff heard of it, that a contact point is right. */
export async function confirmContactPoint(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  input: Confirmation,
): Promise<Answer> {
  permit(caller, 'contact_points.confirm');
  checkCall(caller, input.callReference);
  const { customer, keys, known, point } = await namedPoint(vault, caller, customerId, input.contactPoint);
  const now = assured(vault, keys, caller, known, point, 'deemed_confirmed', input.callReference);
  const statements = [putAssurance(caller.tenantId, now)];
  const rule = `assurance.deemed_confirmed.${point.field}`;
  const { profile } = vault.watch.policy(caller.tenantId);
  const after = assuranceOf(vault, keys, profile, { ...known, assurances: keepVerified(known, now) }, point);
  return commitAct(vault, caller, act, { subjectId: customerId, rule }, statements, {
    status: 200,
    body: { contactPoint: point.id, assurance: assuranceView(keys, customer, after, true) },
  });
}

/** As `putAssurance` decides it. */
function keepVerified({ assurances }: PointsOfCustomer, now: AssuranceRow): readonly AssuranceRow[] {
  const before = assurances.find(({ point }) => point === now.point);
  return before?.level === 'verified' && sameBytes(before.valueHash, now.valueHash) ? [before] : [now];
}

function checkCall(caller: Caller, callReference: string | undefined): void {
  if (caller.subjectId !== undefined && callReference !== undefined)
    throw refuse('invalid_body', '/callReference', 'not_for_the_person');
  const byStaff = caller.subjectId === undefined && (caller.role === 'support' || caller.actor !== undefined);
  if (byStaff && callReference === undefined) throw refuse('field_required', '/callReference');
  if (byStaff) personOf(caller);
  const fault = callReference === undefined ? undefined : checkText(callReference, { max: 100, kind: 'text' });
  if (fault !== undefined) throw refuse('invalid_body', '/callReference', fault);
}

/** Throws `not_found` for a customer who is not there or not this caller's, and names a point that is none of theirs. */
export async function namedPoint(vault: Vault, caller: Caller, customerId: string, pointId: string) {
  const { tenantId, subjectId } = caller;
  if (subjectId !== undefined && subjectId !== customerId) throw new VaultError('not_found');
  const [[customer], assurances] = await load(vault, tenantId, [
    selectCustomer(tenantId, customerId),
    selectAssurances(tenantId, customerId),
  ]);
  if (customer === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  const record = openRecord(keys, 'customer', customer);
  const header = headerOf<CustomerHeader>(record);
  const point = pointsOf(header).find(({ id }) => id === pointId);
  if (point === undefined) throw refuse('invalid_body', '/contactPoint', 'unknown_id');
  const known: PointsOfCustomer = { record, header, row: customer, assurances };
  return { customer, keys, known, point };
}

/** The row of an assurance that is given now. */
export function assured(
  vault: Vault,
  keys: TenantKeys,
  { clientId, role, actor }: Caller,
  { record, row }: PointsOfCustomer,
  point: ContactPoint,
  level: AssuranceLevel,
  call?: string,
): AssuranceRow {
  const facts: Omit<AssuranceFacts, 'mac'> = {
    customerId: row.id,
    point: point.id,
    level,
    valueHash: pointHash(keys, point, valueOf(record, point)),
    setAt: new Date(vault.now()),
    setBy: clientId,
    setRole: role,
    actor: actor ?? null,
  };
  const callReference = call === undefined ? null : seal(keyOf(keys, row), callContext(keys, row.id, point.id), call);
  return { ...facts, callReference, mac: macOf(keys, 'contact_assurances', facts) };
}
