import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commit } from '../../src/db/commit.ts';
import { closeDatabase, openDatabase, type Database } from '../../src/db/database.ts';
import { DbFault } from '../../src/db/fault.ts';
import { migrate } from '../../src/db/migrate.ts';
import { ensureServiceLogin } from '../../src/db/roles.ts';
import { scramVerifier } from '../../src/db/scram.ts';
import { statement, type Statement } from '../../src/db/statement.ts';
import { migrationsIn, notesSchema } from '../support/database.ts';
import { emptyDatabase, untilWaiting, withClient, type EmptyDatabase } from '../support/postgres.ts';

const tenantA = '01900000-0000-7000-8000-00000000000a';
const tenantB = '01900000-0000-7000-8000-00000000000b';
const inA = { tenantIds: [tenantA] };
const canary = 'CANARY-4f1c';

let place: EmptyDatabase;
let serviceUrl: string;
const opened: Database[] = [];

beforeAll(async () => {
  place = await emptyDatabase();
  const migrations = migrationsIn({ '000001_notes.sql': notesSchema });
  await migrate(place.ownerUrl, { dir: migrations.dir });
  migrations.remove();
  const password = randomBytes(16).toString('hex');
  const verifier = await scramVerifier(password);
  const role = await withClient(place.ownerUrl, (owner) => ensureServiceLogin(owner, { verifier, lockTimeoutMs: 300 }));
  const url = new URL(place.ownerUrl);
  url.username = role;
  url.password = password;
  serviceUrl = url.href;
});

afterAll(async () => {
  await Promise.all(opened.map((db) => closeDatabase(db)));
  await place.drop();
});

function open(
  options: { prepare?: boolean; max?: number; deadlineMs?: number; mostWaiting?: number; url?: string } = {},
): Database {
  const db = openDatabase({ connectionString: options.url ?? serviceUrl, max: 1, ...options });
  opened.push(db);
  return db;
}

const kindOf = (error: unknown): unknown => (error instanceof DbFault ? error.kind : error);

async function refusal(promise: Promise<unknown>): Promise<DbFault> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof DbFault) return error;
  throw new Error(`expected a DbFault, got ${inspect(error)}`);
}

const insertNote = (tenant: string, id: number, body = 'note', follows?: number): Statement =>
  statement(
    'insert_note',
    `insert into amanat.notes (tenant_id, id, body, follows) values ($1::uuid, $2::integer, $3::text, $4::integer)`,
    [tenant, id, body, follows],
  );
const selectNotes = (): Statement<{ id: number; body: string }> =>
  statement('select_notes', `select n.id, n.body from amanat.notes n order by n.tenant_id, n.id`, []);
const requireTrue = (holds: boolean, guard: string): Statement =>
  statement('require', `select amanat.require($1::boolean, $2::text)`, [holds, guard]);
const prepared = (): Statement<{ name: string }> =>
  statement('select_prepared', `select p.name from pg_prepared_statements p order by p.name`, []);

async function wipe(): Promise<void> {
  await withClient(place.superuserUrl, (client) => client.query('truncate amanat.notes'));
}

describe.each([{ prepare: true }, { prepare: false }])('commit with prepare $prepare', ({ prepare }) => {
  test('answers the rows of each statement, in order, with their types', async () => {
    await wipe();
    const db = open({ prepare });
    const typed = statement<Record<string, unknown>>(
      'typed',
      `select $1::bytea as bytes, $2::bigint as big, $3::timestamptz as at, '2025-03-21'::date as day, $4::uuid[] as ids,
              $5::jsonb as json, null::text as nothing, 1.10::numeric as amount, array[1, 2]::bigint[] as bigs, true as yes,
              'infinity'::timestamptz as never, '-infinity'::timestamptz as ever, '294000-01-01 00:00+00'::timestamptz as far,
              '4000-01-01 00:00+00 BC'::timestamptz as old`,
      [
        Buffer.from([0, 255, 10]),
        9_007_199_254_740_991n,
        new Date('2025-11-12T08:00:00.123Z'),
        [tenantA, tenantB],
        { a: [1] },
      ],
    );
    const [none, notes, [row]] = await commit(db, inA, [insertNote(tenantA, 1, 'سلام'), selectNotes(), typed]);
    expect(none).toEqual([]);
    expect(notes).toEqual([{ id: 1, body: 'سلام' }]);
    expect(row).toEqual({
      bytes: Buffer.from([0, 255, 10]),
      big: Number.MAX_SAFE_INTEGER,
      at: new Date('2025-11-12T08:00:00.123Z'),
      day: '2025-03-21',
      ids: [tenantA, tenantB],
      json: { a: [1] },
      nothing: null,
      amount: '1.10',
      bigs: [1, 2],
      yes: true,
      never: new Date(8.64e15),
      ever: new Date(-8.64e15),
      far: new Date(8.64e15),
      old: new Date('-003999-01-01T00:00:00Z'),
    });
  });

  test('a column that is read in its own way is, the first time and later, and null is null', async () => {
    const db = open({ prepare });
    const readAs = { shown: (text: string) => Buffer.from(text, 'base64') };
    const text = `select encode($1::bytea, 'base64') as shown, encode($1::bytea, 'base64') as plain`;
    const long = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256));
    for (const bytes of [long, null, Buffer.alloc(0)]) {
      const [[row]] = await commit(db, inA, [statement('own_way', text, [bytes], readAs)]);
      expect(row).toMatchObject({ shown: bytes });
    }
    const [[row]] = await commit(db, inA, [statement('own_way', text, [Buffer.from('a')], readAs)]);
    expect(row, 'and no other column').toEqual({ shown: Buffer.from('a'), plain: 'YQ==' });
  });

  test('parameters arrive as they were', async () => {
    const db = open({ prepare });
    const texts = ['plain', 'quote " back \\ brace {,}', 'NULL', '', null, 'آبادان\n\t'];
    const bytes = [Buffer.from([1, 2]), Buffer.alloc(0), new Uint8Array([255])];
    const echo = statement<{ texts: (string | null)[]; bytes: Buffer[]; nested: string[][]; nothing: null }>(
      'echo',
      `select $1::text[] as texts, $2::bytea[] as bytes, $3::text[] as nested, $4::text as nothing`,
      [
        texts,
        bytes,
        [
          ['a', 'b'],
          ['c', '"'],
        ],
        undefined,
      ],
    );
    const [[row]] = await commit(db, inA, [echo]);
    expect(row?.texts).toEqual(texts);
    expect(row?.bytes.map((item) => [...item])).toEqual([[1, 2], [], [255]]);
    expect(row?.nested).toEqual([
      ['a', 'b'],
      ['c', '"'],
    ]);
    expect(row?.nothing).toBeNull();
  });

  test('all or nothing: an error in the middle undoes what stands before it', async () => {
    await wipe();
    const db = open({ prepare });
    const fault = await refusal(
      commit(db, inA, [insertNote(tenantA, 1), requireTrue(false, 'note_version'), insertNote(tenantA, 2)]),
    );
    expect(fault).toMatchObject({ kind: 'guard', guard: 'note_version', sqlstate: 'AM001', statement: 'require' });
    expect((await commit(db, inA, [selectNotes()]))[0]).toEqual([]);
    // Control: the same with the guard holding is kept whole.
    await commit(db, inA, [insertNote(tenantA, 1), requireTrue(true, 'note_version'), insertNote(tenantA, 2)]);
    expect((await commit(db, inA, [selectNotes()]))[0]).toHaveLength(2);
  });

  test('an error that only the commit finds is an error, not an answer', async () => {
    await wipe();
    const db = open({ prepare });
    const fault = await refusal(commit(db, inA, [insertNote(tenantA, 1, 'note', 99), selectNotes()]));
    expect(fault).toMatchObject({ kind: 'broken', sqlstate: '23503' });
    expect((await commit(db, inA, [selectNotes()]))[0]).toEqual([]);
  });

  test('a connection goes on after every kind of error', async () => {
    await wipe();
    const db = open({ prepare });
    const broken = statement('nonsense', `select nonsense from nowhere`, []);
    for (let round = 1; round <= 5; round += 1) {
      await refusal(commit(db, inA, [requireTrue(true, 'a'), broken, selectNotes()]));
      await refusal(commit(db, inA, [insertNote(tenantA, round), requireTrue(false, 'a')]));
      await commit(db, inA, [insertNote(tenantA, round), insertNote(tenantA, round + 100), requireTrue(true, 'a')]);
      expect((await commit(db, inA, [selectNotes()]))[0]).toHaveLength(round * 2);
    }
    expect(db.pool.totalCount).toBe(1);
  });
});

describe('faults carry names and no data', () => {
  test('a taken key is a duplicate with the constraint', async () => {
    await wipe();
    const db = open();
    await commit(db, inA, [insertNote(tenantA, 7, canary)]);
    const fault = await refusal(commit(db, inA, [insertNote(tenantA, 7, canary)]));
    expect(fault).toMatchObject({ kind: 'duplicate', constraint: 'notes_pkey' });
  });

  test('nothing the driver said gets in', async () => {
    const db = open();
    const cast = statement('cast', `select $1::text::integer as n`, [canary]);
    const fault = await refusal(commit(db, inA, [cast]));
    expect(fault.kind).toBe('broken');
    expect(inspect(fault, { depth: 9, showHidden: true })).not.toContain(canary);
    // Control: the driver's own error does carry it.
    const raw: unknown = await withClient(serviceUrl, (client) => client.query(cast.text, [canary])).catch(
      (error: unknown) => error,
    );
    expect(inspect(raw)).toContain(canary);
  });

  test('a guard that is no name is dropped', async () => {
    const fault = await refusal(commit(open(), inA, [requireTrue(false, `${canary} 0912`)]));
    expect(fault).toMatchObject({ kind: 'broken', guard: undefined });
    expect(inspect(fault)).not.toContain(canary);
  });

  test('a right taken away is unavailable, and back when it is back', async () => {
    await wipe();
    const db = open();
    await withClient(place.ownerUrl, (owner) => owner.query('revoke insert on amanat.notes from amanat_service'));
    expect(await refusal(commit(db, inA, [insertNote(tenantA, 1)]))).toMatchObject({
      kind: 'unavailable',
      sqlstate: '42501',
    });
    await withClient(place.ownerUrl, (owner) => owner.query('grant insert on amanat.notes to amanat_service'));
    await commit(db, inA, [insertNote(tenantA, 1)]);
  });

  test('values without an SQL form, unsafe integers and foreign scopes are broken before or after, never bent', async () => {
    const db = open();
    const symbol = statement('symbol', `select $1::text`, [Symbol('x')]);
    expect(await refusal(commit(db, inA, [symbol]))).toMatchObject({ kind: 'broken', statement: 'symbol' });
    const unsafe = statement('unsafe', `select 9007199254740993::bigint as n`, []);
    expect(await refusal(commit(db, inA, [unsafe]))).toMatchObject({ kind: 'broken' });
    const widened = commit(db, { tenantIds: [`${tenantA},${tenantB}`] }, [selectNotes()]);
    expect(await refusal(widened)).toMatchObject({ kind: 'broken' });
    expect((await commit(db, inA, [statement('one', 'select 1 as n', [])]))[0]).toEqual([{ n: 1 }]);
  });

  test('no server and no login are unavailable', async () => {
    const nobody = new URL(serviceUrl);
    nobody.port = '1';
    expect(await refusal(commit(open({ url: nobody.href }), inA, []))).toMatchObject({
      kind: 'unavailable',
      sqlstate: undefined,
    });
    const wrong = new URL(serviceUrl);
    wrong.password = canary;
    const fault = await refusal(commit(open({ url: wrong.href }), inA, []));
    expect(fault).toMatchObject({ kind: 'unavailable', sqlstate: '28P01' });
    expect(inspect(fault)).not.toContain(canary);
  });
});

describe('prepared statements', () => {
  test('each is parsed once for a connection, also when it stands twice in a batch', async () => {
    await wipe();
    const db = open();
    for (const id of [1, 2, 3]) await commit(db, inA, [insertNote(tenantA, id), insertNote(tenantA, id + 10)]);
    const [names] = await commit(db, inA, [prepared()]);
    expect(names.map((row) => plainName(row.name))).toEqual(['enter_scope', 'insert_note', 'select_prepared']);
  });

  test('planned once, a look-up of few rows has one plan for all of them, and nothing else of the connection has', async () => {
    const db = open();
    const noteOf = (id: number): Statement =>
      statement(
        'note_of',
        `select n.body
           from unnest($1::uuid[], $2::integer[]) as a (tenant_id, id)
          cross join lateral (
            select * from amanat.notes n where n.tenant_id = a.tenant_id and n.id = a.id limit 1
          ) n`,
        [[tenantA], [id]],
      );
    const plans = statement<{ generic: number; custom: number }>(
      'select_plans',
      `select p.generic_plans::integer as generic, p.custom_plans::integer as custom
         from pg_prepared_statements p where p.name like 'note_of%'`,
      [],
    );
    const once = { ...db, planOnce: true };
    for (let id = 1; id <= 7; id += 1) await commit(once, inA, [noteOf(id)]);
    expect(await commit(db, inA, [plans])).toEqual([[{ generic: 7, custom: 0 }]]);
    // Control: left to itself, PostgreSQL plans for each value anew.
    for (let id = 1; id <= 7; id += 1) await commit(db, inA, [noteOf(id)]);
    expect(await commit(db, inA, [plans])).toEqual([[{ generic: 7, custom: 7 }]]);
  });

  test('planned once, a row is found by its key however small its table is', async () => {
    await wipe();
    const db = open();
    await commit(db, inA, [insertNote(tenantA, 1)]);
    await withClient(place.ownerUrl, (owner) => owner.query('analyze amanat.notes'));
    const plan = statement<{ 'QUERY PLAN': string }>(
      'explain_note',
      `explain (costs off) select n.body from amanat.notes n where n.tenant_id = '${tenantA}' and n.id = 1`,
      [],
    );
    const wayOf = async (way: Database) => (await commit(way, inA, [plan]))[0].map((row) => row['QUERY PLAN']).join();
    expect(await wayOf({ ...db, planOnce: true })).toContain('Index Scan using notes_pkey');
    // Control: of a table of one page, PostgreSQL reads the page.
    expect(await wayOf(db)).toContain('Seq Scan on notes');
  });

  test('none stays behind without prepare', async () => {
    await wipe();
    const db = open({ prepare: false });
    await commit(db, inA, [insertNote(tenantA, 1), selectNotes()]);
    expect((await commit(db, inA, [prepared()]))[0]).toEqual([]);
  });

  test('a name that an error left in doubt is closed and parsed again', async () => {
    await wipe();
    const db = open();
    // The insert is parsed by the server, the select behind the error never is: both are in doubt.
    await refusal(commit(db, inA, [insertNote(tenantA, 1), requireTrue(false, 'a'), selectNotes()]));
    await commit(db, inA, [insertNote(tenantA, 1), selectNotes()]);
    // Control: the server did keep the name, so a plain Parse would have been refused (42P05).
    const held = await db.pool.query<{ name: string }>('select name from pg_prepared_statements');
    const names = held.rows.map((row) => row.name);
    expect(names.map(plainName)).toEqual(expect.arrayContaining(['insert_note', 'require', 'select_notes']));
    const again = db.pool.query({ name: names.find((name) => name.startsWith('insert_note')) ?? '', text: 'select 1' });
    await expect(again).rejects.toMatchObject({ code: '42P05' });
    await commit(db, inA, [selectNotes()]);
  });

  test('one name for two texts runs each as it is written, in one batch and over two', async () => {
    const db = open();
    const one = statement('twice', 'select 1 as n', []);
    const two = statement('twice', 'select 2 as n', []);
    expect(await commit(db, inA, [one, two])).toEqual([[{ n: 1 }], [{ n: 2 }]]);
    expect(await commit(db, inA, [two, one])).toEqual([[{ n: 2 }], [{ n: 1 }]]);
  });

  test('a plan that a migration made stale, or a server that forgot, is parsed again by itself', async () => {
    const db = open();
    await withClient(place.ownerUrl, (owner) =>
      owner.query(
        'create table amanat.shape (n integer); insert into amanat.shape values (1); grant select on amanat.shape to amanat_service',
      ),
    );
    const read = statement<{ n: unknown }>('read_shape', 'select s.n from amanat.shape s', []);
    expect((await commit(db, inA, [read]))[0]).toEqual([{ n: 1 }]);
    await withClient(place.ownerUrl, (owner) => owner.query('alter table amanat.shape alter column n type text'));
    expect((await commit(db, inA, [read]))[0]).toEqual([{ n: '1' }]);
    await db.pool.query('deallocate all');
    expect((await commit(db, inA, [read]))[0]).toEqual([{ n: '1' }]);
  });

  test.each(['40001', '40P01'])('SQLSTATE %s is repeated up to three times', async (sqlstate) => {
    const db = open();
    const restart = () => withClient(place.ownerUrl, (owner) => owner.query('alter sequence amanat.attempts restart'));
    const flaky = (attempt: number): Statement<{ at: number }> =>
      statement('flaky', `select amanat.fail_until($1::bigint, $2::text) as at`, [attempt, sqlstate]);
    await restart();
    expect((await commit(db, inA, [flaky(4)]))[0]).toEqual([{ at: 4 }]);
    await restart();
    expect(await refusal(commit(db, inA, [flaky(5)]))).toMatchObject({ kind: 'unavailable', sqlstate });
  });
});

describe('time and loss', () => {
  test('a locked row ends at the deadline; the connection is not leaked', async () => {
    await wipe();
    // The owner has no lock_timeout, so only our own deadline can end it.
    const db = open({ url: place.ownerUrl, deadlineMs: 250 });
    await commit(db, inA, [insertNote(tenantA, 1)]);
    const update = statement(
      'update_note',
      `update amanat.notes set body = 'new' where tenant_id = $1::uuid and id = 1`,
      [tenantA],
    );
    await withClient(place.superuserUrl, async (blocker) => {
      await blocker.query(`begin; update amanat.notes set body = 'held'`);
      expect(await refusal(commit(db, inA, [update]))).toMatchObject({ kind: 'unavailable', sqlstate: undefined });
      expect(db.pool.totalCount).toBe(0);
      // One connection at most, and it works: nothing holds its place.
      expect((await commit(db, inA, [selectNotes()]))[0]).toEqual([{ id: 1, body: 'note' }]);
      await blocker.query('rollback');
    });
    await commit(db, inA, [update]);
    expect((await commit(db, inA, [selectNotes()]))[0]).toEqual([{ id: 1, body: 'new' }]);
  });

  test("the service role's own lock_timeout answers first, with its SQLSTATE", async () => {
    await wipe();
    const db = open();
    await commit(db, inA, [insertNote(tenantA, 1)]);
    await withClient(place.superuserUrl, async (blocker) => {
      await blocker.query(`begin; lock table amanat.notes in exclusive mode`);
      expect(await refusal(commit(db, inA, [insertNote(tenantA, 2)]))).toMatchObject({
        kind: 'unavailable',
        sqlstate: '55P03',
      });
      await blocker.query('rollback');
    });
    await commit(db, inA, [insertNote(tenantA, 2)]);
  });

  test('waiting for a connection counts; more callers than may wait are told overloaded', async () => {
    await wipe();
    const db = open({ url: place.ownerUrl, deadlineMs: 400, mostWaiting: 1 });
    await withClient(place.superuserUrl, async (blocker) => {
      await blocker.query(`begin; lock table amanat.notes`);
      await commit(db, inA, []);
      const holding = refusal(commit(db, inA, [selectNotes()]));
      await until(() => db.pool.idleCount === 0);
      // It may be served after all when the first one gives its place back a moment before its own time is up.
      const waiting = commit(db, inA, []).then(() => 'served', kindOf);
      expect(await refusal(commit(db, inA, []))).toMatchObject({ kind: 'overloaded' });
      expect(await holding).toMatchObject({ kind: 'unavailable' });
      expect(['served', 'unavailable']).toContain(await waiting);
      await blocker.query('rollback');
    });
    await commit(db, inA, [selectNotes()]);
  });

  test('a killed backend, working or idle, is unavailable once and then forgotten', async () => {
    await wipe();
    const db = open({ url: place.ownerUrl });
    // The one that blocks is a superuser's and stays: killed first, it would let the other go on to the end.
    const kill = (): Promise<unknown> =>
      withClient(place.superuserUrl, (client) =>
        client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = $1`,
          [new URL(place.ownerUrl).username],
        ),
      );
    await commit(db, inA, [insertNote(tenantA, 1)]);
    const blocker = new Client({ connectionString: place.superuserUrl });
    blocker.on('error', () => undefined);
    await blocker.connect();
    await blocker.query(`begin; lock table amanat.notes`);
    const hanging = refusal(commit(db, inA, [selectNotes()]));
    await untilWaiting(place.superuserUrl, 1, hanging);
    await kill();
    expect(await hanging).toMatchObject({ kind: 'unavailable', sqlstate: '57P01' });
    await blocker.end();
    expect((await commit(db, inA, [selectNotes()]))[0]).toHaveLength(1);
    await kill();
    await until(() => db.pool.totalCount === 0);
    expect((await commit(db, inA, [selectNotes()]))[0]).toHaveLength(1);
  });
});

describe('the tenant wall', () => {
  test('a scope shows its own tenants and ends with the transaction', async () => {
    await wipe();
    const db = open();
    await commit(db, { tenantIds: [tenantA, tenantB] }, [
      insertNote(tenantA, 1, 'of A'),
      insertNote(tenantB, 2, 'of B'),
    ]);
    expect((await commit(db, inA, [selectNotes()]))[0]).toEqual([{ id: 1, body: 'of A' }]);
    expect((await commit(db, { tenantIds: [] }, [selectNotes()]))[0]).toEqual([]);
    expect((await commit(db, 'directory', [selectNotes()]))[0]).toHaveLength(2);
    await refusal(commit(db, { tenantIds: [tenantA, tenantB] }, [selectNotes(), requireTrue(false, 'a')]));
    // The next user of the very connection, with no scope of its own, sees nothing.
    expect(db.pool.totalCount).toBe(1);
    expect((await db.pool.query('select 1 from amanat.notes')).rows).toEqual([]);
    // Control: a setting for the session, not the transaction, would have leaked.
    await db.pool.query(`select set_config('amanat.tenants', $1, false)`, [`{${tenantA}}`]);
    expect((await db.pool.query('select 1 from amanat.notes')).rows).toHaveLength(1);
  });

  test('a row of another tenant cannot be written', async () => {
    const fault = await refusal(commit(open(), inA, [insertNote(tenantB, 9)]));
    expect(fault).toMatchObject({ kind: 'unavailable', sqlstate: '42501' });
  });
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Without the digest of the text. */
function plainName(handle: string): string {
  return handle.replace(/_[0-9a-f]{16}$/, '');
}
