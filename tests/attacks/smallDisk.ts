import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPostmasterFile } from '../../src/db/postmaster.ts';
import { factsOf, foreignService } from '../support/embeddedService.ts';
import { withClient, type TestDatabase } from '../support/postgres.ts';
import { serviceDatabase, until } from './ownCluster.ts';

/** A PostgreSQL whose disk is small enough to be filled to the last byte. */
export interface SmallDisk {
  readonly database: TestDatabase;
  fill(): void;
  free(): void;
  /** Once it falls over it stays so until `recover`: neither its postmaster nor its supervisor starts it again. */
  keepFallen(): Promise<void>;
  untilFallen(): Promise<void>;
  recover(): void;
  stop(): Promise<void>;
}

/** A file system seen by nobody else, gone with the last process that sees it. */
const ownNamespace = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
const mount = (megabytes: number) => `mount -t tmpfs -o size=${megabytes}m,mode=0755 amanat "$0" && exec "$@"`;

/** May this user mount anything at all? Some containers forbid it. */
export function canMount(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'amanat-mount-'));
  try {
    return spawnSync('unshare', [...ownNamespace, 'sh', '-c', mount(1), place, 'true']).status === 0;
  } finally {
    rmSync(place, { recursive: true });
  }
}

export async function smallDisk(megabytes: number): Promise<SmallDisk> {
  const place = mkdtempSync(join(tmpdir(), 'amanat-disk-'));
  const folder = join(place, 'data');
  const through = ['unshare', ...ownNamespace, 'sh', '-c', mount(megabytes), place];
  const service = await foreignService(folder, { through });
  const { ownerUrl, supervisorPid } = factsOf(service);
  // proc_pid_root(5): the file system as that process sees it.
  const inside = join('/proc', String(supervisorPid), 'root', place);
  const ballast = join(inside, 'ballast');
  const secret = readFileSync(join(inside, 'data', 'superuser.secret'), 'utf8').trim();
  const database = await serviceDatabase(ownerUrl, secret);
  const fallen = () => readPostmasterFile(join(inside, 'data', 'cluster')) === undefined;
  const recover = () => void process.kill(supervisorPid, 'SIGCONT');
  return {
    database,
    fill: () => fillUp(ballast),
    free: () => rmSync(ballast, { force: true }),
    async keepFallen() {
      if (fallen()) throw new Error('it has fallen already, or is looked for where it is not');
      await withClient(database.superuserUrl, async (superuser) => {
        await superuser.query('alter system set restart_after_crash = off');
        await superuser.query('select pg_reload_conf()');
        await until(async () => {
          const { rows } = await superuser.query<{ restart_after_crash: string }>('show restart_after_crash');
          return rows[0]?.restart_after_crash === 'off';
        });
        // It holds for the postmaster that runs, and not for the one that comes after it.
        await superuser.query('alter system reset restart_after_crash');
      });
      process.kill(supervisorPid, 'SIGSTOP');
    },
    untilFallen: () => until(fallen),
    recover,
    async stop() {
      recover();
      service.child.kill('SIGKILL');
      await service.exited;
      rmSync(place, { recursive: true, force: true });
    },
  };
}

/** Writes until nothing fits, in ever smaller pieces. */
function fillUp(file: string): void {
  const handle = openSync(file, 'w');
  for (let bytes = 1 << 20; bytes >= 1; bytes >>= 2) {
    try {
      for (;;) writeSync(handle, Buffer.alloc(bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  fsyncSync(handle);
  closeSync(handle);
}
