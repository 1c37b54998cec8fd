import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { KeyFault, systemCode } from './keyFault.ts';

/** A key file as read: its text, and whether group or others have any right to it. */
export interface KeyFile {
  readonly path: string;
  readonly text: string;
  readonly loose: boolean;
}

/** Key files are a few kilobytes; more is not a key. */
const maxBytes = 65_536;
const groupAndOthers = 0o077;

/** Any right of group or others: mode bits are judged, not what the running user could do, so root is no exception. */
export function isLoose(mode: number): boolean {
  return (mode & groupAndOthers) !== 0;
}

/** Reads one key file; a symbolic link is judged by its target. Throws KeyFault. */
export async function readKeyFile(path: string): Promise<KeyFile> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    if (!found.isFile()) throw new KeyFault('keys_malformed', `${path} is not a file. Put the key file there.`);
    if (found.size > maxBytes)
      throw new KeyFault('keys_malformed', `${path} is too large to be a key file. Put the key file there.`);
    const text = await handle.readFile('latin1');
    if (text.trim() === '') {
      throw new KeyFault('keys_empty', `${path} is empty. Restore it from your backup of the keys.`);
    }
    return { path, text, loose: isLoose(found.mode) };
  } catch (error) {
    throw faultOf(error, path);
  } finally {
    await handle?.close();
  }
}

/** Is the folder itself open to group or others? Throws KeyFault when it is missing or not a folder. */
export async function isLooseFolder(folder: string): Promise<boolean> {
  try {
    const found = await stat(folder);
    if (!found.isDirectory()) {
      throw new KeyFault('keys_not_a_folder', `${folder} is not a folder. Set AMANAT_KEYS_DIR to the keys folder.`);
    }
    return isLoose(found.mode);
  } catch (error) {
    throw faultOf(error, folder);
  }
}

/** A system error as the fault it means for `path`; a KeyFault passes through. */
export function faultOf(error: unknown, path: string): Error {
  if (error instanceof KeyFault) return error;
  switch (systemCode(error)) {
    case 'ENOENT':
      return new KeyFault(
        'keys_missing',
        `${path} does not exist. Restore it from your backup of the keys, or for a new vault run: npx amanat init`,
      );
    case 'ENOTDIR':
      return new KeyFault(
        'keys_not_a_folder',
        `${path} is not inside a folder. Set AMANAT_KEYS_DIR to the keys folder.`,
      );
    case undefined:
      return error instanceof Error ? error : new Error('unknown fault');
    default:
      return new KeyFault(
        'keys_unreadable',
        `${path} cannot be read (${systemCode(error)}). Let the user that runs amanat own it, with mode 0600 (folder 0700).`,
      );
  }
}
