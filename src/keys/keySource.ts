import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Credentials } from './credentials.ts';
import { KeyFault } from './keyFault.ts';
import { faultOf, readKeyFile, type KeyFile } from './keyFile.ts';
import { lockedName, parseLocked, unlockKeys } from './lockedKeys.ts';

/** The files of a keys folder, whether they lie open or are locked. */
export interface KeySource {
  readonly names: readonly string[];
  read(name: string): Promise<KeyFile>;
  /** Is there a lock, and what lies open beside it? */
  readonly lock: { readonly open: readonly string[] } | undefined;
}

/**
 * While a folder is being locked or unlocked a file is in both places, and after a crash it stays so: then it has to be the same
 * in both. Throws KeyFault.
 */
export async function openSource(
  folder: string,
  given: Credentials,
  isKey: (name: string) => boolean,
): Promise<KeySource> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw faultOf(error, folder);
  });
  const readOpen = (name: string): Promise<KeyFile> => readKeyFile(join(folder, name));
  if (!names.includes(lockedName)) return { names, read: readOpen, lock: undefined };
  const file = await readOpen(lockedName);
  const files = await unlockKeys(file.path, parseLocked(file.path, file.text), given);
  const open = names.filter(isKey);
  for (const name of open) {
    const text = files.get(name);
    if (text !== undefined && text !== (await readOpen(name)).text) {
      const path = join(folder, name);
      throw new KeyFault('keys_malformed', `${path} is another than the one in ${file.path}. Move it away.`);
    }
  }
  return {
    names: [...new Set([...files.keys(), ...open])],
    async read(name) {
      const text = files.get(name);
      if (text === undefined) return readOpen(name);
      if (text.trim() === '')
        throw new KeyFault('keys_empty', `${name} in ${file.path} is empty. Restore it from your backup of the keys.`);
      return { path: join(folder, name), text, loose: file.loose };
    },
    lock: { open },
  };
}
