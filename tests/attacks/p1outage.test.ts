import { spawnSync } from 'node:child_process';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withClient } from '../support/postgres.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { openOffice, type Call, type Case, type Office } from './office.ts';
import { ownCluster, processesOf, until, type OwnCluster } from './ownCluster.ts';
import { expectNoConnectionLost, expectRefused, expectServed, expectSilence, makeAll } from './silence.ts';
import { canMount, smallDisk, type SmallDisk } from './smallDisk.ts';

/** Less than a third of production's, for a PostgreSQL that does not answer at all. */
const deadlineMs = 1_500;
const open = (database: TestVault['db']) => startVault({ database, wrapDatabase: (db) => ({ ...db, deadlineMs }) });

/** Once more until it is served: connections that died are found out by using them. */
async function untilServed(call: Call | undefined): Promise<void> {
  if (call === undefined) throw new Error('no such call');
  await until(async () => (await call.make()).text.includes(call.shows));
}
const named = (work: Case, name: string) => work.calls.find((call) => call.name === name);
/** What a server that hangs may still carry out when it goes on, its answer wanted by nobody any more. */
const repeatable = (work: Case): Case => ({ ...work, calls: work.calls.filter(({ once }) => once !== true) });

describe('P1: PostgreSQL is away', () => {
  let cluster: OwnCluster;
  let vault: TestVault;
  let office: Office;

  beforeAll(async () => {
    cluster = await ownCluster();
    vault = await open(cluster.database);
    office = await openOffice(vault, 131);
  });
  afterAll(async () => {
    await vault.stop();
    await cluster.stop();
  });

  test('stopped: nothing is served, an export without an order stays refused, and it passes without a restart', async () => {
    const work = await office.newCase();
    await cluster.halt();
    try {
      expectSilence(await makeAll([...work.calls, ...work.calls]), work.canaries);
      await expectRefused(work, 'silent');
      // Nobody's token can be told from a revoked one now.
      vault.advance(5_000);
      expectSilence(await makeAll(work.calls), work.canaries);
      vault.advance(1_001);
      expect((await vault.request('GET', '/readyz')).status).toBe(503);
      expect((await vault.request('GET', '/healthz')).status).toBe(200);
    } finally {
      cluster.resume();
    }
    await untilServed(named(work, 'a masked read'));
    await expectServed(work);
    await expectNoConnectionLost(vault);
  });

  test('hung: the same within the deadline, and it passes without a restart', async () => {
    const work = await office.newCase();
    cluster.freeze();
    try {
      expectSilence(await makeAll(work.calls), work.canaries);
      await expectRefused(work, 'silent');
      vault.advance(5_000);
      expectSilence(await makeAll(work.calls), work.canaries);
    } finally {
      cluster.thaw();
    }
    await untilServed(named(work, 'a masked read'));
    await expectServed(repeatable(work));
    await expectNoConnectionLost(vault);
  });

  test('its files may not grow: nothing is served that has no leaf', async () => {
    const work = await office.newCase();
    // Rows of nobody, until the table is longer than the files that the log is written in (16 MB), which are made in advance.
    await withClient(cluster.database.superuserUrl, async (superuser) => {
      await superuser.query(`alter table amanat.audit_leaves alter column leaf set storage plain`);
      await superuser.query(
        `insert into amanat.audit_leaves (tenant_id, id, leaf, leaf_hash)
         select gen_random_uuid(), gen_random_uuid(), convert_to(repeat('x', 7900), 'utf8'), '' from generate_series(1, 2200)`,
      );
      await superuser.query('vacuum (freeze) amanat.audit_leaves');
    });
    const length = await tableLength(cluster);
    try {
      await expectSilenceOnceFull(vault, work, () => limitFiles(cluster, String(length)));
      await expectRefused(work, 'told');
    } finally {
      limitFiles(cluster, 'unlimited');
    }
    await untilServed(named(work, 'a masked read'));
    await expectServed(repeatable(work));
    await expectNoConnectionLost(vault);
  });
});

async function tableLength({ database }: OwnCluster): Promise<number> {
  const { rows } = await withClient(database.superuserUrl, (superuser) =>
    superuser.query<{ n: number }>(`select pg_relation_size('amanat.audit_leaves')::integer as n`),
  );
  return rows[0]?.n ?? 0;
}

/** RLIMIT_FSIZE of every process of it, and of those that come (getrlimit(2)). */
function limitFiles({ embedded }: OwnCluster, bytes: string): void {
  const [postmaster, ...children] = processesOf(embedded.pid).map(
    (pid) => spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]).status,
  );
  // A child may have ended meanwhile.
  expect(postmaster).toBe(0);
  expect(children).toContain(0);
}

/**
 * The last page takes a leaf or two more, pages that several who wrote at once got together (64 at most: some 600 leaves) take
 * theirs, and some of the smaller pages elsewhere a few: until a call is refused it is answered, but with its leaf. Then they
 * all are refused.
 */
async function expectSilenceOnceFull(vault: TestVault, work: Case, fill: () => void): Promise<void> {
  const reads = repeatable(work).calls;
  // On a full disk PostgreSQL may not even take a new connection, so who looks is connected before.
  await withClient(vault.db.superuserUrl, async (superuser) => {
    const before = await readsLogged(superuser, work);
    fill();
    let served = 0;
    const refused = [];
    for (const call of reads) {
      for (let tries = 0; tries < 2_000; tries += 1) {
        const answer = await call.make();
        if (answer.status === 503) {
          refused.push([call, answer] as const);
          break;
        }
        if (answer.text.includes(work.person.id)) served += 1;
      }
    }
    expect(refused.map(([{ name }]) => name)).toEqual(reads.map(({ name }) => name));
    expectSilence(refused, work.canaries);
    expect((await readsLogged(superuser, work)) - before).toBeGreaterThanOrEqual(served);
  });
}

async function readsLogged(superuser: Client, { person }: Case): Promise<number> {
  const { rows } = await superuser.query<{ n: number }>(
    `select count(*)::integer as n from amanat.audit_leaves where subject_id = $1`,
    [person.id],
  );
  return rows[0]?.n ?? 0;
}

const mountable = canMount();
if (!mountable)
  process.stdout.write('P1: nothing may be mounted here; a full disk is tried as files that may not grow\n');

describe.skipIf(!mountable)('P1: the disk is full', () => {
  let disk: SmallDisk;
  let vault: TestVault;
  let work: Case;

  beforeAll(async () => {
    // Room enough, once it is free again, for PostgreSQL to come back on what it has in its log.
    disk = await smallDisk(256);
    vault = await open(disk.database);
    work = await (await openOffice(vault, 151)).newCase();
  });
  afterAll(async () => {
    await vault.stop();
    await disk.stop();
  });

  test('tables cannot grow: nothing is served that has no leaf, and it passes when there is room again', async () => {
    try {
      await expectSilenceOnceFull(vault, work, () => disk.fill());
      // A connection of the pool that is made anew may be refused: PostgreSQL writes a file with its first look.
      await expectRefused(work, 'either');
    } finally {
      disk.free();
    }
    await untilServed(named(work, 'a masked read'));
    await expectServed(repeatable(work));
    await expectNoConnectionLost(vault);
  });

  test('the log cannot be written and PostgreSQL falls over: the same, without a restart of the service', async () => {
    const logged = () => withClient(vault.db.superuserUrl, (superuser) => readsLogged(superuser, work));
    const before = await logged();
    let served;
    try {
      await disk.keepFallen();
      await withClient(disk.database.superuserUrl, async (superuser) => {
        // Connected before: a full disk may refuse a new connection, and then nothing would fill the log.
        disk.fill();
        await expect(fillLog(superuser)).rejects.toThrow();
      });
      await disk.untilFallen();
      expectSilence(await makeAll(work.calls), work.canaries);
      await expectRefused(work, 'silent');
      disk.recover();
      served = await servedMeanwhile(work);
    } finally {
      disk.recover();
      disk.free();
    }
    await untilServed(named(work, 'a masked read'));
    expect((await logged()) - before).toBeGreaterThan(served);
    await expectServed(work);
    await expectNoConnectionLost(vault);
  });
});

/** New files of the log, until there is no room for another. */
async function fillLog(superuser: Pick<Client, 'query'>): Promise<void> {
  for (let files = 0; files < 20; files += 1) {
    await superuser.query(`select pg_logical_emit_message(false, 'fill', repeat('x', 1000000))`);
    await superuser.query('select pg_switch_wal()');
  }
}

/** How many reads are answered: PostgreSQL may come back on a full disk, on files of its log that it uses again. */
async function servedMeanwhile(work: Case): Promise<number> {
  const calls = repeatable(work).calls.filter(({ name }) => name === 'a masked read' || name === 'a granted read');
  let served = 0;
  for (let round = 0; round < 20; round += 1) {
    const answers = await makeAll(calls);
    const refused = answers.filter(([, { status }]) => status !== 200);
    if (refused.length > 0) expectSilence(refused, work.canaries);
    served += answers.length - refused.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return served;
}
