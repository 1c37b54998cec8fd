import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded, type Embedded } from '../../src/db/embedded.ts';
import { identify } from '../../src/db/processIdentity.ts';
import { migrate } from '../../src/db/migrate.ts';
import { ensureServiceLogin } from '../../src/db/roles.ts';
import { scramVerifier } from '../../src/db/scram.ts';
import { withClient, type TestDatabase } from '../support/postgres.ts';

/** A PostgreSQL of the test's own, to be stopped, hung and killed. */
export interface OwnCluster {
  readonly embedded: Embedded;
  readonly database: TestDatabase;
  /** Every process of it hangs, connections stay open. */
  freeze(): void;
  thaw(): void;
  /** Dead, and its supervisor kept from starting it again until `resume`. */
  halt(): Promise<void>;
  resume(): void;
  /** kill -9 of the postmaster and all its children; its supervisor starts it again on the same port. */
  kill(): void;
  stop(): Promise<void>;
}

export async function ownCluster(settings: Readonly<Record<string, string>> = {}): Promise<OwnCluster> {
  const folder = newFolder();
  const embedded = await startEmbedded({ folder, settings });
  const signal = (name: NodeJS.Signals) => signalAll(embedded.pid, name);
  const supervisor = (name: NodeJS.Signals) => process.kill(embedded.supervisorPid, name);
  return {
    embedded,
    database: await serviceDatabase(embedded.ownerUrl, secretOf(folder)),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async halt() {
      supervisor('SIGSTOP');
      const pids = processesOf(embedded.pid);
      signal('SIGKILL');
      await until(() => pids.every((pid) => identify(pid) === undefined));
    },
    resume: () => supervisor('SIGCONT'),
    kill: () => signal('SIGKILL'),
    async stop() {
      await embedded.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Named so that a run that was killed is cleaned up after by the next (globalSetup.ts). */
export function newFolder(): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `amanat-tests-${process.pid}-`));
}

export const secretOf = (folder: string): string => readFileSync(join(folder, 'superuser.secret'), 'utf8').trim();

/** The schema and the service's login in a cluster's database `amanat`. */
export async function serviceDatabase(ownerUrl: string, superuserSecret: string): Promise<TestDatabase> {
  await migrate(ownerUrl);
  const password = 'service';
  const verifier = await scramVerifier(password);
  const role = await withClient(ownerUrl, (owner) => ensureServiceLogin(owner, { verifier }));
  const as = (user: string, secret: string) => {
    const url = new URL(ownerUrl);
    url.username = user;
    url.password = secret;
    return url.href;
  };
  return {
    name: 'amanat',
    ownerUrl,
    superuserUrl: as('postgres', superuserSecret),
    serviceUrl: as(role, password),
    drop: () => Promise.resolve(),
  };
}

/** Children first: stopped, none can tell the others; killed, none outlives the rest. */
export function signalAll(postmaster: number, signal: NodeJS.Signals): void {
  const pids = processesOf(postmaster);
  if (signal === 'SIGKILL') for (const pid of pids) send(pid, 'SIGSTOP');
  for (const pid of pids.toReversed()) send(pid, signal);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // A backend may end between being listed and being signalled.
  }
}

/** The postmaster and its children (proc_pid_stat(5): field 4 is the parent). */
export function processesOf(postmaster: number): readonly number[] {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === postmaster);
  return [postmaster, ...children.map(Number)];
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

/** Looks again and again, for half a minute at most. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < 3_000; looks += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came to hold');
}
