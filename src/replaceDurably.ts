import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './syncFolder.ts';

/**
 * Puts a file where one may be already: written beside its place, made durable, renamed. Nothing that somebody planted there is written
 * through: nobody knows the draft's name before (`.<name>-` and 16 hex digits), and a link in the file's place is replaced itself.
 */
export async function replaceDurably(folder: string, name: string, text: string): Promise<void> {
  const draft = join(folder, `.${name}-${randomBytes(8).toString('hex')}`);
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, join(folder, name));
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
}
