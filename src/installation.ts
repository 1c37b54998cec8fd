import { createHash, randomBytes } from 'node:crypto';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Installation } from './crypto/journal.ts';
import { makeFolder } from './makeFolder.ts';

const fileName = 'installation';

/**
 * Which of the places that have these keys this is: a data folder of this machine. A copy of the folder at another path or on another machine
 * is another one, and a database that was restored into the same folder is not.
 */
export async function installationOf(dataDir: string): Promise<Installation> {
  await makeFolder(dataDir);
  const file = join(dataDir, fileName);
  await writeFile(file, `${randomBytes(16).toString('hex')}\n`, { mode: 0o600, flag: 'wx' }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  const place = `${hostname()}:${await realpath(dataDir)}`;
  const id = createHash('sha256')
    .update(`${(await readFile(file, 'utf8')).trim()}\n${place}`)
    .digest('hex')
    .slice(0, 12);
  return { id, place };
}
