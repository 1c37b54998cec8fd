import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { runningOwnerUrl } from '../src/db/embeddedAttach.ts';
import { newDataKeyMaterial } from '../src/crypto/seal.ts';
import { secretKey, wrapContext, wrapKey } from '../src/crypto/wrap.ts';
import { loadKeyFolder } from '../src/keys/folder.ts';
import { newId } from '../src/vault/ids.ts';
import { load, type Measured } from './load.ts';
import { startService, type Service } from './processes.ts';
import { seedVault } from './seed.ts';
import { vaultWorks } from './vaultWorks.ts';

/**
 * `npm run bench:rotation -- 1000000`: the tenant's data key turns over under a light load, on a database filled with so many
 * customers whose data keys are wrapped as they should be (their values are copies of one and are not read). What is told: how
 * many data keys a second, and whether any read or write failed.
 */
const records = Number(process.argv[2] ?? 100_000);
const atOnce = 2_000;
const connections = 4;
const root = fileURLToPath(new URL('../../', import.meta.url));

async function dataKeyOf(service: Service, client: Client) {
  const { tenantId } = service.firstRun;
  const keys = await loadKeyFolder(join(service.folder, 'keys'), { production: false });
  const { rows } = await client.query<{ wrapped: Buffer }>(
    `select wrapped from amanat.tenant_keys where tenant_id = $1 and use = 'data' and version = 1`,
    [tenantId],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('no data key');
  return secretKey(await keys.root.current.unwrap(wrapContext.tenantKey(tenantId, 'data', 1), row.wrapped));
}

async function fill(service: Service, client: Client): Promise<void> {
  const { tenantId } = service.firstRun;
  const wrapping = await dataKeyOf(service, client);
  for (let done = 0; done < records; done += atOnce) {
    const ids = Array.from({ length: Math.min(atOnce, records - done) }, () => newId(Date.now()));
    const keys = ids.map((id) =>
      wrapKey(wrapping, wrapContext.dataKey(tenantId, 'customer', id), newDataKeyMaterial()),
    );
    await client.query(
      `insert into amanat.customers
         (tenant_id, id, kind, status, version, source, key_version, data_key, sealed, created_at, updated_at)
       select $1::uuid, n.id, 'natural', 'deactivated', 1, 'web', 1, n.data_key, c.sealed, now(), now()
         from unnest($2::uuid[], $3::bytea[]) as n (id, data_key)
        cross join (select sealed from amanat.customers where tenant_id = $1::uuid order by id limit 1) c`,
      [tenantId, ids, keys],
    );
  }
}

async function amanat(service: Service, ...words: string[]): Promise<Record<string, unknown>> {
  const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...words, '--json'], {
    env: { PATH: process.env['PATH'], AMANAT_DATA_DIR: service.folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`amanat ${words.join(' ')}: exit ${code} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

const lineOf = (what: string, { rate, p50, p99, failures }: Measured): string =>
  `${what.padEnd(14)} ${rate.toFixed(0).padStart(6)} /s   p50 ${p50} ms   p99 ${p99} ms   failed ${failures}`;

async function main(): Promise<void> {
  const service = await startService(1);
  const ownerUrl = await runningOwnerUrl(join(service.folder, 'postgres'));
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const works = vaultWorks(service.url, await seedVault(service, 2_000));
    const began = performance.now();
    await fill(service, client);
    await client.query('analyze amanat.customers');
    console.log(`${records} customers filled in ${((performance.now() - began) / 1000).toFixed(0)} s`);
    const kinds = ['masked read', 'search', 'create', 'granted read, 3 fields'] as const;
    for (const kind of kinds) console.log(lineOf(`before: ${kind}`, await load(works[kind].work, connections, 3)));
    let turned = false;
    const start = performance.now();
    const rotation = amanat(service, 'keys', 'rotate', 'data').then((result) => {
      turned = true;
      const [tenant] = result['tenants'] as { moved: number }[];
      return { seconds: (performance.now() - start) / 1000, moved: tenant?.moved ?? 0 };
    });
    let failures = 0;
    const isTurned = (): boolean => turned;
    for (let i = 0; !isTurned(); i += 1) {
      const kind = kinds[i % kinds.length] ?? 'create';
      const measured = await load(works[kind].work, connections, 5);
      failures += measured.failures;
      console.log(lineOf(`during: ${kind}`, measured));
    }
    const { seconds, moved } = await rotation;
    console.log(`${moved} data keys wrapped anew in ${seconds.toFixed(0)} s: ${(moved / seconds).toFixed(0)} a second`);
    console.log(`failed reads and writes meanwhile: ${failures}`);
    console.log(JSON.stringify(await amanat(service, 'keys', 'retire', 'data')));
  } finally {
    await client.end();
    await service.remove();
  }
}

await main();
process.exit(0);
