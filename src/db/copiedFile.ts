import { createHash } from 'node:crypto';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf, isAbsent, openRegular } from '../regularFile.ts';

/** A file of a backup, as it was read or written when the backup was made. */
export interface CopiedFile {
  /** Below the copy, with slashes. */
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * Says what was read of the cluster, not what is in the copy by then: whoever can write where backups are may have put something else
 * there. Undefined for a file that was dropped meanwhile: the WAL knows of it.
 */
export async function copyDurably(cluster: string, to: string, path: string): Promise<CopiedFile | undefined> {
  const target = await open(join(to, path), 'wx', 0o600);
  try {
    const read = await digestOfFile(join(cluster, path), Infinity, (chunk) => target.writeFile(chunk));
    await target.sync();
    return { path, ...read };
  } catch (error) {
    // Of the cluster's file: the copy is open.
    if (!isAbsent(error)) throw error;
    await rm(join(to, path), { force: true });
    return undefined;
  } finally {
    await target.close();
  }
}

/** The same of what is not copied but written. */
export async function putDurably(folder: string, path: string, content: string | Buffer): Promise<CopiedFile> {
  await writeFile(join(folder, path), content, { mode: 0o600, flag: 'wx', flush: true });
  return { path, bytes: Buffer.byteLength(content), sha256: createHash('sha256').update(content).digest('hex') };
}

/**
 * A regular file of this size and digest? With `to`, what is read goes there as well, so that what was looked at is what is
 * there then, whoever changes the file meanwhile. A link is none of ours, and a pipe would never end.
 */
export async function isAsWritten(
  { bytes, sha256 }: Omit<CopiedFile, 'path'>,
  from: string,
  to?: string,
): Promise<boolean> {
  const target = to === undefined ? undefined : await open(to, 'wx', 0o600);
  let unwritable: unknown;
  const keep = async (chunk: Buffer): Promise<void> => {
    await target?.writeFile(chunk).catch((error: unknown) => {
      unwritable = error;
      throw error;
    });
  };
  try {
    // Not forced to the disk: PostgreSQL does so with the whole cluster before it recovers (recovery_init_sync_method).
    const found = await digestOfFile(from, bytes, keep);
    return found.bytes === bytes && found.sha256 === sha256;
  } catch {
    if (unwritable !== undefined) throw unwritable;
    return false;
  } finally {
    await target?.close();
  }
}

/** Of a regular file of at most so many bytes. Throws for a link, a pipe, or a larger one. */
export async function digestOfFile(
  path: string,
  most = Infinity,
  onChunk: (chunk: Buffer) => Promise<void> = () => Promise.resolve(),
): Promise<Omit<CopiedFile, 'path'>> {
  const source = await openRegular(path, most);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of bytesOf(source, most)) {
      hash.update(chunk);
      bytes += chunk.length;
      await onChunk(chunk);
    }
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await source.close();
  }
}
