import { randomUUID } from 'node:crypto';
import { realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Credentials } from './credentials.ts';
import { KeyFault } from './keyFault.ts';
import { isKeyName } from './keyNames.ts';
import { openSource } from './keySource.ts';
import { lockedName, lockKeys, parseLocked, unlockKeys, type NewLock } from './lockedKeys.ts';
import { creationFault, writeDurably } from './wholeFolder.ts';
import { syncFolder } from '../syncFolder.ts';

/**
 * Locks a folder, or changes its lock: all keys go into `keys.locked`, which is on disk and was opened again before any file in
 * clear is removed. At every moment the folder opens to the same keys, so a crash loses none; whoever runs it again ends what was
 * begun. `hand` is given the shares before anything depends on them: they are nowhere else. Throws KeyFault.
 */
export async function lockFolder(
  folder: string,
  given: Credentials,
  lock: NewLock,
  hand: (shares: readonly string[]) => Promise<void>,
): Promise<void> {
  const source = await openSource(folder, given, isKeyName);
  const names = source.names.filter(isKeyName);
  const files = new Map<string, string>();
  for (const name of names) files.set(name, (await source.read(name)).text);
  const { text, shares } = await lockKeys(files, lock);
  const opened = await unlockKeys(lockedName, parseLocked(lockedName, text), { passphrase: lock.passphrase, shares });
  if (opened.size !== files.size || [...files].some(([name, content]) => opened.get(name) !== content)) {
    throw new KeyFault(
      'keys_malformed',
      `What was written to ${folder} did not open again. Try again; nothing was changed.`,
    );
  }
  await hand(shares);
  await changing(folder, async (target) => {
    await place(target, lockedName, text);
    for (const name of source.lock?.open ?? names) await rm(join(target, name));
    await syncFolder(target);
  });
}

/** Puts the files back in clear; the lock goes last. Throws KeyFault. */
export async function unlockFolder(folder: string, given: Credentials): Promise<void> {
  const source = await openSource(folder, given, isKeyName);
  if (source.lock === undefined) throw new KeyFault('keys_malformed', `${folder} is not locked. Nothing was changed.`);
  const { open } = source.lock;
  await changing(folder, async (target) => {
    for (const name of source.names)
      if (!open.includes(name)) await place(target, name, (await source.read(name)).text);
    await rm(join(target, lockedName));
    await syncFolder(target);
  });
}

async function changing(folder: string, work: (target: string) => Promise<void>): Promise<void> {
  try {
    await work(await realpath(folder));
  } catch (error) {
    throw creationFault(error, folder);
  }
}

/** Whole or not there, and on disk when it returns. */
async function place(target: string, name: string, text: string): Promise<void> {
  const draft = join(target, `.${name}-${randomUUID()}`);
  try {
    await writeDurably(draft, Buffer.from(text, 'latin1'));
    await rename(draft, join(target, name));
    await syncFolder(target);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}
