import { setTimeout as pause } from 'node:timers/promises';
import { mkdir } from 'node:fs/promises';
import type { VerifierKey } from '../crypto/signedNote.ts';
import { EmbeddedFault } from '../db/embeddedFault.ts';
import { lockFolder, type FolderLock } from '../db/embeddedLock.ts';
import { WitnessFault } from '../vault/witness.ts';
import { openLogFolder } from './logFolder.ts';
import { answering, type Ask } from './witnessing.ts';

const patienceMs = 5_000;
const againMs = 20;

/**
 * The service's own folder in the place of a witness, for where there is none: the same files by the same rules, without
 * cosignatures. It tells of a database that was rolled back; of one that was rolled back together with this folder, or under
 * the eyes of somebody who has the keys, it cannot.
 */
export function askingFolder(folder: string, keysOf: (origin: string) => readonly VerifierKey[]): Ask {
  const ask = answering({ folder: openLogFolder(folder), keysOf: async (origin) => keysOf(origin), now: Date.now });
  return async (path, body) => {
    try {
      if (path.startsWith('/read-')) return await ask(path, body);
      const lock = await locked(folder);
      try {
        return await ask(path, body);
      } finally {
        await lock.release();
      }
    } catch {
      throw new WitnessFault('unusable');
    }
  };
}

/** One writer at a time among the processes of a machine. */
async function locked(folder: string): Promise<FolderLock> {
  // Not what it lies in: a keys folder or a disk that is away is not to be made anew, empty.
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    try {
      return await lockFolder(folder);
    } catch (error) {
      if (!(error instanceof EmbeddedFault) || performance.now() > giveUpAt) throw error;
      await pause(againMs);
    }
  }
}
