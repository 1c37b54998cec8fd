import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { disableClient as disableStatement, listClients as listStatement, selectClient } from '../db/clients.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { disabled } from './clientChange.ts';
import { digestOfClient, enrolClient, viewOf, type NewClient } from './clients.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import { checkMac, isGenuine, type MacKeys } from './rowMac.ts';
import type { Policy } from './watch.ts';

/** Rows fetched at once. */
const pageSize = 100;

/**
 * The operator's way to a tenant's clients when no administrator's token is at hand: through the database itself, under the
 * same rules, with a leaf like every other act. Throws `invalid_body` with the place.
 */
export async function enrolByOperator(
  db: Database,
  keys: MacKeys,
  policy: Policy,
  client: NewClient,
  now: number,
): Promise<{ readonly id: string; readonly secret: string | undefined }> {
  const badName = checkText(client.name, { max: 100, kind: 'name' });
  if (badName !== undefined) throw refuse('invalid_body', '/name', badName);
  const { tenantId } = keys;
  const { id, secret, row, statements } = enrolClient(policy.profile, keys, client, now);
  const leaf = operatorLeaf(
    {
      tenantId,
      policyVersion: policy.label,
      action: 'clients.create',
      object: { kind: 'clients', id },
      digest: digestOfClient(row),
      recordVersion: 1,
    },
    now,
  );
  await commit(db, { tenantIds: [tenantId] }, [...statements, leaf]);
  return { id, secret };
}

/**
 * False when it was disabled before. Every process stops taking its tokens within five seconds. Throws `not_found`, and
 * `integrity_failure` for a client whose row was changed behind the vault's back: nobody authenticates as that one anyway.
 */
export async function disableByOperator(
  db: Database,
  keys: MacKeys,
  policy: Policy,
  id: string,
  now: number,
): Promise<boolean> {
  const { tenantId } = keys;
  const [[row]] = await commit(db, { tenantIds: [tenantId] }, [selectClient(tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  checkMac(keys, 'clients', row);
  if (row.disabledAt !== null) return false;
  const at = new Date(now);
  const next = disabled(keys, row, at);
  const leaf = operatorLeaf(
    {
      tenantId,
      policyVersion: policy.label,
      action: 'clients.patch',
      object: { kind: 'clients', id },
      digest: digestOfClient(next),
      recordVersion: next.version,
    },
    now,
  );
  await commit(db, { tenantIds: [tenantId] }, [disableStatement(next, at), leaf]);
  return true;
}

/** Of a row that is not as it was made here nothing but its id is told: the vault believes nothing of it either. */
export type ListedClient =
  (ReturnType<typeof viewOf> & { readonly genuine: true }) | { readonly id: string; readonly genuine: false };

/** Every client of the tenant, newest first. */
export async function clientsOf(db: Database, keys: MacKeys): Promise<ListedClient[]> {
  const { tenantId } = keys;
  const clients: ListedClient[] = [];
  for (let after: string | undefined; ;) {
    const [rows] = await commit(db, { tenantIds: [tenantId] }, [listStatement(tenantId, after, pageSize)]);
    for (const row of rows) {
      clients.push(
        isGenuine(keys, 'clients', row) ? { ...viewOf(row), genuine: true } : { id: row.id, genuine: false },
      );
    }
    if (rows.length < pageSize) return clients;
    after = rows.at(-1)?.id;
  }
}
