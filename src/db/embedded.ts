import { chmod, realpath, stat, truncate } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { makeFolder } from '../makeFolder.ts';
import { archiveSettings, makeArchive } from './embeddedArchive.ts';
import { findBinaries } from './embeddedBinaries.ts';
import { ensureCluster, ensureOwner, ownerUrl } from './embeddedCluster.ts';
import { EmbeddedFault } from './embeddedFault.ts';
import { lockFolder, type FolderLock } from './embeddedLock.ts';
import { embeddedSettings } from './embeddedSettings.ts';
import type { SupervisorEvent, SupervisorOrder } from './embeddedSupervisor.ts';
import { bareEnvironment, chooseUser } from './embeddedUser.ts';
import { stopLeftover } from './postmaster.ts';
import { supervise } from './supervise.ts';

export interface EmbeddedOptions {
  /** Made when missing. Any path; its owner and nobody else may read it afterwards. */
  readonly folder: string;
  readonly log?: (event: SupervisorEvent) => void;
  /** Folder below which WAL is archived; none is when left out. */
  readonly archive?: string;
  /** PostgreSQL settings on top of ours. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A running PostgreSQL of our own, in a folder that nobody else can start it in. */
export interface Embedded {
  /** Owner of the database `amanat`: may make roles and tables, is no superuser. Holds a password. */
  readonly ownerUrl: string;
  readonly port: number;
  readonly supervisorPid: number;
  /** Of PostgreSQL now; it changes when PostgreSQL died and was started again, on the same port. */
  readonly pid: number;
  /** A fast shutdown: resolves when PostgreSQL has written everything and is gone. */
  stop(): Promise<void>;
  /** Calls back when the supervisor is gone without `stop`, and PostgreSQL with it: the service cannot go on. */
  onExit(callback: () => void): void;
}

const largestLogBytes = 10_000_000;

/** Starts the cluster of the folder, making it first if there is none. Throws `EmbeddedFault`. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const folder = await prepareFolder(options.folder);
  const lock = await lockFolder(folder);
  try {
    return await startLocked(folder, lock, options);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

export async function stopEmbedded(embedded: Embedded): Promise<void> {
  await embedded.stop();
}

async function startLocked(folder: string, lock: FolderLock, options: EmbeddedOptions): Promise<Embedded> {
  const binaries = await findBinaries();
  const runAs = await chooseUser(folder, binaries);
  const cluster = await ensureCluster(folder, binaries, runAs);
  await stopLeftover(cluster.path);
  const port = await freePort();
  const archiving = options.archive === undefined ? {} : await archiveInto(options.archive, folder);
  const settings = { ...embeddedSettings, ...archiving, port: String(port), ...options.settings };
  const order: SupervisorOrder = {
    command: [...runAs.prefix, binaries.postgres, '-D', cluster.path, ...settingFlags(settings)],
    ...(runAs.ids === undefined ? {} : { ids: runAs.ids }),
    environment: bareEnvironment,
    cluster: cluster.path,
    logFile: await prepareLog(folder),
  };
  const supervisor = await supervise(order, lock, options.log ?? (() => undefined));
  const stop = async (): Promise<void> => {
    await supervisor.end();
    await lock.release();
  };
  await ensureOwner(cluster, port).catch(async (error: unknown) => {
    await supervisor.end();
    throw error;
  });
  return {
    ownerUrl: ownerUrl(cluster, port),
    port,
    supervisorPid: supervisor.pid,
    get pid() {
      return supervisor.postmasterPid();
    },
    stop,
    onExit: (callback) => supervisor.onExit(callback),
  };
}

async function archiveInto(archive: string, folder: string): Promise<Readonly<Record<string, string>>> {
  await makeArchive(archive, folder).catch(() => {
    throw new EmbeddedFault(
      'folder_unusable',
      `${archive}, or wal in it, cannot be made, is a link or is not ours. Choose another AMANAT_BACKUP_DIR.`,
    );
  });
  return archiveSettings(archive);
}

function settingFlags(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function prepareFolder(path: string): Promise<string> {
  try {
    await makeFolder(path);
    const folder = await realpath(path);
    await chmod(folder, 0o700);
    return folder;
  } catch {
    throw new EmbeddedFault(
      'folder_unusable',
      `${path} cannot be made or is not ours. Choose another AMANAT_DATA_DIR.`,
    );
  }
}

async function prepareLog(folder: string): Promise<string> {
  const file = join(folder, 'postgres.log');
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size > largestLogBytes) await truncate(file);
  return file;
}

/** Asked of the system and given back, so another program may take it first; then PostgreSQL tries again. */
async function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
