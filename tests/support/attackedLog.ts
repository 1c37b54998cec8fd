import type { Client } from 'pg';
import { expect } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { decodeLeaf, encodeLeaf, leafHash } from '../../src/crypto/leaf.ts';
import type { Breach } from '../../src/vault/breach.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { verifyLog } from './logs.ts';
import { withClient } from './postgres.ts';
import { afterSpoiling, orderOf, storeReads } from './spoiltLogs.ts';
import { startVault, type TestVault } from './vault.ts';
import { atDatabase, newPerson } from './work.ts';

export type Spoil = (client: Client) => Promise<unknown>;

/** A log of three tiles and four kept checkpoints, over six minutes, and what a superuser may do to it. */
export interface AttackedLog {
  readonly vault: TestVault;
  /** Ids in the order of the tree; a checkpoint was kept at each of these sizes. */
  readonly order: readonly string[];
  readonly kept: readonly number[];
  readonly store: (count: number) => Promise<void>;
  readonly leafAt: (index: number) => Promise<Buffer>;
  /** The leaf as it would be had somebody else done it. */
  readonly forgedLeaf: (index: number, id?: string) => Promise<Buffer>;
  readonly put: (index: number, leaf: Buffer) => Spoil;
  readonly insert: (id: string, leaf: Buffer) => Spoil;
  /** What `amanat audit verify` finds after it, which is then undone. */
  readonly found: (spoil: Spoil, held?: string) => Promise<Breach | undefined>;
}

export async function attackedLog(): Promise<AttackedLog> {
  const vault = await startVault();
  const integrate = openIntegrator(vault.vault);
  const shop = await vault.client('shop_backend');
  const person = await newPerson(shop, synthetic(401).naturalCustomer());
  const store = (count: number) => storeReads(vault, count, shop.id, person.id);
  for (const count of [40, 300, 250, 30]) {
    await store(count);
    await integrate();
    vault.advance(121_000);
  }
  const rows = await atDatabase<{ size: string }>(vault, 'select size from amanat.audit_checkpoints order by size');
  const order = await withClient(vault.db.superuserUrl, (client) => orderOf(client, vault.tenantId));
  const leafAt = async (index: number): Promise<Buffer> => {
    const sql = 'select leaf from amanat.audit_leaves where id = $1';
    const [row] = await atDatabase<{ leaf: Buffer }>(vault, sql, [order[index]]);
    return row?.leaf ?? Buffer.alloc(0);
  };
  return {
    vault,
    order,
    kept: rows.map(({ size }) => Number(size)),
    store,
    leafAt,
    forgedLeaf: async (index, id = order[index] ?? '') =>
      encodeLeaf({ ...decodeLeaf(await leafAt(index)), id, actor: 'staff-2' }),
    put: (index, leaf) =>
      changed('update amanat.audit_leaves set leaf = $2, leaf_hash = $3 where id = $1', [
        order[index],
        leaf,
        leafHash(leaf),
      ]),
    insert: (id, leaf) =>
      changed(
        `insert into amanat.audit_leaves (tenant_id, id, client_id, subject_id, leaf, leaf_hash)
         values ($1, $2, $3, $4, $5, $6)`,
        [vault.tenantId, id, shop.id, person.id, leaf, leafHash(leaf)],
      ),
    found: async (spoil, held) =>
      (await afterSpoiling(vault, spoil, () => verifyLog(vault, vault.tenantId, held))).breach,
  };
}

export const changed =
  (sql: string, values: unknown[] = []): Spoil =>
  async (client) => {
    const { rowCount } = await client.query(sql, values);
    expect(rowCount, sql).toBeGreaterThan(0);
  };

/** The same id but for its last digit: of the same moment. */
export const beside = (id = ''): string => id.replace(/.$/, (last) => (last === '0' ? '1' : '0'));

export const swapped = (ids: readonly string[], a: number, b: number): string[] =>
  ids.map((id, i) => (i === a ? ids[b] : i === b ? ids[a] : id) ?? '');
