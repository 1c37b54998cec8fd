import { createPublicKey, randomBytes, sign, verify, X509Certificate } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { overdueOf } from '../../src/keyPeriods.ts';
import { createLog } from '../../src/log.ts';
import { openMetrics } from '../../src/metrics.ts';
import { signReceipt, verifyReceipt } from '../../src/crypto/signature.ts';
import { keyThumbprint } from '../../src/crypto/thumbprint.ts';
import { decodeLeaf } from '../../src/crypto/leaf.ts';
import { synthetic } from '../../src/cli/synthetic.ts';
import { commit } from '../../src/db/commit.ts';
import { DbFault } from '../../src/db/fault.ts';
import { disableClient, selectClient } from '../../src/db/clients.ts';
import { insertTags } from '../../src/db/indexTags.ts';
import { macTableOf } from '../../src/db/integritySweep.ts';
import { statement, type Statement } from '../../src/db/statement.ts';
import { disabled } from '../../src/vault/clientChange.ts';
import { enrolClient } from '../../src/vault/clients.ts';
import { newId } from '../../src/vault/ids.ts';
import { isGenuine } from '../../src/vault/rowMac.ts';
import { rowMembers } from '../../src/vault/rowMembers.ts';
import { sealNew } from '../../src/vault/record.ts';
import { checkpointKey } from '../../src/crypto/checkpoint.ts';
import { addNextKey, keepCertificate, keepFormer, loadKeyFolder, removeKeyFiles } from '../../src/keys/folder.ts';
import type { LiveKeys } from '../../src/keys/liveKeys.ts';
import { verifyTree } from '../../src/vault/treeVerification.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { openKeyring } from '../../src/vault/keyring.ts';
import { retire } from '../../src/vault/keyRetirement.ts';
import type { Turning } from '../../src/vault/keyTurn.ts';
import { fileKeysInUse, heldUntil } from '../../src/vault/processes.ts';
import { readiness } from '../../src/vault/readiness.ts';
import { rotateIndex } from '../../src/vault/reindex.ts';
import { rotateMac } from '../../src/vault/resign.ts';
import { countData, rotateData } from '../../src/vault/rewrap.ts';
import { countRoots, reroot } from '../../src/vault/rerootTenants.ts';
import { heldRootKey } from '../../src/keys/rootKey.ts';
import { keyPlaces } from '../../src/db/keyPlaces.ts';
import { legalDesk } from '../http/legalDesk.ts';
import { withClient } from '../support/postgres.ts';
import { sweepOf } from '../support/sweeps.ts';
import { clientOf, login, startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, killedOnce, made, newOrder, newPerson, statuses } from '../support/work.ts';

/** Two processes, as it were, on one database. */
let vault: TestVault;
let beside: TestVault;
let shop: TestClient;
/** One, so that it is the leader throughout. */
let integrate: ReturnType<typeof openIntegrator>;
const people = synthetic(1601);

beforeAll(async () => {
  vault = await startVault({ clock: 'machine' });
  beside = await startVault({ beside: vault });
  shop = await vault.client('shop_backend');
  integrate = openIntegrator(vault.vault);
  for (let i = 0; i < 12; i += 1) await newOrder(shop, await newPerson(shop, people.naturalCustomer()));
});
afterAll(async () => {
  await beside.stop();
  await vault.stop();
});

const at = (place: TestVault): TestClient => clientOf(place.url, shop.id, shop.secret, shop.token);
const both = (): readonly TestClient[] => [at(vault), at(beside)];

/** What serves while keys turn over: each worker creates, reads, searches and patches, and every answer is looked at. */
interface Load {
  readonly unexpected: string[];
  count: number;
  /** Every request that was under way is answered. */
  drained(): Promise<void>;
  stop(): Promise<void>;
}

const loads: Load[] = [];
afterEach(async () => {
  for (const load of loads.splice(0)) await load.stop();
});

function underLoad(): Load {
  const running = { on: true };
  const rounds = new Map<number, number>();
  const waiting = new Set<() => void>();
  const load: Load = {
    unexpected: [],
    count: 0,
    async drained() {
      const before = new Map(rounds);
      const through = () => [...before].every(([worker, round]) => (rounds.get(worker) ?? Infinity) > round);
      while (running.on && !through()) await new Promise<void>((resolve) => waiting.add(resolve));
    },
    async stop() {
      running.on = false;
      await Promise.all(workers);
    },
  };
  const expectStatus = async (what: string, answer: ReturnType<TestClient['get']>, status: number) => {
    const { status: got, body } = await answer;
    load.count += 1;
    if (got !== status) load.unexpected.push(`${what}: ${got} ${body?.code}`);
    return body;
  };
  const work = async (client: TestClient, worker: number) => {
    for (let round = 0; running.on; round += 1) {
      rounds.set(worker, round);
      for (const resolve of waiting) resolve();
      waiting.clear();
      const sent = people.naturalCustomer();
      const { id } = await expectStatus('create', client.post('/v1/customers', sent), 201);
      const read = await expectStatus('read', client.get(`/v1/customers/${id}`), 200);
      const by = { by: 'nationalId', value: sent.fields.nationalId };
      const found = await expectStatus('search', client.post('/v1/customers/search', by), 200);
      if (found.matches?.[0]?.id !== id) load.unexpected.push('search: not found');
      const email = people.email();
      await expectStatus('patch', client.patch(`/v1/customers/${id}`, { fields: { email } }, read.version), 200);
      const again = await expectStatus(
        'search',
        client.post('/v1/customers/search', { by: 'email', value: email }),
        200,
      );
      if (again.matches?.length !== 1) load.unexpected.push('search after patch: not found');
    }
  };
  const workers = both()
    .flatMap((client) => [client, client])
    .map((client, worker) =>
      work(client, worker).catch((error: unknown) => {
        load.unexpected.push(String(error));
        // Nobody waits for it any more.
        rounds.set(worker, Infinity);
        for (const resolve of waiting) resolve();
      }),
    );
  loads.push(load);
  return load;
}

/** One who turns keys: what the command does, with processes that are asked to look instead of waiting five seconds. */
function turner(load: Load | undefined, more: Partial<Turning> = {}): Turning {
  const { db, keys, now } = vault.vault;
  return {
    db,
    keyring: vault.vault.keyring,
    roots: keys.root.byId,
    tenantId: vault.tenantId,
    policyVersion: 'kalak/1',
    now,
    pageSize: 40,
    settle: async () => {
      await Promise.all([vault.vault.watch.lookAnew(), beside.vault.watch.lookAnew()]);
      await load?.drained();
    },
    rest: () => Promise.resolve(),
    onBroken: (place, id) => expect.unreachable(`${place} ${id} does not open`),
    onProgress: () => undefined,
    ...more,
  };
}

/** The same database, and when it is asked for the n-th time. */
function askedTimes(db: Turning['db'], nth: number): { readonly db: Turning['db']; readonly asked: Promise<void> } {
  let [times, tell] = [0, (): void => undefined];
  const asked = new Promise<void>((resolve) => (tell = resolve));
  const connect = (...[answer]: Parameters<typeof db.pool.connect>) => {
    if ((times += 1) === nth) tell();
    db.pool.connect(answer);
  };
  const pool = new Proxy(db.pool, {
    get: (held, name) => (name === 'connect' ? connect : (Reflect.get(held, name, held) as unknown)),
  });
  return { db: { ...db, pool }, asked };
}

const standing = (use: string) =>
  atDatabase<{ version: number; state: string }>(
    vault,
    `select version, state from amanat.tenant_keys where tenant_id = $1 and use = $2 order by version`,
    [vault.tenantId, use],
  );

/** It knows of no key that is made after this. */
async function keyringOfACommand() {
  const { db, keys, now } = vault.vault;
  const keyring = openKeyring(db, keys.root.byId, now);
  await keyring.tenant(vault.tenantId);
  return keyring;
}

const killed = new Error('killed');

describe.each([
  { use: 'data', rotate: rotateData },
  { use: 'index', rotate: rotateIndex },
  { use: 'mac', rotate: rotateMac },
] as const)('P16: the $use key', ({ use, rotate }) => {
  test('turns over under load: no read and no write is lost, and nothing rests on the former version', async () => {
    const load = underLoad();
    await rotate(turner(load));
    expect(await standing(use)).toEqual([
      { version: 1, state: 'former' },
      { version: 2, state: 'current' },
    ]);
    const [retired] = await retire(turner(load), use);
    await load.drained();
    await load.stop();
    expect(retired).toEqual({ version: 1, destroyed: true, rests: {} });
    expect(load.unexpected).toEqual([]);
    expect(load.count).toBeGreaterThan(20);
    expect(await standing(use)).toEqual([
      { version: 1, state: 'destroyed' },
      { version: 2, state: 'current' },
    ]);
  });

  test('is killed at every step, and whoever comes after goes on', async () => {
    const load = underLoad();
    for (let step = 1; ; step += 1) {
      let left = step;
      const mayDie = async (then: () => Promise<void>) => {
        left -= 1;
        if (left === 0) throw killed;
        await then();
      };
      const plain = turner(load);
      const dying = turner(load, { settle: () => mayDie(plain.settle), rest: () => mayDie(() => Promise.resolve()) });
      const died = await rotate(dying).then(
        () => false,
        (error) => {
          if (error !== killed) throw error;
          return true;
        },
      );
      if (!died) break;
      // The next one is killed one step later.
      if (step > 6) {
        await rotate(turner(load));
        break;
      }
    }
    const [retired] = await retire(turner(load), use);
    await load.stop();
    expect(retired).toMatchObject({ version: 2, destroyed: true });
    expect(load.unexpected).toEqual([]);
  });

  test('is turned by two at once', async () => {
    const load = underLoad();
    // Each command has a keyring of its own, read when it began; the second overtakes the first, and a third comes when all is done.
    const [first, third] = [await keyringOfACommand(), await keyringOfACommand()];
    const plain = turner(load);
    let overtaken = false;
    const settle = async () => {
      if (!overtaken) {
        overtaken = true;
        await rotate(turner(load));
      }
      await plain.settle();
    };
    await rotate(turner(load, { keyring: first, settle }));
    await rotate(turner(load, { keyring: third }));
    expect(overtaken).toBe(true);
    await retire(turner(load), use);
    await load.stop();
    expect(load.unexpected).toEqual([]);
    const states = (await standing(use)).map(({ state }) => state);
    expect([new Set(states.slice(0, -1)), states.at(-1)]).toEqual([new Set(['destroyed']), 'current']);
  });
});

describe('P16: the index key, while it turns over', () => {
  test('an identifier is one customer’s alone at every step, and found at both processes', async () => {
    const before = people.naturalCustomer();
    const { id } = made(await shop.post('/v1/customers', before));
    const steps: string[] = [];
    const check = async (name: string) => {
      steps.push(name);
      for (const client of both()) {
        const sent = people.naturalCustomer();
        const same = { ...sent, fields: { ...sent.fields, nationalId: before.fields.nationalId } };
        expect((await client.post('/v1/customers', same)).status, name).toBe(409);
        const by = { by: 'nationalId', value: before.fields.nationalId };
        expect(made(await client.post('/v1/customers/search', by), 200).matches, name).toHaveLength(1);
      }
      const nationalId = people.nationalId();
      const race = both().map((client) => {
        const sent = people.naturalCustomer();
        return client.post('/v1/customers', { ...sent, fields: { ...sent.fields, nationalId } });
      });
      expect(statuses(await Promise.all(race)), name).toEqual({ 201: 1, 409: 1 });
      // Tags under both versions, or under one: each follows from its value.
      expect((await sweepOf(vault, 5, '0'.repeat(31) + String(steps.length))).flaw, name).toBeUndefined();
    };
    const plain = turner(undefined);
    let settled = 0;
    // One process knows of the step and the other does not; then both do.
    const settle = async () => {
      settled += 1;
      await vault.vault.watch.lookAnew();
      await check(`one knows of step ${settled}`);
      await plain.settle();
      await check(`both know of step ${settled}`);
    };
    await rotateIndex(turner(undefined, { settle }));
    await retire(turner(undefined, { settle }), 'index');
    await check('done');
    expect(steps).toHaveLength(7);
    expect(made(await shop.get(`/v1/customers/${id}`), 200).id).toBe(id);
  });
});

describe('P16: the places of keys', () => {
  /** What has a version of a key, and is no place of a data key. */
  const others: Readonly<Record<string, string>> = {
    'customer_versions.key_version': 'opens with the customer’s key of now',
    'order_versions.key_version': 'opens with the order’s key of now',
    'index_tags.key_version': 'of the index key',
    'suppressions.key_version': 'of the hash key',
  };

  test('every column of the schema that names a version of a key is one that turns over, or is known to be another', async () => {
    const columns = await atDatabase<{ name: string }>(
      vault,
      `select table_name || '.' || column_name as name from information_schema.columns
        where table_schema = 'amanat' and column_name like '%key_version'`,
      [],
    );
    const places = Object.values(keyPlaces).map(({ table, keyVersion }) => `${table}.${keyVersion}`);
    expect(columns.map(({ name }) => name).sort()).toEqual([...places, ...Object.keys(others)].sort());
  });

  test('every wrapped key of the schema stands in one of them', async () => {
    const columns = await atDatabase<{ name: string }>(
      vault,
      `select table_name || '.' || column_name as name from information_schema.columns
        where table_schema = 'amanat' and data_type = 'bytea' and column_name like '%\\_key'`,
      [],
    );
    const places = Object.values(keyPlaces).map(({ table, dataKey }) => `${table}.${dataKey}`);
    expect(columns.map(({ name }) => name).sort()).toEqual([...places].sort());
  });
});

describe('P16: the root key', () => {
  test('turns over under load; a process that lacks the new one serves on, says so and loses nothing', async () => {
    const load = underLoad();
    const { root } = vault.vault.keys;
    const next = heldRootKey(randomBytes(32));
    const byId = new Map([...root.byId, [next.id, next]]);
    const moved = await reroot(turner(load), { current: next, byId });
    expect(moved).toBeGreaterThan(3);
    await turner(load).settle();
    expect(await countRoots(vault.vault.db, [vault.tenantId])).toEqual({ [next.id]: moved });
    await load.stop();
    expect(load.unexpected).toEqual([]);
    expect(beside.logLines.some((line) => line.includes('"tenant_keys"'))).toBe(true);
    // Control: once it has forgotten its keys, it is closed without the new root.
    const read = () => at(beside).get('/v1/customers?limit=1');
    beside.vault.keyring.forget();
    expect((await beside.request('GET', '/readyz')).status).toBe(503);
    // And back again, by whoever has both.
    const back = { ...turner(undefined), roots: byId };
    await reroot(back, { current: root.current, byId });
    await turner(undefined).settle();
    expect((await read()).status).toBe(200);
  });
});

describe('P16: what is not done', () => {
  test('a key on which something rests is not retired', async () => {
    let calls = 0;
    const die = () => Promise.reject(killed);
    const settleOnce = async () => {
      calls += 1;
      if (calls > 1) throw killed;
      await turner(undefined).settle();
    };
    await expect(rotateData(turner(undefined, { settle: settleOnce, rest: die }))).rejects.toBe(killed);
    const [refused] = await retire(turner(undefined), 'data');
    expect(refused?.destroyed).toBe(false);
    expect(refused?.rests).toMatchObject({ customers: expect.any(Number) });
    expect((await standing('data')).slice(-2).map(({ state }) => state)).toEqual(['former', 'current']);
  });

  test('control: where it is destroyed all the same, reads fail', async () => {
    const former = (await standing('data')).at(-2)?.version;
    const [row] = await atDatabase<{ id: string }>(
      vault,
      `select id from amanat.customers where tenant_id = $1 and key_version = $2 and status = 'active' limit 1`,
      [vault.tenantId, former],
    );
    const read = async () => (await at(beside).get(`/v1/customers/${row?.id}`)).status;
    expect(await read()).toBe(200);
    const keep = `from amanat.tenant_keys where tenant_id = $1 and use = 'data' and version = $2`;
    const [key] = await atDatabase<{ wrapped: Buffer }>(vault, `select wrapped ${keep}`, [vault.tenantId, former]);
    const set = (values: string, more: unknown[] = []) =>
      atDatabase(
        vault,
        `update amanat.tenant_keys set ${values}, changed_at = changed_at + interval '1 second'
          where tenant_id = $1 and use = 'data' and version = $2`,
        [vault.tenantId, former, ...more],
      );
    await set(`state = 'destroyed', wrapped = null`);
    await beside.vault.watch.lookAnew();
    beside.vault.keyring.forgetDataKeys([row?.id ?? '']);
    expect(await read()).toBe(500);
    await set(`state = 'former', wrapped = $3`, [key?.wrapped]);
    await turner(undefined).settle();
    expect(await read()).toBe(200);
  });

  test('each step has its leaf, and that of the destruction a digest of what was counted', async () => {
    const rows = await atDatabase<{ leaf: Buffer }>(
      vault,
      'select leaf from amanat.audit_leaves where tenant_id = $1 and client_id is null order by id',
      [vault.tenantId],
    );
    const steps = rows.map(({ leaf }) => decodeLeaf(leaf)).filter(({ objectKind }) => objectKind === 'keys/mac');
    expect(steps.map(({ action, recordVersion, digest }) => [action, recordVersion, digest !== undefined])).toEqual(
      [2, 3, 4].flatMap((version) => [
        ['keys.introduce', version, false],
        ['keys.rotate', version, false],
        ['keys.retire', version - 1, true],
      ]),
    );
  });
});

describe('P16: a commit that comes late', () => {
  beforeAll(async () => {
    // What the tests before have left in the middle.
    await rotateData(turner(undefined));
    await retire(turner(undefined), 'data');
  });
  /** What a process has sealed and wrapped, and not stored yet: a record with a key of its own, and a tag of somebody. */
  async function wrapped() {
    const keys = await vault.vault.keyring.tenant(vault.tenantId);
    const id = newId(vault.vault.now());
    const { keyVersion, dataKey, sealed } = sealNew(keys, 'incident', id, new Map([['file', { kind: 'leak' }]]));
    const row = statement(
      'late_row',
      `insert into amanat.incidents (tenant_id, id, kind, state, version, key_version, data_key, sealed, opened_at, updated_at)
       values ($1::uuid, $2::uuid, 'leak', 'open', 1, $3::integer, $4::bytea, $5::bytea, now(), now())`,
      [vault.tenantId, id, keyVersion, dataKey, sealed],
    );
    const tags = keys.newTags('email', people.email());
    const tag = { tenantId: vault.tenantId, customerId: id, field: 'email', exclusive: false } as const;
    return { id, keyVersion, dataKey, row, tags: insertTags(tags.map((one) => ({ ...tag, ...one }))) };
  }
  const stored = async (id: string): Promise<number> =>
    (await atDatabase(vault, 'select 1 from amanat.incidents where id = $1', [id])).length;
  const outcome = (late: Statement): Promise<unknown> =>
    commit(vault.vault.db, { tenantIds: [vault.tenantId] }, [late]).then(
      () => 'stored',
      (error: unknown) => (error instanceof DbFault ? (error.guard ?? error.sqlstate) : error),
    );

  test('of a process that was frozen between wrapping and storing is refused, and may be asked again', async () => {
    const [early, late] = [await wrapped(), await wrapped()];
    await rotateData(turner(undefined));
    await rotateIndex(turner(undefined));
    // Control: while the former version is open it is stored, and is in the way of the retirement.
    expect(await outcome(early.row)).toBe('stored');
    const [refused] = await retire(turner(undefined), 'data');
    expect(refused).toMatchObject({ destroyed: false, rests: { incidents: 1 } });
    // Counted, and nothing was destroyed: it is closed all the same.
    expect(await outcome(late.row)).toBe('42501');
    await rotateData(turner(undefined));
    for (const use of ['data', 'index'] as const)
      expect((await retire(turner(undefined), use)).map(({ destroyed }) => destroyed)).toEqual([true]);
    expect(await outcome(late.row)).toBe('42501');
    expect(await outcome(late.tags)).toBe('42501');
    // An edit that writes back the key that it read.
    const back = statement(
      'back',
      'update amanat.incidents set key_version = $2::integer, data_key = $3::bytea where tenant_id = $4::uuid and id = $1::uuid',
      [early.id, early.keyVersion, early.dataKey, vault.tenantId],
    );
    expect(await outcome(back)).toBe('conflict');
    expect([await stored(early.id), await stored(late.id)]).toEqual([1, 0]);
    expect(await outcome((await wrapped()).row)).toBe('stored');
    expect((await sweepOf(vault)).flaw).toBeUndefined();
  });

  test('of a transaction that is open meanwhile is waited for and counted', async () => {
    const held = await wrapped();
    await rotateData(turner(undefined));
    const begun = `select set_config('amanat.tenants', '{${vault.tenantId}}', true)`;
    const closed = () =>
      atDatabase(
        vault,
        `select 1 from amanat.tenant_keys where tenant_id = $1 and state = 'former' and closed_at > now() - interval '1 minute'`,
        [vault.tenantId],
      );
    await withClient(vault.db.serviceUrl, async (client) => {
      await client.query('begin');
      await client.query(begun);
      await client.query(held.row.text, [...held.row.values]);
      // It may hang for longer than anybody waits.
      const hung = await retire(turner(undefined, { patienceMs: 0 }), 'data');
      expect(hung).toMatchObject([{ destroyed: false, rests: { 'transactions that have not ended': 1 } }]);
      const { db, asked } = askedTimes(vault.vault.db, 4);
      const retiring = retire(turner(undefined, { db }), 'data');
      // What stands, the closing, a look that finds somebody, and the next one.
      await Promise.race([asked, retiring]);
      expect(await closed()).toHaveLength(1);
      await client.query('commit');
      // Without the waiting it would not have been counted, and destroyed with the key.
      expect(await retiring).toMatchObject([{ destroyed: false, rests: { incidents: 1 } }]);
    });
    await rotateData(turner(undefined));
    expect(await retire(turner(undefined), 'data')).toMatchObject([{ destroyed: true }]);
    expect(await stored(held.id)).toBe(1);
    expect((await sweepOf(vault)).flaw).toBeUndefined();
  });

  test('of a request that was under way when the retirement began comes through, and is counted', async () => {
    const late = await wrapped();
    await rotateData(turner(undefined));
    const stores: unknown[] = [];
    // Control: the same, asked for after the waiting, is refused.
    const settle = async () => void stores.push(await outcome(late.row));
    const [waited] = await retire(turner(undefined, { settle }), 'data');
    expect([stores, waited]).toMatchObject([['stored'], { destroyed: false, rests: { incidents: 1 } }]);
    expect(
      await outcome({ ...late.row, values: [vault.tenantId, newId(vault.vault.now()), ...late.row.values.slice(2)] }),
    ).toBe('42501');
    await rotateData(turner(undefined));
    expect(await retire(turner(undefined), 'data')).toMatchObject([{ destroyed: true }]);
    expect((await sweepOf(vault)).flaw).toBeUndefined();
  });

  test('control: stored all the same under a version that is gone, it is lost', async () => {
    const lost = await wrapped();
    await rotateData(turner(undefined));
    await retire(turner(undefined), 'data');
    await withClient(vault.db.superuserUrl, (client) => client.query(lost.row.text, [...lost.row.values]));
    expect((await sweepOf(vault)).flaw).toEqual({ code: 'value_does_not_open', kind: 'incidents', id: lost.id });
    await atDatabase(vault, 'delete from amanat.incidents where id = $1', [lost.id]);
  });
});

describe('P16: a late commit under a former mac key', () => {
  const outcome = (...late: readonly Statement[]): Promise<unknown> =>
    commit(vault.vault.db, { tenantIds: [vault.tenantId] }, late).then(
      () => 'stored',
      (error: unknown) => (error instanceof DbFault ? (error.guard ?? error.sqlstate) : error),
    );
  /** A client whose row was signed now, to be stored later. */
  async function enrolled() {
    const keys = await vault.vault.keyring.tenant(vault.tenantId);
    const asked = { name: 'late', role: 'support', authMethod: 'client_secret' } as const;
    const { id, row, statements } = enrolClient(
      vault.vault.watch.policy(vault.tenantId).profile,
      keys,
      asked,
      vault.vault.now(),
    );
    const now = new Date(vault.vault.now());
    return { id, store: statements, disable: disableClient(disabled(keys, row, now), now) };
  }
  const turned = async () => {
    await rotateMac(turner(undefined));
    return (await retire(turner(undefined), 'mac')).map(({ destroyed }) => destroyed);
  };

  test('can be stored in no table: each kind of row that carries a MAC is looked at', async () => {
    const guarded = (name: string) =>
      atDatabase<{ table: string }>(
        vault,
        `select p.tablename as table from pg_policies p
          where p.policyname = $1 and p.permissive = 'RESTRICTIVE' and p.cmd = 'INSERT'
            and exists (select 1 from pg_trigger t where t.tgname = $1 and t.tgrelid = ('amanat.' || p.tablename)::regclass)`,
        [name],
      );
    const tables = Object.keys(rowMembers).map((kind) => macTableOf(kind).table);
    expect(new Set((await guarded('open_mac')).map(({ table }) => table))).toEqual(new Set(tables));
    expect(await guarded('open_code_mac')).toEqual([{ table: 'shipments' }]);
  });

  test('of a process that was frozen between signing and storing is refused, and may be asked again', async () => {
    const [early, late, there] = [await enrolled(), await enrolled(), await enrolled()];
    expect(await outcome(...there.store)).toBe('stored');
    await rotateMac(turner(undefined));
    // Control: while the former version is open it is stored, and is in the way of the retirement.
    expect(await outcome(...early.store)).toBe('stored');
    expect(await retire(turner(undefined), 'mac')).toMatchObject([{ destroyed: false, rests: { clients: 1 } }]);
    expect(await outcome(...late.store)).toBe('42501');
    expect(await turned()).toEqual([true]);
    expect([await outcome(...late.store), await outcome(there.disable)]).toEqual(['42501', 'conflict']);
    expect(await outcome(...(await enrolled()).store)).toBe('stored');
    expect((await sweepOf(vault)).flaw).toBeUndefined();
  });

  test('of a transaction that is open meanwhile is waited for and counted', async () => {
    const held = await enrolled();
    await rotateMac(turner(undefined));
    await withClient(vault.db.serviceUrl, async (client) => {
      await client.query('begin');
      await client.query(`select set_config('amanat.tenants', '{${vault.tenantId}}', true)`);
      for (const { text, values } of held.store) await client.query(text, [...values]);
      const hung = await retire(turner(undefined, { patienceMs: 0 }), 'mac');
      expect(hung).toMatchObject([{ destroyed: false, rests: { 'transactions that have not ended': 1 } }]);
      await client.query('commit');
    });
    expect(await retire(turner(undefined), 'mac')).toMatchObject([{ destroyed: false, rests: { clients: 1 } }]);
    expect(await turned()).toEqual([true]);
    const keys = await vault.vault.keyring.tenant(vault.tenantId);
    const [[row]] = await commit(vault.vault.db, { tenantIds: [vault.tenantId] }, [
      selectClient(vault.tenantId, held.id),
    ]);
    expect(row !== undefined && isGenuine(keys, 'clients', row)).toBe(true);
  });

  test('control: stored all the same under a version that is gone, it is nobody’s', async () => {
    const lost = await enrolled();
    expect(await turned()).toEqual([true]);
    await withClient(vault.db.superuserUrl, async (client) => {
      for (const { text, values } of lost.store) await client.query(text, [...values]);
    });
    expect((await sweepOf(vault)).flaw).toEqual({ code: 'row_not_genuine', kind: 'clients', id: lost.id });
    for (const [table, column] of [
      ['client_secrets', 'client_id'],
      ['clients', 'id'],
    ])
      await atDatabase(vault, `delete from amanat.${table} where ${column} = $1`, [lost.id]);
  });

  test('a row of an older version of the vault, whose MAC names no version, is believed, and signed anew with the next turn', async () => {
    const old = await enrolled();
    expect(await outcome(...old.store)).toBe('stored');
    await atDatabase(vault, 'update amanat.clients set mac = substr(mac, 5) where id = $1', [old.id]);
    const lengthOf = async () =>
      (await atDatabase(vault, 'select octet_length(mac) as bytes from amanat.clients where id = $1', [old.id]))[0];
    expect(await lengthOf()).toEqual({ bytes: 32 });
    expect((await sweepOf(vault)).flaw).toBeUndefined();
    expect(await turned()).toEqual([true]);
    expect(await lengthOf()).toEqual({ bytes: 36 });
    // Whoever writes another version before it wins nothing.
    await atDatabase(vault, `update amanat.clients set mac = '\\x000000ff'::bytea || substr(mac, 5) where id = $1`, [
      old.id,
    ]);
    expect((await sweepOf(vault)).flaw).toEqual({ code: 'row_not_genuine', kind: 'clients', id: old.id });
    await atDatabase(vault, 'delete from amanat.client_secrets where client_id = $1', [old.id]);
    await atDatabase(vault, 'delete from amanat.clients where id = $1', [old.id]);
  });
});

describe('P16: the mac key, while nothing is written to the log', () => {
  test('the head of its tree is signed anew where it stands', async () => {
    await integrate();
    const head = async () => {
      const [row] = await atDatabase<{ size: number; mac: Buffer }>(
        vault,
        'select size::integer, mac from amanat.audit_heads where tenant_id = $1',
        [vault.tenantId],
      );
      return row ?? expect.fail('no tree');
    };
    const before = await head();
    await rotateMac(turner(undefined));
    const after = await head();
    expect([after.size, after.mac.equals(before.mac)]).toEqual([before.size, false]);
    const [retired] = await retire(turner(undefined), 'mac');
    expect(retired).toMatchObject({ destroyed: true, rests: {} });
    await integrate();
    expect((await head()).size).toBeGreaterThan(after.size);
  });
});

describe('P16: a command that is killed with -9', () => {
  test('is followed by whoever comes next, and nothing is left on the former version', async () => {
    const load = underLoad();
    const last = (await standing('data')).at(-1)?.version ?? 0;
    const introduced = async () => (await standing('data')).at(-1)?.state === 'introduced';
    expect(await killedOnce(vault, ['keys', 'rotate', 'data'], introduced)).toBe(true);
    expect((await standing('data')).at(-1)).toEqual({ version: last + 1, state: 'introduced' });
    await rotateData(turner(load));
    expect(await retire(turner(load), 'data')).toEqual([{ version: last, destroyed: true, rests: {} }]);
    await load.stop();
    expect(load.unexpected).toEqual([]);
    const counted = Object.values(await countData(turner(undefined))).flatMap((found) => Object.keys(found));
    expect(new Set(counted)).toEqual(new Set([String(last + 1)]));
  });
});

describe('P16: the keys that sign', () => {
  const live = ({ vault: { keys } }: TestVault) => keys as LiveKeys;
  /** As by a restart: what is in the folder now. */
  const restart = async (place: TestVault) =>
    live(place).open(await loadKeyFolder(vault.keysFolder, { production: true }));
  const rounds = async () => {
    for (const place of [vault, beside, vault, beside]) await place.vault.peers.round();
  };

  /** Which key signed this, by its header (RFC 7515 section 4.1.4). */
  const kidOf = (jws: string): string => JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString()).kid;
  /** Does what a process publishes at this moment verify a receipt? */
  async function verifies(place: TestVault, receipt: string): Promise<boolean> {
    const { keys } = (await place.request('GET', '/.well-known/amanat-keys.json')).body;
    const jwk = keys.find(({ signs, kid }: Record<string, string>) => signs === 'export' && kid === kidOf(receipt));
    return jwk !== undefined && verifyReceipt(createPublicKey({ key: jwk, format: 'jwk' }), receipt) !== undefined;
  }

  test('turn over under load, process by process: no token is refused, no checkpoint and no receipt fails', async () => {
    const desk = await legalDesk(vault, 1602);
    const subject = (await desk.storeCustomer()).id;
    const receipts: string[] = [];
    /** An execution at each process, and everything that was ever given out held against what either publishes. */
    const exported = async (): Promise<(string | undefined)[]> => {
      for (const { url } of [vault, beside]) {
        const { id, secret, token } = desk.registrar;
        const legalOrderId = await desk.approve([{ customerId: subject }]);
        receipts.push(made(await clientOf(url, id, secret, token).post('/v1/exports', { legalOrderId })).receipt);
      }
      for (const receipt of receipts)
        for (const place of [vault, beside]) expect(await verifies(place, receipt), kidOf(receipt)).toBe(true);
      return receipts.slice(-2).map(kidOf);
    };
    const oldest = vault.vault.keys.exportSigning;
    const load = underLoad();
    const running = { on: true };
    const refused: string[] = [];
    let logins = 0;
    const given = (async () => {
      while (running.on)
        for (const [from, to] of [
          [vault, beside],
          [beside, vault],
        ] as const) {
          const client = await login(from.url, shop.id, shop.secret);
          const { status } = await clientOf(to.url, shop.id, shop.secret, client.token).get('/v1/customers?limit=1');
          if (status !== 200) refused.push(String(status));
          logins += 1;
        }
    })().catch((error: unknown) => void refused.push(String(error)));
    const [first] = vault.vault.keys.token;
    const [signed] = vault.vault.keys.checkpoint;
    const holds = async (formerly: boolean) => {
      await integrate();
      const own = [...vault.vault.keys.checkpoint, ...vault.vault.keys.formerCheckpoint];
      const keys = own.map(({ publicKey, kid }) => ({
        ...checkpointKey(vault.tenantId, publicKey),
        ...(formerly && kid === signed.kid ? { former: true as const } : {}),
      }));
      const trust = { tenantId: vault.tenantId, keys, held: undefined };
      return (await verifyTree(vault.vault.db, trust, () => undefined)).breach?.code;
    };
    await rounds();
    expect(await holds(false)).toBeUndefined();
    expect(await exported()).toEqual([oldest.kid, oldest.kid]);
    // Control: a head that a former key alone has signed.
    expect(await holds(true)).toBe('checkpoint_signature');
    for (const family of ['token', 'export', 'checkpoint'] as const) await addNextKey(vault.keysFolder, family, 2);
    await restart(vault);
    await rounds();
    await load.drained();
    // Until every process has the next one, tokens and receipts are signed with the one before.
    expect(vault.vault.peers.signing(vault.vault.keys.token)[0]?.kid).toBe(first?.kid);
    const next = vault.vault.keys.exportSigning;
    expect(await exported()).toEqual([oldest.kid, oldest.kid]);
    // Control: signed with the next one already, it could not be verified by what the other process publishes.
    const early = signReceipt(next.privateKey, { version: 1 });
    expect([await verifies(vault, early), await verifies(beside, early)]).toEqual([true, false]);
    await restart(beside);
    await rounds();
    await load.drained();
    expect(vault.vault.peers.signing(vault.vault.keys.token)[0]?.kid).not.toBe(first?.kid);
    const { db, now } = vault.vault;
    const until = (await heldUntil(db, first?.kid ?? '', now())) ?? 0;
    expect(until - now()).toBeGreaterThan(0);
    expect(until - now()).toBeLessThanOrEqual(16 * 60_000);
    expect(await heldUntil(db, first?.kid ?? '', until)).toBeUndefined();
    // Control: what is signed with the next one is valid for longer.
    expect(await heldUntil(db, vault.vault.keys.token[0]?.kid ?? '', until)).toBeGreaterThan(until);
    expect(await holds(true)).toBeUndefined();
    expect(await exported()).toEqual([next.kid, next.kid]);
    running.on = false;
    await given;
    await load.stop();
    expect([load.unexpected, refused]).toEqual([[], []]);
    expect(logins).toBeGreaterThan(4);
    // Nothing is signed with the former ones from here on, and what they have signed verifies.
    await keepFormer(vault.keysFolder, 1, signed);
    await keepCertificate(vault.keysFolder, 1, oldest);
    await removeKeyFiles(vault.keysFolder, ['token-1.pem', 'checkpoint-1.pem', 'export-1.pem', 'export-1.crt']);
    for (const place of [vault, beside]) await restart(place);
    const { body } = await vault.request('GET', '/.well-known/jwks.json');
    expect(body.keys.map(({ kid }: { kid: string }) => kid)).toEqual([vault.vault.keys.token[0]?.kid]);
    const again = await login(beside.url, shop.id, shop.secret);
    made(await again.post('/v1/customers', people.naturalCustomer()));
    expect(await holds(true)).toBeUndefined();
    // Receipts outlive the key that signed them: its certificate is published on, and signs nothing.
    await rounds();
    expect(await exported()).toEqual([next.kid, next.kid]);
    expect(new Set(receipts.map(kidOf))).toEqual(new Set([oldest.kid, next.kid]));
    // Control: without what was kept of it, nobody finds the key of the older ones.
    await removeKeyFiles(vault.keysFolder, ['export-1.former']);
    await restart(beside);
    expect(await Promise.all([vault, beside].map((place) => verifies(place, receipts[0] ?? '')))).toEqual([
      true,
      false,
    ]);
  });
});

describe('P16: the keys that are files', () => {
  test('stand in one place for whoever verifies, and only those of tokens in that of tokens', async () => {
    const get = async (path: string) => (await vault.request('GET', path)).body;
    const { version, keys } = await get('/.well-known/amanat-keys.json');
    expect(version).toBe(1);
    const { token, exportSigning, checkpoint } = vault.vault.keys;
    const kids = { token: token[0]?.kid, export: exportSigning.kid, checkpoint: checkpoint[0].kid };
    const inUse = keys.filter(({ current }: { current: boolean }) => current);
    expect(Object.fromEntries(inUse.map((key: { signs: string; kid: string }) => [key.signs, key.kid]))).toEqual(kids);
    expect((await get('/.well-known/jwks.json')).keys.map(({ kid }: { kid: string }) => kid)).toEqual([kids.token]);
    expect((await get('/.well-known/oauth-authorization-server')).amanat_keys_uri).toBe(
      `${vault.vault.issuer}/.well-known/amanat-keys.json`,
    );
    const keyOf = (signs: string) => keys.find((key: { signs: string }) => key.signs === signs);
    const said = Buffer.from('said');
    const signed = {
      token: sign('sha256', said, token[0]!.privateKey),
      export: sign('sha256', said, exportSigning.privateKey),
      checkpoint: sign(null, said, checkpoint[0].privateKey),
    };
    for (const [signs, signature] of Object.entries(signed)) {
      const jwk = keyOf(signs);
      expect('d' in jwk || 'p' in jwk, signs).toBe(false);
      const hashed = signs === 'checkpoint' ? null : 'sha256';
      const verifies = (text: Buffer) => verify(hashed, text, createPublicKey({ key: jwk, format: 'jwk' }), signature);
      expect([verifies(said), verifies(Buffer.from('else'))], signs).toEqual([true, false]);
    }
    const certificate = new X509Certificate(Buffer.from(keyOf('export').x5c[0], 'base64'));
    expect(keyThumbprint(certificate.publicKey)).toBe(kids.export);
  });

  test('are warned of when their time is over, each by itself', async () => {
    const metrics = openMetrics(createLog({ level: 'silent' }));
    metrics.watch(vault.vault);
    const warned = async () => (await readiness(vault.vault)).warnings.filter((one) => one.startsWith('key_overdue_'));
    const files = ['root', 'token', 'export', 'checkpoint'];
    await vault.vault.peers.round();
    expect(await warned()).toEqual([]);
    for (const [days, expected] of [
      [366, ['root', 'token']],
      [731, ['root', 'token']],
      [1096, files],
    ] as const) {
      const { keyPeriods, db, keys, now } = vault.vault;
      const ages = await fileKeysInUse(db, keys);
      expect(overdueOf(keyPeriods, ages, now() + days * day), String(days)).toEqual(expected);
    }
    await atDatabase(vault, `update amanat.file_keys set first_seen = first_seen - interval '2000 days'`);
    expect((await warned()).toSorted()).toEqual(files.map((key) => `key_overdue_${key}`).toSorted());
    const figures = await metrics.registry.metrics();
    for (const key of files) expect(figures).toContain(`amanat_key_age_days{key="${key}"} 2000`);
    // Control: what no process has had is not in use.
    await atDatabase(vault, 'delete from amanat.file_keys');
    expect(await warned()).toEqual([]);
  });
});
