import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** A folder cannot be made where somebody wants it. The message is for the operator. */
export class FolderFault extends Error {
  /** The system's: EACCES, ENOENT … */
  readonly code: string;

  constructor(path: string, code: string) {
    super(`${path} cannot be made (${code}). Name a folder on a disk, where the user that runs amanat may write.`);
    this.name = 'FolderFault';
    this.code = code;
  }
}

const ownerOnly = 0o700;

/**
 * Makes a folder and what it lies in, for its owner alone; one that is there stays as it is. Not by Node's `recursive`: it goes round for ever
 * in a folder that is there and says of all that is made in it that it is not (ENOENT), as those do that a kernel makes up (/proc).
 * Throws `FolderFault`.
 */
export async function makeFolder(path: string): Promise<void> {
  await made(resolve(path));
}

/** The last folder alone, which must not be there, not even as a link. Throws `FolderFault`. */
export async function makeNewFolder(path: string): Promise<void> {
  const code = await refusedBy(path);
  if (code !== undefined) throw new FolderFault(path, code);
}

async function made(path: string): Promise<void> {
  const parent = dirname(path);
  let code = await refusedBy(path);
  if (code === 'ENOENT' && parent !== path) {
    if ((await whatIs(parent)) !== 'folder') await made(parent);
    // Once: where it lies is there by now.
    code = await refusedBy(path);
  }
  if (code === undefined) return;
  const found = await whatIs(path);
  if (found === 'folder') return;
  // Whoever had it there has just taken it away.
  if (found === 'nothing' && code === 'EEXIST') return made(path);
  throw new FolderFault(path, code);
}

/** The system's code; undefined where it was made. */
async function refusedBy(path: string): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: ownerOnly });
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
    throw error;
  }
}

/** In one look: what comes and goes all the time is one or the other. A link is what it leads to. */
async function whatIs(path: string): Promise<'folder' | 'other' | 'nothing'> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 'nothing';
  const isFolder = found.isSymbolicLink()
    ? (await stat(path).catch(() => undefined))?.isDirectory() === true
    : found.isDirectory();
  return isFolder ? 'folder' : 'other';
}
