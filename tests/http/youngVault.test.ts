import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { findByTags } from '../../src/db/customers.ts';
import { findExclusiveTags } from '../../src/db/indexTags.ts';
import type { Statement } from '../../src/db/statement.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { atDatabase, made } from '../support/work.ts';

/** In the first seconds of a vault's life the planner knows nothing of its tables: a large first import falls into them. */

const stored = 2_000;

interface Young {
  readonly vault: TestVault;
  readonly tags: readonly { readonly field: string; readonly tag: Buffer }[];
}

async function youngVault(...schema: readonly string[]): Promise<Young> {
  const vault = await startVault();
  for (const change of ['alter table amanat.index_tags set (autovacuum_enabled = false)', ...schema])
    await atDatabase(vault, change);
  const [shop, people] = [await vault.client('shop_backend'), synthetic(7_112)];
  for (let done = 0; done < stored; done += 200) {
    const customers = Array.from({ length: 200 }, () => people.naturalCustomer());
    made(await shop.post('/v1/customers/batch', { customers }), 200);
  }
  const tags = await atDatabase<Young['tags'][number]>(
    vault,
    'select field, tag from amanat.index_tags where exclusive limit 100',
  );
  return { vault, tags };
}

interface Plan {
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
}

/** Pages that are looked at for each tag, as the service would: inside its tenant. */
async function pagesEach({ vault, tags }: Young, { text, values }: Statement): Promise<number> {
  const client = new Client({ connectionString: vault.db.serviceUrl });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('amanat.tenants', $1, true)`, [`{${vault.tenantId}}`]);
    const { rows } = await client.query<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
      `explain (analyze, buffers, format json) ${text}`,
      [...values],
    );
    const [plan] = rows[0]?.['QUERY PLAN'] ?? [];
    if (plan === undefined) throw new Error('no plan');
    return (plan.Plan['Shared Hit Blocks'] + plan.Plan['Shared Read Blocks']) / tags.length;
  } finally {
    await client.end();
  }
}

describe('a vault without statistics', () => {
  const statementsOf = ({ vault: { tenantId }, tags }: Young) => ({
    exclusive: findExclusiveTags(tenantId, tags),
    searched: findByTags(tags.map(({ field, tag }) => ({ tenantId, field, tags: [tag] }))),
  });

  test('looks a tag up by itself and does not read all tags of the tenant', async () => {
    const young = await youngVault();
    try {
      const { exclusive, searched } = statementsOf(young);
      for (const statement of [exclusive, searched]) expect(await pagesEach(young, statement)).toBeLessThan(12);
    } finally {
      await young.vault.stop();
    }
  });

  test('control: where a smaller index begins with the tenant too, it reads them all for each', async () => {
    const misled = await youngVault('create index misleading on amanat.index_tags (tenant_id, customer_id)');
    try {
      expect(await pagesEach(misled, statementsOf(misled).exclusive)).toBeGreaterThan(20);
    } finally {
      await misled.vault.stop();
    }
  });
});
