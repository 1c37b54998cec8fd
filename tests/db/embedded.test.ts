import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commit } from '../../src/db/commit.ts';
import { checkDurability, closeDatabase, openDatabase } from '../../src/db/database.ts';
import { startEmbedded, stopEmbedded, type Embedded } from '../../src/db/embedded.ts';
import { findBinaries, linkLibraries } from '../../src/db/embeddedBinaries.ts';
import { EmbeddedFault } from '../../src/db/embeddedFault.ts';
import { chooseUser } from '../../src/db/embeddedUser.ts';
import { identify, isRunning, pidSpace, type ProcessIdentity } from '../../src/db/processIdentity.ts';
import { statement } from '../../src/db/statement.ts';
import { factsOf, foreignService } from '../support/embeddedService.ts';
import { withClient } from '../support/postgres.ts';

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };
/** The built code must be within reach of another user for it to start anything. */
const othersReachUs = isRoot && readable(new URL('../../', import.meta.url).pathname);
if (!othersReachUs)
  process.stdout.write('embedded: tests with another user left out (not root, or the project is closed to others)\n');

let base: string;
let folder: string;
let running: Embedded[];

beforeEach(() => {
  base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'amanat-embedded-'));
  folder = join(base, 'داده های من 1');
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((embedded) => embedded.stop()));
  rmSync(base, { recursive: true, force: true });
});

async function start(settings?: Record<string, string>): Promise<Embedded> {
  const embedded = await startEmbedded(settings === undefined ? { folder } : { folder, settings });
  running.push(embedded);
  return embedded;
}

async function refusalOf(promise: Promise<unknown>): Promise<EmbeddedFault> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EmbeddedFault);
  return error as EmbeddedFault;
}

async function remember(url: string, n: number): Promise<void> {
  await withClient(url, async (owner) => {
    await owner.query('create table if not exists kept (n integer)');
    await owner.query('insert into kept values ($1)', [n]);
  });
}

async function remembered(url: string): Promise<number[]> {
  const { rows } = await withClient(url, (owner) => owner.query<{ n: number }>('select n from kept order by n'));
  return rows.map((row) => row.n);
}

function alive(pid: number): ProcessIdentity {
  const identity = identify(pid);
  if (identity === undefined) throw new Error(`process ${pid} does not run`);
  return identity;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function readable(path: string): boolean {
  for (let at = path; at !== '/'; at = join(at, '..')) if ((statSync(at).mode & 0o005) !== 0o005) return false;
  return true;
}

describe('one start after another', () => {
  test('finds the data again, under a path with spaces and Persian letters', async () => {
    const first = await start();
    await remember(first.ownerUrl, 1);
    await stopEmbedded(first);
    const second = await start();
    await remember(second.ownerUrl, 2);
    expect(await remembered(second.ownerUrl)).toEqual([1, 2]);
  });

  test('is closed to everybody else: loopback, passwords, files of its own', async () => {
    const embedded = await start();
    const { rows } = await withClient(embedded.ownerUrl, (owner) =>
      owner.query<Record<string, string>>(
        `select current_setting('listen_addresses') as listen, current_setting('fsync') as fsync,
                current_setting('synchronous_commit') as sync, current_setting('data_checksums') as checksums,
                current_setting('server_encoding') as encoding, r.rolsuper::text as super, r.rolcreaterole::text as makes_roles
           from pg_roles r where r.rolname = current_user`,
      ),
    );
    expect(rows).toEqual([
      {
        listen: '127.0.0.1',
        fsync: 'on',
        sync: 'on',
        checksums: 'on',
        encoding: 'UTF8',
        super: 'false',
        makes_roles: 'true',
      },
    ]);
    const open = new URL(embedded.ownerUrl);
    open.password = 'guess';
    await expect(remembered(open.href)).rejects.toMatchObject({ code: '28P01' });
    for (const name of readdirSync(folder)) {
      expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
    }
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const log = readFileSync(join(folder, 'postgres.log'), 'utf8');
    expect(log).toContain('ready to accept connections');
    expect(log).not.toContain(new URL(embedded.ownerUrl).password);
  });

  test('a first start that was cut short is done again', async () => {
    mkdirSync(join(folder, 'cluster.partial', 'base'), { recursive: true });
    writeFileSync(join(folder, 'cluster.partial', 'PG_VERSION'), '18\n');
    const embedded = await start();
    await remember(embedded.ownerUrl, 1);
    // Cut short between making the cluster and making its owner.
    await withClient(superuserUrl(embedded), async (superuser) => {
      await superuser.query('drop database amanat');
      await superuser.query('drop role amanat_owner');
    });
    await embedded.stop();
    const again = await start();
    await remember(again.ownerUrl, 2);
    expect(await remembered(again.ownerUrl)).toEqual([2]);
  });

  test('fsync=off, if somebody sets it, is found by the durability check', async () => {
    const check = async (embedded: Embedded): Promise<unknown> => {
      const db = openDatabase({ connectionString: embedded.ownerUrl });
      const outcome: unknown = await checkDurability(db).catch((error: unknown) => error);
      await closeDatabase(db);
      return outcome;
    };
    const careless = await start({ fsync: 'off' });
    expect(await check(careless)).toMatchObject({ code: 'not_durable' });
    await careless.stop();
    expect(await check(await start())).toBeUndefined();
  });

  test('a folder of another version, or of something else, is refused and left alone', async () => {
    mkdirSync(join(folder, 'cluster'), { recursive: true });
    expect((await refusalOf(startEmbedded({ folder }))).code).toBe('folder_unusable');
    writeFileSync(join(folder, 'cluster', 'PG_VERSION'), '17\n');
    expect((await refusalOf(startEmbedded({ folder }))).code).toBe('version_changed');
    expect(readdirSync(join(folder, 'cluster'))).toEqual(['PG_VERSION']);
  });
});

describe('death', () => {
  test('of the service by kill -9: PostgreSQL stops, no orphan, the next start has the data', async () => {
    const service = await foreignService(folder);
    const { ownerUrl, pid, supervisorPid } = factsOf(service);
    await remember(ownerUrl, 1);
    const [postgres, supervisor] = [alive(pid), alive(supervisorPid)];
    service.child.kill('SIGKILL');
    await service.exited;
    // At once, while PostgreSQL may still be stopping: the new start waits for it.
    const next = await start();
    expect(isRunning(postgres)).toBe(false);
    expect(isRunning(supervisor)).toBe(false);
    expect(await remembered(next.ownerUrl)).toEqual([1]);
  });

  test('of the service: PostgreSQL is gone without any next start', async () => {
    const service = await foreignService(folder);
    const postgres = alive(factsOf(service).pid);
    service.child.kill('SIGKILL');
    await until(() => !isRunning(postgres));
    expect(existsSync(join(folder, 'cluster', 'postmaster.pid'))).toBe(false);
  });

  test('of PostgreSQL by kill -9: it is back on the same port, and an open pool goes on', async () => {
    const embedded = await start();
    const db = openDatabase({ connectionString: embedded.ownerUrl });
    const insert = (n: number) => statement('keep', 'insert into kept values ($1::integer)', [n]);
    await remember(embedded.ownerUrl, 1);
    await commit(db, 'directory', [insert(2)]);
    const old = alive(embedded.pid);
    process.kill(old.pid, 'SIGKILL');
    await until(() => embedded.pid !== old.pid);
    expect(isRunning(old)).toBe(false);
    // The pool may hold one connection that died with it; it costs one refusal at most.
    await commit(db, 'directory', [insert(3)]).catch(() => commit(db, 'directory', [insert(3)]));
    expect(await remembered(embedded.ownerUrl)).toEqual([1, 2, 3]);
    await closeDatabase(db);
  });

  test('of the supervisor by kill -9: the service is told, PostgreSQL does not stay behind', async () => {
    const embedded = await start();
    const postgres = alive(embedded.pid);
    const told = new Promise<void>((resolve) => embedded.onExit(resolve));
    process.kill(embedded.supervisorPid, 'SIGKILL');
    await told;
    expect(isRunning(postgres)).toBe(false);
    await embedded.stop();
    await remember((await start()).ownerUrl, 1);
  });

  test('of service and supervisor together: what PostgreSQL is left is stopped by the next start', async () => {
    const service = await foreignService(folder);
    const { ownerUrl, pid, supervisorPid } = factsOf(service);
    await remember(ownerUrl, 1);
    const postgres = alive(pid);
    process.kill(supervisorPid, 'SIGKILL');
    service.child.kill('SIGKILL');
    await service.exited;
    expect(await remembered((await start()).ownerUrl)).toEqual([1]);
    expect(isRunning(postgres)).toBe(false);
  });

  test('a PostgreSQL that nobody owns any more is stopped, then started', async () => {
    const embedded = await start();
    await remember(embedded.ownerUrl, 1);
    await embedded.stop();
    const binaries = await findBinaries();
    const { prefix, ids } = await chooseUser(folder, binaries);
    // Without the request to die with its parent, as on a system that has no such thing.
    const words = prefix.slice(0, prefix.indexOf('setpriv') === -1 ? prefix.length : prefix.indexOf('setpriv'));
    const [command = '', ...args]: readonly string[] = [
      ...words,
      binaries.postgres,
      '-D',
      join(folder, 'cluster'),
      '-p',
      String(embedded.port),
    ];
    const orphan = spawn(command, [...args, '-c', 'unix_socket_directories='], { ...ids, stdio: 'ignore' });
    const ended = once(orphan, 'exit');
    await until(() => readFileSafely(join(folder, 'cluster', 'postmaster.pid')).includes('ready'));
    const postgres = alive(orphan.pid ?? 0);
    expect(await remembered((await start()).ownerUrl)).toEqual([1]);
    expect(isRunning(postgres)).toBe(false);
    await ended;
  });

  test('a postmaster.pid whose number another program has by now does not keep it from starting', async () => {
    const embedded = await start();
    await remember(embedded.ownerUrl, 1);
    const file = join(folder, 'cluster', 'postmaster.pid');
    const left = readFileSync(file, 'utf8').replace(/^\d+/, String(process.pid));
    await embedded.stop();
    writeFileSync(file, left);
    chmodSync(file, 0o600);
    expect(await remembered((await start()).ownerUrl)).toEqual([1]);
  });
});

describe('one folder, two starts', () => {
  test('the second is refused with the pid of the first, which goes on', async () => {
    const first = await start();
    await remember(first.ownerUrl, 1);
    const here = await refusalOf(startEmbedded({ folder }));
    expect(here.code).toBe('folder_in_use');
    const foreign = await foreignService(folder);
    await foreign.exited;
    expect(foreign.answer).toMatchObject({ refused: 'folder_in_use' });
    expect(foreign.answer).toHaveProperty('message', expect.stringContaining(`process ${process.pid}.`));
    expect(await remembered(first.ownerUrl)).toEqual([1]);
  });

  test('of many at once on an empty folder, one wins', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => start()));
    expect(tries.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    for (const result of tries)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'folder_in_use' });
    expect(readdirSync(folder).filter((name) => name.includes('lock'))).toHaveLength(1);
  });

  test.each([
    ['a dead process', (own: object) => ({ ...own, holder: { pid: 2 ** 22 + 1, start: '1' } })],
    ['a pid that another program has by now', (own: object) => ({ ...own, holder: { pid: process.pid, start: '1' } })],
    ['nothing that can be read', () => undefined],
    ['another container that is silent', (own: object) => ({ ...own, space: 'elsewhere' })],
  ])('a lock left by %s is taken over', async (_name, forge) => {
    mkdirSync(folder);
    const forged = forge(ownClaim());
    writeFileSync(join(folder, 'lock.7'), forged === undefined ? '' : JSON.stringify(forged));
    await start();
    expect(readdirSync(folder).filter((name) => name.startsWith('lock.'))).toEqual(['lock.8']);
  });

  test('a lock held in another container that shows life is respected', async () => {
    mkdirSync(folder);
    const lock = join(folder, 'lock.1');
    const beat = setInterval(() => writeFileSync(lock, JSON.stringify({ ...ownClaim(), space: 'elsewhere' })), 50);
    writeFileSync(lock, JSON.stringify({ ...ownClaim(), space: 'elsewhere' }));
    expect((await refusalOf(startEmbedded({ folder }))).code).toBe('folder_in_use');
    clearInterval(beat);
    expect(existsSync(join(folder, 'cluster'))).toBe(false);
  });
});

describe.skipIf(!othersReachUs)('users', () => {
  test('an ordinary user starts it; root takes the folder over afterwards', async () => {
    chmodSync(base, 0o755);
    mkdirSync(folder);
    chownSync(folder, nobody.uid, nobody.gid);
    const service = await foreignService(folder, { ids: nobody });
    const { ownerUrl, pid } = factsOf(service);
    await remember(ownerUrl, 1);
    expect(statSync(`/proc/${pid}`).uid).toBe(nobody.uid);
    service.child.kill('SIGTERM');
    await service.exited;
    const asRoot = await start();
    expect(await remembered(asRoot.ownerUrl)).toEqual([1]);
    expect(statSync(`/proc/${asRoot.pid}`).uid).toBe(nobody.uid);
  });

  test('root without user namespaces runs it as another user where that one may go, and is refused elsewhere', async () => {
    const path = pathWithout('unshare');
    const closed = await foreignService(folder, { path });
    await closed.exited;
    expect(closed.answer).toMatchObject({ refused: 'root_refused' });
    chmodSync(base, 0o755);
    const open = await foreignService(folder, { path });
    const { ownerUrl, pid } = factsOf(open);
    await remember(ownerUrl, 1);
    expect(statSync(`/proc/${pid}`).uid).not.toBe(0);
    open.child.kill('SIGTERM');
    await open.exited;
    rmSync(path, { recursive: true });
  });
});

test('the libraries are linked when npm did not', async () => {
  const lib = join(base, 'native', 'lib');
  mkdirSync(lib, { recursive: true });
  writeFileSync(join(lib, 'libpq.so.5.18'), 'library');
  const links = ['libpq.so.5', 'libpq.so'].map((name) => ({
    source: 'native/lib/libpq.so.5.18',
    target: `native/lib/${name}`,
  }));
  writeFileSync(join(base, 'native', 'pg-symlinks.json'), JSON.stringify(links));
  await Promise.all([linkLibraries(base), linkLibraries(base)]);
  await linkLibraries(base);
  expect(readFileSync(join(lib, 'libpq.so'), 'utf8')).toBe('library');
  expect(readFileSync(join(lib, 'libpq.so.5'), 'utf8')).toBe('library');
});

/** The claim of a living process in this very place, as embeddedLock.ts writes it. */
function ownClaim(): object {
  return { state: 'held', space: pidSpace(), holder: identify(process.pid) };
}

function superuserUrl(embedded: Embedded): string {
  const password = readFileSync(join(folder, 'superuser.secret'), 'utf8').trim();
  return `postgres://postgres:${password}@127.0.0.1:${embedded.port}/postgres`;
}

/** The programs of PATH, linked in a folder, but one. */
function pathWithout(name: string): string {
  const bin = mkdtempSync(join(tmpdir(), 'amanat-bin-'));
  chmodSync(bin, 0o755);
  for (const dir of ['/usr/bin', '/bin', '/usr/local/bin']) {
    for (const program of ['sh', 'id', 'test', 'setpriv', 'unshare']) {
      if (program !== name && existsSync(join(dir, program)) && !existsSync(join(bin, program)))
        symlinkSync(join(dir, program), join(bin, program));
    }
  }
  return bin;
}

function readFileSafely(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
