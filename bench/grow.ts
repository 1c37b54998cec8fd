import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import { synthetic, type Synthetic } from '../src/cli/synthetic.ts';
import { encodeLeaf, leafHash } from '../src/crypto/leaf.ts';
import { insertLeaves, type LeafRow } from '../src/db/audit.ts';
import { commit } from '../src/db/commit.ts';
import { closeDatabase, openDatabase } from '../src/db/database.ts';
import { runningOwnerUrl } from '../src/db/embeddedAttach.ts';
import { newId } from '../src/vault/ids.ts';
import { any } from './floorWorks.ts';
import type { Service } from './processes.ts';
import { giveWork, makeClients, type Clients, type Seed } from './seed.ts';

/** A vault that grows: more customers by the import that everybody uses, more audit by the statement that stores leaves. */
export interface Growing {
  readonly service: Service;
  readonly ownerUrl: string;
  /** Loads pick among everything that was stored so far. */
  readonly seed: Seed;
  customersTo(count: number): Promise<void>;
  /** How many were added. */
  leavesTo(count: number): Promise<number>;
  /** When no leaf waits for the tree any more. */
  integrated(): Promise<void>;
  /** When PostgreSQL has looked after what was stored: what autovacuum does in the minutes after a large import. */
  vacuumed(): Promise<void>;
}

const linesAtOnce = 2_000;
/** Grants and parcels are given to people from all over the table at each size. */
const worked = 400;
const leavesAtOnce = 2_000;

export async function openGrowing(service: Service, people = synthetic(3)): Promise<Growing> {
  const ownerUrl = await runningOwnerUrl(join(service.folder, 'postgres'));
  if (ownerUrl === undefined) throw new Error('no embedded PostgreSQL');
  const clients = await makeClients(service);
  const { ids, nationalIds } = await storedBefore(ownerUrl, people);
  const grants: Seed['grants'][number][] = [];
  const deliveries: string[] = [];
  const patchable = (): never => {
    throw new Error('nothing is patched here');
  };
  return {
    service,
    ownerUrl,
    seed: { people, ids, nationalIds, patchable, grants, deliveries, bearer: clients },
    async customersTo(count) {
      while (ids.length < count) {
        const lines = Array.from({ length: 2 }, (_, i) => Math.min(linesAtOnce, count - ids.length - i * linesAtOnce));
        const sent = lines.filter((n) => n > 0).map((n) => Array.from({ length: n }, () => people.naturalCustomer()));
        const done = await Promise.all(sent.map((some) => importSome(service.url, clients, some)));
        for (const [i, some] of sent.entries()) {
          ids.push(...(done[i] ?? []));
          nationalIds.push(...some.map(({ fields }) => fields.nationalId));
        }
      }
      grants.length = 0;
      deliveries.length = 0;
      const some = Array.from({ length: Math.min(worked, ids.length) }, () => any(ids));
      const given = await giveWork(service.url, clients, [...new Set(some)]);
      grants.push(...given.grants);
      deliveries.push(...given.deliveries);
    },
    leavesTo: (count) => fillLeaves(ownerUrl, ids, count),
    integrated: () => queueEmpty(ownerUrl),
    vacuumed: () => vacuum(ownerUrl),
  };
}

/** A vault that was grown before is grown further: the generator goes on behind everybody it can have made. */
async function storedBefore(ownerUrl: string, people: Synthetic) {
  const owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  const { rows } = await owner.query<{ id: string }>('select id from amanat.customers order by id');
  await owner.end();
  const nationalIds: string[] = [];
  for (const [n] of rows.entries()) {
    nationalIds.push(people.naturalCustomer().fields.nationalId);
    // Connections that the service closes meanwhile are noticed.
    if (n % 1_000 === 0) await new Promise(setImmediate);
  }
  // Loads that broke off made people who were never stored.
  if (rows.length > 0) for (let n = 0; n < 50_000; n += 1) people.naturalCustomer();
  return { ids: rows.map(({ id }) => id), nationalIds };
}

async function importSome(url: string, { shop }: Clients, customers: readonly object[]): Promise<string[]> {
  const answer = await fetch(`${url}/v1/customers/import`, {
    method: 'POST',
    headers: { authorization: shop(), 'content-type': 'application/x-ndjson', accept: 'application/x-ndjson' },
    body: customers.map((one) => JSON.stringify(one)).join('\n'),
  });
  const lines = (await answer.text()).trim().split('\n');
  return lines.map((line) => {
    const { id, ...rest } = JSON.parse(line) as { id?: string };
    if (id === undefined) throw new Error(`import: ${answer.status} ${JSON.stringify(rest)}`);
    return id;
  });
}

/** Leaves as masked reads by twenty clients leave them, of people from all over the table, until so many stand in the log. */
async function fillLeaves(ownerUrl: string, ids: readonly string[], count: number): Promise<number> {
  const owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  const { rows } = await owner.query<{ tenantId: string; stored: number }>(
    `select tenant_id as "tenantId", count(*)::integer as stored from amanat.audit_leaves group by 1`,
  );
  await owner.end();
  const tenantId = rows[0]?.tenantId ?? '';
  const readers = Array.from({ length: 20 }, () => newId(Date.now()));
  const db = openDatabase({ connectionString: ownerUrl, max: 2 });
  const store = async (some: number): Promise<void> => {
    const leaves = Array.from({ length: some }, () => leafOfRead(tenantId, any(readers), any(ids)));
    await commit(db, { tenantIds: [tenantId] }, [insertLeaves(leaves)]);
  };
  const had = rows[0]?.stored ?? 0;
  let stored = had;
  while (stored < count) {
    const some = Math.min(leavesAtOnce, count - stored);
    await Promise.all([store(Math.ceil(some / 2)), store(Math.floor(some / 2))]);
    stored += some;
  }
  await closeDatabase(db);
  return stored - had;
}

async function vacuum(ownerUrl: string): Promise<void> {
  const owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  // What is not the owner's is left out, with a warning.
  await owner.query('vacuum (analyze)');
  await owner.end();
}

async function queueEmpty(ownerUrl: string): Promise<void> {
  const owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  for (let waits = true; waits;) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const { rows } = await owner.query<{ waits: boolean }>('select exists (select from amanat.audit_pending) as waits');
    waits = rows[0]?.waits ?? false;
  }
  await owner.end();
}

const masked = ['givenName', 'familyName', 'nationalId', 'mobile', 'email', 'iban', 'address', 'postalCode'];

function leafOfRead(tenantId: string, clientId: string, subjectId: string): LeafRow {
  const at = Date.now();
  const id = newId(at);
  const leaf = encodeLeaf({
    id,
    tenantId,
    at,
    clientId,
    role: 'support',
    actor: '',
    action: 'customers.read',
    outcome: 'allowed',
    rule: 'kalak/1#masked',
    purpose: '',
    policyVersion: 'kalak/1',
    requestId: randomBytes(12).toString('hex'),
    full: [],
    masked,
    subjectKind: 'customer',
    subjectId,
  });
  return { tenantId, id, clientId, subjectId, grantId: undefined, leaf, leafHash: leafHash(leaf) };
}
