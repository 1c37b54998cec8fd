import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, rename, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makeFolder } from '../makeFolder.ts';
import { isAbsent } from '../regularFile.ts';
import { EmbeddedFault } from './embeddedFault.ts';
import { identify, isRunning, pidSpace, type ProcessIdentity } from './processIdentity.ts';

/**
 * One holder of a folder at a time, without a lock of the operating system (Node has none). Files `lock.<generation>`:
 * the highest generation counts. A dead or released one is succeeded by creating the next number, which only one process
 * can; a release marks its file and never removes it, so numbers do not start over under a slow contender. Where the folder goes
 * with its lock they do: whoever has taken a number looks once more whether what it came after is still the same.
 */
interface Claim {
  readonly state: 'held' | 'released';
  /** Where `holder.pid` means something. */
  readonly space: string;
  readonly holder: ProcessIdentity;
  /** Outlives the holder by the time PostgreSQL takes to stop. */
  readonly supervisor?: ProcessIdentity;
}

export interface FolderLock {
  /** Known from now on, so that a successor can wait for it. */
  record(supervisor: ProcessIdentity): Promise<void>;
  release(): Promise<void>;
  /** Instead of a release: takes the folder away, which must be empty but for the lock. It stays where somebody has come by then. */
  remove(): Promise<void>;
}

const heartbeatMs = 1_000;
/** Three heartbeats: a holder in another container that misses them is taken for dead. */
const silenceMs = 3_500;
const supervisorPatienceMs = 40_000;

/** Throws `EmbeddedFault` folder_in_use while another process holds the folder. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const holder = identify(process.pid) ?? { pid: process.pid, start: 'unknown' };
  const claim: Claim = { state: 'held', space: pidSpace(), holder };
  for (;;) {
    const newest = await newestGeneration(folder);
    const before = newest > 0 ? await awaitVacancy(folder, lockFile(folder, newest), claim.space) : undefined;
    const mine = newest + 1;
    if (!(await createClaim(folder, mine, claim))) continue;
    const same = newest === 0 || (await textOfClaim(lockFile(folder, newest))) === before;
    if (same && (await newestGeneration(folder)) === mine) {
      await removeOlder(folder, mine);
      return heldLock(folder, mine, claim);
    }
    await rm(lockFile(folder, mine), { force: true });
  }
}

/** The same of a folder that is there for this alone and goes with `remove`: made where it is not, again where it has just gone. */
export async function lockMadeFolder(folder: string): Promise<FolderLock> {
  for (;;) {
    await makeFolder(folder);
    try {
      return await lockFolder(folder);
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
}

function heldLock(folder: string, generation: number, claim: Claim): FolderLock {
  const file = lockFile(folder, generation);
  const heartbeat = setInterval(() => void utimes(file, new Date(), new Date()).catch(() => undefined), heartbeatMs);
  heartbeat.unref();
  return {
    record: (supervisor) => replaceClaim(folder, file, { ...claim, supervisor }),
    async release() {
      clearInterval(heartbeat);
      await replaceClaim(folder, file, { ...claim, state: 'released' });
    },
    async remove() {
      clearInterval(heartbeat);
      await rm(file, { force: true });
      await rmdir(folder).catch((error: unknown) => {
        if (!isAbsent(error) && !hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'EEXIST')) throw error;
      });
    },
  };
}

/** Returns the claim's text when it is released or its holder is dead for certain. */
async function awaitVacancy(folder: string, file: string, space: string): Promise<string | undefined> {
  const text = await textOfClaim(file);
  const claim = claimIn(text);
  if (claim === undefined || claim.state === 'released') return text;
  if (claim.space !== space) {
    if (await showsLife(file)) throw inUse(folder, `a process in another container (its pid ${claim.holder.pid})`);
    return text;
  }
  if (isRunning(claim.holder)) throw inUse(folder, `process ${claim.holder.pid}`);
  if (claim.supervisor !== undefined) await awaitEnd(claim.supervisor);
  return text;
}

/** The supervisor of a dead service is stopping PostgreSQL; one that hangs is ended. */
async function awaitEnd(supervisor: ProcessIdentity): Promise<void> {
  const giveUpAt = performance.now() + supervisorPatienceMs;
  while (isRunning(supervisor) && performance.now() < giveUpAt) await pause(20);
  if (isRunning(supervisor)) process.kill(supervisor.pid, 'SIGKILL');
}

async function showsLife(file: string): Promise<boolean> {
  const before = await lastTouched(file);
  const giveUpAt = performance.now() + silenceMs;
  while (performance.now() < giveUpAt) {
    await pause(100);
    if ((await lastTouched(file)) !== before) return true;
  }
  return false;
}

async function lastTouched(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.mtimeMs ?? 0;
}

function inUse(folder: string, holder: string): EmbeddedFault {
  return new EmbeddedFault(
    'folder_in_use',
    `${folder} is in use by ${holder}. Stop it first, or choose another AMANAT_DATA_DIR.`,
  );
}

function lockFile(folder: string, generation: number): string {
  return join(folder, `lock.${generation}`);
}

async function newestGeneration(folder: string): Promise<number> {
  const generations = (await readdir(folder)).map((name) => /^lock\.(\d+)$/.exec(name)?.[1]);
  return Math.max(0, ...generations.map((generation) => Number(generation ?? 0)));
}

async function removeOlder(folder: string, mine: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const generation = /^lock\.(\d+)$/.exec(name)?.[1];
    if (generation !== undefined && Number(generation) < mine) await rm(join(folder, name), { force: true });
  }
}

/** Linked when complete, so that nobody reads half a claim. False when somebody else was first. */
async function createClaim(folder: string, generation: number, claim: Claim): Promise<boolean> {
  const draft = await writeDraft(folder, claim);
  try {
    await link(draft, lockFile(folder, generation));
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function replaceClaim(folder: string, file: string, claim: Claim): Promise<void> {
  await rename(await writeDraft(folder, claim), file);
}

async function writeDraft(folder: string, claim: Claim): Promise<string> {
  const draft = join(folder, `.lock-${randomBytes(8).toString('hex')}`);
  await writeFile(draft, JSON.stringify(claim), { mode: 0o600 });
  return draft;
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

const textOfClaim = (file: string): Promise<string | undefined> => readFile(file, 'utf8').catch(() => undefined);

/** `undefined` for a claim that a power failure left without content. */
function claimIn(text: string | undefined): Claim | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Claim);
  } catch {
    return undefined;
  }
}
