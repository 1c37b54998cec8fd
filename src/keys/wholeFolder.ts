import { randomUUID } from 'node:crypto';
import { link, mkdtemp, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { KeyFault, systemCode } from './keyFault.ts';
import { makeFolder } from '../makeFolder.ts';
import { syncFolder } from '../syncFolder.ts';

/**
 * Writes the folder beside its place, makes it durable, and moves it there in one step (rename refuses a folder that is
 * not empty). So the folder is whole or not there, after a crash at any moment and when two create it at once; all a
 * crash leaves is a folder `.keys-…` that nothing reads.
 */
export async function writeWholeFolder(folder: string, files: ReadonlyMap<string, string | Buffer>): Promise<void> {
  const target = await realpath(folder).catch(() => resolve(folder));
  const parent = dirname(target);
  let draft: string | undefined;
  try {
    await makeFolder(parent);
    // mkdtemp makes it with mode 0700.
    draft = await mkdtemp(join(parent, `.${basename(target)}-`));
    for (const [name, content] of files) await writeDurably(join(draft, name), content);
    await syncFolder(draft);
    await rename(draft, target);
    await syncFolder(parent);
  } catch (error) {
    if (draft !== undefined) await rm(draft, { recursive: true, force: true }).catch(() => undefined);
    throw creationFault(error, folder);
  }
}

/** Throws KeyFault unless the folder is empty or not there. */
export async function refuseOccupied(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw creationFault(error, folder);
  });
  if (names.length > 0) throw notEmpty(folder);
}

/**
 * Adds one file to a folder of keys, whole or not at all after a crash at any moment. Throws KeyFault: `keys_not_empty`
 * where a name of the same `family` is there already, also when it appears meanwhile.
 */
export async function addKeyFile(folder: string, family: RegExp, name: string, content: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw creationFault(error, folder);
  });
  const twin = names.find((found) => family.test(found));
  if (twin !== undefined) throw occupied(join(folder, twin));
  const draft = join(folder, `.${name}-${randomUUID()}`);
  try {
    await writeDurably(draft, content);
    // A link fails where the name is taken; a rename would replace what is there.
    await link(draft, join(folder, name));
    await rm(draft);
    await syncFolder(folder);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw systemCode(error) === 'EEXIST' ? occupied(join(folder, name)) : creationFault(error, folder);
  }
}

export async function writeDurably(path: string, content: string | Buffer): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function occupied(path: string): KeyFault {
  return new KeyFault('keys_not_empty', `${path} is there already. Keys are never overwritten, and nothing was made.`);
}

function notEmpty(folder: string): KeyFault {
  return new KeyFault('keys_not_empty', `${folder} is not empty. Keys are never overwritten; choose another folder.`);
}

export function creationFault(error: unknown, folder: string): Error {
  const code = systemCode(error);
  if (code === 'ENOTEMPTY' || code === 'EEXIST') return notEmpty(folder);
  if (code === 'ENOTDIR') {
    return new KeyFault(
      'keys_not_a_folder',
      `${folder} is not a folder. Set AMANAT_KEYS_DIR to where the keys folder shall be.`,
    );
  }
  if (code === 'EBUSY' || code === 'EXDEV') {
    return new KeyFault('keys_not_writable', `${folder} is a mount point. Set AMANAT_KEYS_DIR to a folder inside it.`);
  }
  if (code === undefined) return error instanceof Error ? error : new Error('unknown fault');
  return new KeyFault(
    'keys_not_writable',
    `${folder} cannot be written (${code}). Let the user that runs amanat own it.`,
  );
}
