import { open } from 'node:fs/promises';

/** Makes what was made, renamed or removed in a folder durable (fsync of the folder itself, as POSIX asks for it). */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
