import { expect } from 'vitest';
import { sweepIntegrity, type Sweep } from '../../src/vault/integritySweep.ts';
import { withClient } from './postgres.ts';
import type { TestVault } from './vault.ts';

/** What `amanat verify` says of the vault's tenant, of all or of a sample. */
export function sweepOf({ vault, tenantId }: TestVault, size?: number, seed = '0'.repeat(32)): Promise<Sweep> {
  const sample = size === undefined ? undefined : { size, seed };
  return sweepIntegrity(vault.db, vault.keyring, tenantId, sample, () => undefined);
}

/** The same after a superuser's change of one row, behind every guard, which is then undone. */
export async function sweepAfter(vault: TestVault, table: string, change: string): Promise<Sweep> {
  return withClient(vault.db.superuserUrl, async (client) => {
    await client.query('set session_replication_role = replica');
    await client.query(`create temporary table kept as select * from amanat.${table}`);
    const { rowCount } = await client.query(change);
    expect(rowCount, change).toBe(1);
    vault.vault.keyring.forget();
    const found = await sweepOf(vault);
    await client.query(`delete from amanat.${table}`);
    await client.query(`insert into amanat.${table} select * from kept`);
    await client.query('drop table kept');
    return found;
  });
}
