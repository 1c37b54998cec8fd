import { selectAssurances } from '../db/contactPoints.ts';
import type { CustomerReadRow } from '../db/customerReads.ts';
import { selectFormerStates, type FormerState } from '../db/versions.ts';
import type { Decision } from '../policy/judge.ts';
import type { Field } from '../policy/profile.ts';
import { load, type Act, type Answer } from './act.ts';
import { assuranceOf, assuranceView, type PointsOfCustomer } from './assurance.ts';
import type { Caller } from './caller.ts';
import { pointsOf, submissionOfPoint, valueOf, type ContactPoint, type PointField } from './contactPoints.ts';
import type { CustomerHeader } from './customerSeal.ts';
import { readGranted } from './customers.ts';
import { keptFor } from './formerVersions.ts';
import type { TenantKeys } from './keyring.ts';
import { permit } from './permit.ts';
import { headerOf, openRecord, type OpenRecord } from './record.ts';
import { show, type Shown } from './shown.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Former states that one answer looks through; the newest. */
export const mostStates = 100;
const fields: readonly Field[] = ['email', 'mobile', 'landline', 'address', 'postalCode', 'location'];

/**
 * The official contact points of a customer with what each is taken for, and the former ones, which nothing is sent to and
 * nobody is found by. Values as this caller may see them of the record itself: in full under work, else in masks.
 */
export async function readContactPoints(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  grantId: string | undefined,
): Promise<Answer> {
  permit(caller, 'contact_points.read');
  const { row, decision, policy } = await readGranted(vault, caller, act, { id, grantId, fields: new Set(fields) });
  const { tenantId } = caller;
  const at = new Date(vault.now());
  const keep = keptFor(policy.profile, 'customers');
  // Read before what replaced them would be double; read after, a state that is replaced meanwhile is at worst missing.
  const [assurances, states] = await load(vault, tenantId, [
    selectAssurances(tenantId, id),
    selectFormerStates(tenantId, id, keep, at, mostStates),
  ]);
  const keys = await vault.keyring.tenant(tenantId);
  const record = openRecord(keys, 'customer', row);
  const now: PointsOfCustomer = { record, header: headerOf<CustomerHeader>(record), row, assurances };
  const shown = shower(policy, decision);
  const calls = !row.frozen && callReaders.some((role) => role === caller.role);
  const official = pointsOf(now.header).map((point) => ({
    ...pointView(shown, now, point),
    kind: 'official',
    ...timeView('from', new Date(submissionOfPoint(now.header, row, point).at)),
    assurance: assuranceView(keys, row, assuranceOf(vault, keys, policy.profile, now, point), calls),
  }));
  const former = formerPoints(keys, now, states).map(({ point, state, from, until }) => ({
    ...pointView(shown, state, point),
    kind: 'former',
    ...timeView('from', from),
    ...timeView('until', until),
  }));
  return { status: 200, body: { customerId: id, items: [...official, ...former] } };
}

/** Who took the call, who watches, and whom it is about. */
const callReaders = ['support', 'dpo', 'subject'] as const;

type Opened = Pick<PointsOfCustomer, 'record' | 'header'>;

interface FormerPoint {
  readonly point: ContactPoint;
  /** The newest state that it stood in. */
  readonly state: Opened;
  readonly from: Date;
  readonly until: Date;
}

/** Values that the record has no more, from the first state that held each until the last was replaced; newest first. */
export function formerPoints(
  keys: TenantKeys,
  now: Opened & { readonly row: Pick<CustomerReadRow, 'id' | 'keyVersion' | 'dataKey'> },
  states: readonly FormerState[],
): readonly FormerPoint[] {
  const name = (opened: Opened, point: ContactPoint) => JSON.stringify([point.field, valueOf(opened.record, point)]);
  const standing = new Set(pointsOf(now.header).map((point) => name(now, point)));
  const former = new Map<string, FormerPoint>();
  for (const { version, sealed, capturedAt, replacedAt } of states) {
    const record = openRecord(keys, 'customer', { ...now.row, version, sealed });
    const state = { record, header: headerOf<CustomerHeader>(record) };
    for (const point of pointsOf(state.header)) {
      const known = name(state, point);
      if (standing.has(known)) continue;
      const newer = former.get(known) ?? { point, state, until: replacedAt };
      former.set(known, { ...newer, from: capturedAt });
    }
  }
  return [...former.values()];
}

type ShowField = (record: OpenRecord, field: Field, label: string) => Shown;

/** Masks are made anew: those of a former state may be of other rules than today's. */
function shower(policy: Policy, decision: Decision): ShowField {
  return (record, field, label) => show(policy, decision.verdicts[field], record, { label, field, mask: undefined });
}

const partNames: Readonly<Record<PointField, (label: string) => string>> = {
  email: () => 'value',
  mobile: (label) => (label.endsWith('/extension') ? 'extension' : 'value'),
  landline: (label) => (label.endsWith('/extension') ? 'extension' : 'value'),
  address: (label) => (label.endsWith('/address') ? 'value' : label.slice(label.lastIndexOf('/') + 1)),
};

function pointView(shown: ShowField, { record }: Opened, point: ContactPoint) {
  const { id, field, primary } = point;
  const parts = point.labels.map((label) => {
    const name = partNames[field](label);
    const judged = field === 'address' && name !== 'value' ? (name as Field) : field;
    const value = shown(record, judged, label);
    // An extension has no mask of its own.
    const bare = name === 'extension' && value.state === 'masked';
    return [name, bare ? { state: 'withheld', reason: value.reason } : value] as const;
  });
  return { id, field, primary, ...Object.fromEntries(parts) };
}
