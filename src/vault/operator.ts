import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { disableClient as disableStatement, listClients as listStatement, selectClient } from '../db/clients.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { digestOfClient, enrolClient, viewOf, type NewClient } from './clients.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import type { Policy } from './watch.ts';

/** Rows fetched at once. */
const pageSize = 100;

/**
 * The operator's way to a tenant's clients when no administrator's token is at hand. Needs the database itself, asks no
 * profile's leave, and leaves a leaf like every other act. Throws `invalid_body` with the place.
 */
export async function enrolByOperator(
  db: Database,
  tenantId: string,
  policy: Policy,
  client: NewClient,
  now: number,
): Promise<{ readonly id: string; readonly secret: string | undefined }> {
  const badName = checkText(client.name, { max: 100, kind: 'name' });
  if (badName !== undefined) throw refuse('invalid_body', '/name', badName);
  const { id, secret, row, statements } = enrolClient(policy.profile, tenantId, client, now);
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

/** False when it was disabled before. Every process stops taking its tokens within five seconds. Throws `not_found`. */
export async function disableByOperator(
  db: Database,
  tenantId: string,
  policy: Policy,
  id: string,
  now: number,
): Promise<boolean> {
  const [[row]] = await commit(db, { tenantIds: [tenantId] }, [selectClient(tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  if (row.disabledAt !== null) return false;
  const next = { ...row, disabledAt: new Date(now), version: row.version + 1 };
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
  await commit(db, { tenantIds: [tenantId] }, [disableStatement(tenantId, id, row.version, new Date(now)), leaf]);
  return true;
}

/** Every client of the tenant, newest first. */
export async function clientsOf(db: Database, tenantId: string): Promise<ReturnType<typeof viewOf>[]> {
  const clients: ReturnType<typeof viewOf>[] = [];
  for (let after: string | undefined; ;) {
    const [rows] = await commit(db, { tenantIds: [tenantId] }, [listStatement(tenantId, after, pageSize)]);
    clients.push(...rows.map(viewOf));
    if (rows.length < pageSize) return clients;
    after = rows.at(-1)?.id;
  }
}
