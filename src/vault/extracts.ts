import { canonicalJson } from '../crypto/canonicalJson.ts';
import { digestOf } from '../crypto/digest.ts';
import {
  insertExtract,
  listExtracts as listStatement,
  selectExtractable,
  selectExtractOf,
  type ExtractRow,
} from '../db/extracts.ts';
import { refuse, VaultError } from '../errors.ts';
import { nameKey } from '../formats/text.ts';
import { columnOf } from '../policy/reader.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { pageOf, type Page } from './page.ts';
import { isClosed, monthOf, type Period } from './period.ts';
import { permit } from './permit.ts';
import { believes, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { commonest, deliveredTo } from './tallies.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Customers asked for together. */
const pageSize = 1_000;

interface ExtractedRow {
  /** Of this person, for this recipient, in this extract. */
  readonly person: string;
  readonly city: string;
  /** Only where so many did either that it tells nobody apart. */
  readonly orders?: 'one' | 'several';
}

/**
 * A row for each person who ordered in a month that is over, without anything that names them: a pseudonym, the city, and whether
 * once or more often. Only of persons all of whose orders went to one city, in classes of k at least, and of nobody who objected.
 * Made once for each recipient and month, and kept nowhere: the register has its digest.
 */
export async function createExtract(vault: Vault, caller: Caller, act: Act, period: Period): Promise<Answer> {
  permit(caller, 'extracts.create');
  const { tenantId, clientId } = caller;
  const policy = vault.watch.policy(tenantId);
  const { purpose, most, k } = termsFor(policy, caller);
  const at = new Date(vault.now());
  if (!isClosed(period, at)) throw refuse('invalid_body', '/period', 'not_over');
  const [[had]] = await load(vault, tenantId, [selectExtractOf(tenantId, clientId, period)]);
  if (had !== undefined) throw refuse('conflict', '', 'made_already');
  const keys = await vault.keyring.tenant(tenantId);
  const items = classesOf(await rowsOf(vault, keys, policy, caller, { period, purpose }, most), k);
  const sha256 = digestOf(Buffer.from(canonicalJson(items)));
  const fixed = {
    id: newId(at.getTime()),
    clientId,
    actor: caller.actor ?? null,
    period,
    purpose,
    threshold: k,
    persons: items.length,
    sha256,
    policyVersion: policy.label,
    createdAt: at,
  };
  const row = { ...fixed, mac: macOf(keys, 'extracts', fixed) };
  const deed = { policy, purpose, object: { kind: 'extracts', id: row.id }, digest: sha256 };
  const answer = { status: 201, body: { ...registered(row), items } };
  return commitAct(vault, caller, act, deed, [insertExtract(tenantId, row)], answer);
}

/** The register: which were handed out, to whom, with the digest of their rows. A recipient sees its own. */
export async function listExtracts(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'extracts.list');
  const { tenantId, role, clientId } = caller;
  const own = role === 'dpo' ? undefined : clientId;
  const [rows] = await load(vault, tenantId, [listStatement(tenantId, own, page.after, page.limit + 1)]);
  const keys = await vault.keyring.tenant(tenantId);
  const body = pageOf(
    rows,
    page.limit,
    ({ id }) => id,
    (row) => (believes(vault, keys, 'extracts', row) ? registered(row) : undefined),
  );
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

function registered(row: ExtractRow) {
  return {
    id: row.id,
    period: row.period,
    purpose: row.purpose,
    k: row.threshold,
    recipient: { clientId: row.clientId, ...(row.actor === null ? {} : { actor: row.actor }) },
    policyVersion: row.policyVersion,
    persons: row.persons,
    sha256: row.sha256.toString('hex'),
    ...timeView('createdAt', row.createdAt),
  };
}

/** Throws `not_permitted` where the policy lets this department have none. */
function termsFor({ profile }: Policy, caller: Caller) {
  const { extracts, statistics } = profile;
  if (extracts?.allowed !== true || statistics === undefined) throw refuse('not_permitted', '', 'not_in_policy');
  const column = columnOf(profile, caller);
  if (column === undefined || !extracts.readers.includes(column)) throw new VaultError('not_permitted');
  return { purpose: extracts.purpose, most: extracts.most, k: statistics.k };
}

interface Asked {
  readonly period: Period;
  readonly purpose: string;
}

/** In the order of the pseudonyms, which says nothing; the first of them, where there are more than may be handed out. */
async function rowsOf(
  vault: Vault,
  keys: TenantKeys,
  policy: Policy,
  { tenantId, clientId }: Caller,
  { period, purpose }: Asked,
  most: number,
): Promise<readonly ExtractedRow[]> {
  const persons = await personsOf(vault, policy, tenantId, period);
  const ids = [...persons.keys()];
  const rows: ExtractedRow[] = [];
  for (let from = 0; from < ids.length; from += pageSize) {
    const page = ids.slice(from, from + pageSize);
    const [found] = await load(vault, tenantId, [selectExtractable(tenantId, page, purpose)]);
    for (const { id, keyVersion, dataKey } of found) {
      const { commitment } = keys.dataKey({ kind: 'customer', id, keyVersion, wrapped: dataKey });
      const person = pseudonym(keys, { clientId, period }, id, commitment);
      const { city = '', orders = 0 } = persons.get(id) ?? {};
      rows.push({ person, city, orders: orders > 1 ? 'several' : 'one' });
    }
  }
  return rows.sort((one, other) => (one.person < other.person ? -1 : 1)).slice(0, most);
}

/**
 * A key for each recipient, derived from the tenant's hash key; under it the month, the customer's id and what only the
 * customer's data key has. Two recipients, or two months, have nothing in common. The vault can compute it again while the
 * customer is there, and nobody after the key was destroyed.
 */
function pseudonym(
  keys: TenantKeys,
  recipient: { readonly clientId: string; readonly period: Period },
  customerId: string,
  commitment: Buffer,
): string {
  const { clientId, period } = recipient;
  return keys.hash(`pseudonym/${clientId}`, period, customerId, commitment).toString('base64url');
}

interface Person {
  readonly city: string;
  readonly orders: number;
}

/** Whoever's orders of the month all went to one city. The others are left out in every month: no two tables add up. */
async function personsOf(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  period: Period,
): Promise<ReadonlyMap<string, Person>> {
  const persons = new Map<string, Person>();
  const elsewhere = new Set<string>();
  for await (const { city, customerId } of deliveredTo(vault, policy, tenantId, monthOf(period))) {
    const known = persons.get(customerId);
    if (known !== undefined && nameKey(known.city) !== nameKey(city)) elsewhere.add(customerId);
    persons.set(customerId, { city: known?.city ?? city, orders: (known?.orders ?? 0) + 1 });
  }
  for (const id of elsewhere) persons.delete(id);
  return persons;
}

/** Classes of persons who cannot be told apart by what is known of them, k at least, named alike; the rest is left out. */
function classesOf(rows: readonly ExtractedRow[], k: number): readonly ExtractedRow[] {
  const classes = new Map<string, ExtractedRow[]>();
  for (const row of rows) {
    const key = nameKey(row.city);
    classes.set(key, [...(classes.get(key) ?? []), row]);
  }
  return [...classes.values()]
    .filter((members) => members.length >= k)
    .flatMap((members) => {
      const several = members.filter(({ orders }) => orders === 'several').length;
      const told = several >= k && members.length - several >= k;
      const spellings = new Map<string, number>();
      for (const { city } of members) spellings.set(city, (spellings.get(city) ?? 0) + 1);
      const city = commonest(spellings);
      return members.map(({ person, orders }) => ({
        person,
        city,
        ...(told && orders !== undefined ? { orders } : {}),
      }));
    })
    .sort((one, other) => (one.person < other.person ? -1 : 1));
}
