import { spawn, type ChildProcess } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyFolder } from '../../src/keys/folder.ts';
import { emptyDatabase, type EmptyDatabase } from '../support/postgres.ts';
import { rootKeyBytes } from '../support/rootKeyBytes.ts';

/**
 * P5 for core dumps: the service as it ships is killed by SIGABRT where cores are unlimited. Looked at are the kernel's own words about
 * each of its processes, and whatever core appears. What root or a debugger of the same user reads from a living process is not
 * protected, and docs/security.md says so.
 */
const folder = mkdtempSync(join(tmpdir(), 'amanat-core-'));
const keysDir = join(folder, 'keys');
const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const isLinux = process.platform === 'linux';
/** Only where the kernel writes a core beside the process can one be looked at; elsewhere it goes to a handler of the machine. */
const writesHere = isLinux && /^core(?:\.%\w)*$/.test(readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim());
const running = new Set<ChildProcess>();
let database: EmptyDatabase;
let secrets: readonly Buffer[];

beforeAll(async () => {
  database = await emptyDatabase();
  await createKeyFolder(keysDir);
  const token = createPrivateKey(readFileSync(join(keysDir, 'token-1.pem'))).export({ format: 'jwk' });
  secrets = [rootKeyBytes(keysDir), Buffer.from(token.d ?? '', 'base64url')];
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly cwd: string;
  readonly said: () => string;
  readonly exited: Promise<NodeJS.Signals | null>;
  /** Resolves when it has said this. */
  readonly says: (words: string) => Promise<void>;
}

/** Starts Node with cores unlimited, in a folder of its own. */
function run(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
  const cwd = join(folder, name);
  mkdirSync(cwd);
  const command = 'ulimit -c unlimited; exec "$0" "$@"';
  const child = spawn('sh', ['-c', command, process.execPath, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
  });
  running.add(child);
  let text = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => {
      text += piece.toString();
      for (const look of listeners) look();
    });
  const exited = new Promise<NodeJS.Signals | null>((resolve) => child.once('close', (_, signal) => resolve(signal)));
  const says = (words: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => (text.includes(words) ? resolve() : undefined);
      listeners.add(look);
      look();
      void exited.then(() => reject(new Error(`ended: ${text}`)));
    });
  return { child, cwd, said: () => text, exited, says };
}

/** The names of the secrets that stand in the cores of a folder, and how many cores there are. */
function coresIn(cwd: string): { readonly cores: number; readonly found: number } {
  const cores = readdirSync(cwd).filter((name) => name.startsWith('core'));
  const found = cores.flatMap((name) => {
    const bytes = readFileSync(join(cwd, name));
    return secrets.filter((secret) => bytes.includes(secret));
  });
  return { cores: cores.length, found: found.length };
}

const service = (name: string, workers: string): Run =>
  run(name, [main], {
    AMANAT_DATABASE_URL: database.ownerUrl,
    AMANAT_DATA_DIR: join(folder, 'data'),
    AMANAT_KEYS_DIR: keysDir,
    AMANAT_PORT: '0',
    AMANAT_WORKERS: workers,
  });

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((id) => id !== '')
    .map(Number);

test.runIf(isLinux)('of the service and of its workers no core is written, and none would hold memory', async () => {
  const lead = service('service', '2');
  await lead.says('"event":"started"');
  const pid = lead.child.pid ?? 0;
  const workers = childrenOf(pid);
  expect(workers.length).toBeGreaterThanOrEqual(2);
  for (const one of [pid, ...workers]) {
    expect(readFileSync(`/proc/${one}/coredump_filter`, 'utf8').trim()).toMatch(/^0+$/);
    expect(readFileSync(`/proc/${one}/limits`, 'utf8')).toMatch(/Max core file size +0 +0 /);
  }
  // A worker has the keys, the leading process what it hands to workers.
  process.kill(workers[0] ?? 0, 'SIGABRT');
  await lead.says('worker_exit');
  process.kill(pid, 'SIGABRT');
  expect(await lead.exited).toBe('SIGABRT');
  expect(coresIn(lead.cwd)).toEqual({ cores: 0, found: 0 });
});

test.runIf(writesHere)('control: a program without this leaves a core, with the key in it', async () => {
  const code = `const fs = require('node:fs'); const key = Buffer.from(fs.readFileSync(${JSON.stringify(join(keysDir, 'root-1.key'))}, 'utf8').split(' ')[1], 'base64');
    console.log('ready'); setInterval(() => key.length, 1000)`;
  const careless = run('careless', ['-e', code]);
  await careless.says('ready');
  careless.child.kill('SIGABRT');
  await careless.exited;
  const { cores, found } = coresIn(careless.cwd);
  expect(cores).toBe(1);
  expect(found).toBeGreaterThan(0);
});

test.runIf(isLinux)('the filter alone keeps the key out of a core that is written all the same', async () => {
  const code = `require('node:fs').writeFileSync('/proc/self/coredump_filter', '0'); const fs = require('node:fs');
    const key = Buffer.from(fs.readFileSync(${JSON.stringify(join(keysDir, 'root-1.key'))}, 'utf8').split(' ')[1], 'base64');
    console.log('ready'); setInterval(() => key.length, 1000)`;
  const filtered = run('filtered', ['-e', code]);
  await filtered.says('ready');
  filtered.child.kill('SIGABRT');
  await filtered.exited;
  expect(coresIn(filtered.cwd)).toEqual({ cores: writesHere ? 1 : 0, found: 0 });
});

test.runIf(isLinux)('SIGUSR1 opens no debugger', async () => {
  const one = service('debugged', '1');
  await one.says('"event":"started"');
  one.child.kill('SIGUSR1');
  one.child.kill('SIGTERM');
  await one.exited;
  expect(one.said()).not.toContain('Debugger listening');
  // Control: Node's own way.
  const plain = run('plain', ['-e', `setInterval(() => 0, 1000); console.log('ready')`]);
  await plain.says('ready');
  plain.child.kill('SIGUSR1');
  await plain.says('Debugger listening');
  plain.child.kill('SIGKILL');
});
