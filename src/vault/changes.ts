import { selectStandingCustomer, type CustomerRow } from '../db/customers.ts';
import { requireReveals } from '../db/freezes.ts';
import { selectFormerCustomers } from '../db/versions.ts';
import { VaultError } from '../errors.ts';
import { canonicalJson } from '../crypto/canonicalJson.ts';
import type { Decision } from '../policy/judge.ts';
import { fields as allFields, type Field } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { singleFields } from './customerFields.ts';
import { pointerTo } from './customerRecord.ts';
import { labels, placeFields, type CustomerHeader } from './customerSeal.ts';
import { keptFor } from './formerVersions.ts';
import type { TenantKeys } from './keyring.ts';
import { numberedPageOf, type NumberedPage } from './page.ts';
import { permit } from './permit.ts';
import { forResealing, headerOf, openRecord, type OpenRecord } from './record.ts';
import { show, type Shown } from './shown.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** One value that an edit brought, took or replaced. */
interface Changed {
  readonly pointer: string;
  readonly field: Field;
  readonly before?: Shown;
  readonly after?: Shown;
}

/**
 * What has become of a customer's data, edit by edit, the newest first: values before and after as the judge lets the reader
 * see them, and by which department. As far back as the policy keeps former states; what is kept longer because something is
 * held shows no more than what is not.
 */
export async function listChanges(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  { limit, before }: NumberedPage,
): Promise<Answer> {
  permit(caller, 'changes.list');
  const { tenantId, subjectId } = caller;
  if (subjectId !== undefined && subjectId !== customerId) throw new VaultError('not_found');
  const policy = vault.watch.policy(tenantId);
  const at = new Date(vault.now());
  const keep = keptFor(policy.profile, 'customers');
  const [[customer], former] = await load(vault, tenantId, [
    selectStandingCustomer(tenantId, customerId),
    selectFormerCustomers(tenantId, customerId, keep, at, before, limit + 2),
  ]);
  if (customer === undefined) throw new VaultError('not_found');
  const keys = await vault.keyring.tenant(tenantId);
  const current = before === undefined || customer.version < before ? [stateOf(keys, customer)] : [];
  // A former state opens with the key of now, as the version it was sealed as.
  const states = [...current, ...former.map((row) => stateOf(keys, { ...customer, ...row }))].slice(0, limit + 2);
  const judged = policy.decide(caller, undefined, allFields, customer.frozen);
  const edits = states.slice(0, -1).map((state, i) => editOf(policy, judged, state, states[i + 1] ?? state));
  const body = numberedPageOf(edits, limit, ({ number: version, ...edit }) => ({ version, ...edit }));
  const fields = [...new Set(body.items.flatMap(({ changes }) => changes.map(({ field }) => field)))];
  const those = (state: 'full' | 'masked') => fields.filter((field) => judged.verdicts[field].state === state);
  const [full, masked] = [those('full'), those('masked')];
  const seen = full.length > 0 ? [requireReveals(tenantId, customerId)] : [];
  const deed = { policy, subjectId: customerId, rule: judged.rule, full, masked };
  return commitAct(vault, caller, act, deed, seen, { status: 200, body });
}

interface State {
  readonly version: number;
  readonly record: OpenRecord;
  readonly header: CustomerHeader;
  /** Every value by its pointer: its label, and the field it is of. */
  readonly values: ReadonlyMap<string, { readonly label: string; readonly field: Field }>;
}

function stateOf(keys: TenantKeys, row: CustomerRow): State {
  const record = openRecord(keys, 'customer', row);
  const header = headerOf<CustomerHeader>(record);
  const { fields, phones, addresses } = header;
  const values = new Map<string, { label: string; field: Field }>([
    ...singleFields
      .filter((field) => fields[field] !== undefined)
      .map((field) => [pointerTo(field), { label: field, field }] as const),
    ...phones.flatMap(({ id, kind, extension }) => [
      [`/phones/${id}/number`, { label: labels.phone(id), field: kind }] as const,
      ...(extension ? [[`/phones/${id}/extension`, { label: labels.extension(id), field: kind }] as const] : []),
    ]),
    ...addresses.flatMap((place) =>
      placeFields
        .filter((field) => place[field] !== undefined)
        .map((field) => [`/addresses/${place.id}/${field}`, { label: labels.place(place.id, field), field }] as const),
    ),
  ]);
  return { version: row.version, record, header, values };
}

function editOf(policy: Policy, judged: Decision, after: State, before: State) {
  const submission = after.header.submissions?.find(({ version }) => version === after.version);
  const pointers = [...new Set([...before.values.keys(), ...after.values.keys()])];
  return {
    number: after.version,
    ...(submission === undefined
      ? {}
      : {
          ...timeView('at', new Date(submission.at)),
          ...(submission.by === undefined ? {} : { by: submission.by.role }),
          source: submission.source,
        }),
    changes: pointers.flatMap((pointer) => changeOf(policy, judged, pointer, after, before)),
  };
}

function changeOf(policy: Policy, judged: Decision, pointer: string, after: State, before: State): Changed[] {
  const [now, was] = [after.values.get(pointer), before.values.get(pointer)];
  const field = now?.field ?? was?.field;
  if (field === undefined || sealedAs(after, pointer) === sealedAs(before, pointer)) return [];
  const shown = ({ record }: State, label: string) =>
    show(policy, judged.verdicts[field], record, { label, field, mask: undefined });
  return [
    {
      pointer,
      field,
      ...(was === undefined ? {} : { before: shown(before, was.label) }),
      ...(now === undefined ? {} : { after: shown(after, now.label) }),
    },
  ];
}

/** Undefined where it is not there. Compared, and never shown. */
function sealedAs({ values, record }: State, pointer: string): string | undefined {
  const value = values.get(pointer);
  return value === undefined ? undefined : canonicalJson(forResealing(record.value(value.label)));
}
