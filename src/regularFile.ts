import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/**
 * For files in folders to which somebody else may write: opens a regular file of at most so many bytes, for reading unless told
 * otherwise. Throws for a link in its place, a pipe or a device, without waiting for one, and for a larger file.
 */
export async function openRegular(
  path: string,
  most = Infinity,
  access: number = constants.O_RDONLY,
): Promise<FileHandle> {
  const file = await open(path, access | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const about = await file.stat();
  if (about.isFile() && about.size <= most) return file;
  await file.close();
  throw new Error('not the file that was written');
}

/** Its bytes; one more than `most` at the utmost, however it grows meanwhile. */
export async function* bytesOf(file: FileHandle, most: number): AsyncGenerator<Buffer> {
  for await (const chunk of file.createReadStream({ autoClose: false, end: most })) yield chunk as Buffer;
}

/** The whole text of such a file; undefined where none is. */
export async function textOfRegular(path: string, most: number): Promise<string | undefined> {
  const file = await openRegular(path, most).catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of bytesOf(file, most)) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (bytes.length > most) throw new Error('a file that grows');
    return bytes.toString('utf8');
  } finally {
    await file.close();
  }
}

export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
