import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/worker.ts';

/** Debian's PgBouncer before one PostgreSQL. */
export interface Pgbouncer {
  /** The same login and database, by way of the pooler; every client shares `servers` connections in transaction mode. */
  through(url: string, mode: 'transaction' | 'session'): string;
  stop(): Promise<void>;
}

/** Connections to PostgreSQL that a login has in transaction mode, however many clients there are. */
export const servers = 2;

interface Program {
  readonly path: string;
  readonly libraries: string;
}

/** Where Debian puts it, below the root or below a folder that it was unpacked into. */
function below(root: string): Program | undefined {
  const path = join(root, 'usr/sbin/pgbouncer');
  const libraries = readdirIn(join(root, 'usr/lib')).find((name) => name.endsWith('-linux-gnu')) ?? '';
  return existsSync(path) ? { path, libraries: join(root, 'usr/lib', libraries) } : undefined;
}

const readdirIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** Once a machine: no right is needed to download and unpack. Libraries that every Debian has are not fetched. */
function fetched(): Program | undefined {
  const folder = join(tmpdir(), 'amanat-pgbouncer');
  const known = below(folder);
  if (known !== undefined) return known;
  const draft = mkdtempSync(`${folder}-`);
  const quiet = { cwd: draft, stdio: 'pipe', encoding: 'utf8' } as const;
  try {
    const depends = execFileSync('apt-cache', ['depends', 'pgbouncer'], quiet);
    const libraries = [...depends.matchAll(/Depends: (libc-?ares\S*|libevent\S*)/g)].map(([, name = '']) => name);
    execFileSync('apt-get', ['download', 'pgbouncer', ...libraries], quiet);
    for (const name of readdirSync(draft)) execFileSync('dpkg-deb', ['-x', name, 'root'], quiet);
    chmodSync(join(draft, 'root'), 0o755);
    renameSync(join(draft, 'root'), folder);
  } catch {
    // Somebody else may have been faster.
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return below(folder);
}

/** Throws where there is none and none can be had. `urls` are the logins that it lets through. */
export async function startPgbouncer(urls: readonly string[], poolSize = servers): Promise<Pgbouncer> {
  const program = below('/') ?? fetched();
  if (program === undefined)
    throw new Error('This test needs PgBouncer: install the package pgbouncer (apt-get cannot fetch it here).');
  const logins = urls.map((url) => new URL(url));
  const [first] = logins;
  if (first === undefined) throw new Error('no login');
  const folder = mkdtempSync(join(tmpdir(), 'amanat-pgbouncer-of-'));
  chmodSync(folder, 0o755);
  const port = await freePort('127.0.0.1');
  writeFileSync(join(folder, 'users.txt'), logins.map((url) => `"${url.username}" "${url.password}"\n`).join(''));
  writeFileSync(join(folder, 'pgbouncer.ini'), settings(first, port, folder, poolSize));
  // PgBouncer does not run as root; 65534 is nobody.
  const asRoot = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawn(program.path, ['-q', join(folder, 'pgbouncer.ini')], {
    ...asRoot,
    env: { LD_LIBRARY_PATH: program.libraries },
    stdio: 'ignore',
  });
  await listening(child, port);
  return {
    through(url, mode) {
      const { username, password } = new URL(url);
      return `postgres://${username}:${password}@127.0.0.1:${port}/${mode}`;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGINT');
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function settings({ hostname, port, pathname }: URL, own: number, folder: string, poolSize: number): string {
  const database = `host=${hostname} port=${port} dbname=${pathname.slice(1)}`;
  return [
    '[databases]',
    `transaction = ${database} pool_mode=transaction pool_size=${poolSize}`,
    `session = ${database} pool_mode=session pool_size=10`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${own}`,
    'unix_socket_dir =',
    'auth_type = scram-sha-256',
    `auth_file = ${join(folder, 'users.txt')}`,
    '',
  ].join('\n');
}

/** Nothing tells that it listens but that it does. Throws when it has ended instead. */
async function listening(child: ChildProcess, port: number): Promise<void> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('pgbouncer did not start');
    if (await answers(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => done(true)).once('error', () => done(false));
  });
}
