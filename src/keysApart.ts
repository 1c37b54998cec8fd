import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { ConfigFault } from './config.ts';
import { archiveName } from './db/embeddedArchive.ts';

/** Throws `ConfigFault` where whoever takes the one away takes the other with it. */
export async function refuseKeysBeside(keysDir: string, folder: string): Promise<void> {
  const keys = await realOf(keysDir);
  // The archive in it may be a link.
  for (const backups of await Promise.all([folder, join(folder, archiveName)].map(realOf))) {
    if (isWithin(keys, backups) || isWithin(backups, keys)) {
      throw new ConfigFault([
        'The backups of the database and the keys folder must not lie in each other: together they open everything.',
      ]);
    }
  }
}

/** Throws `ConfigFault` for backups and WAL in the database's own folder: each backup would hold those before it. */
export async function refuseInDatabase(dataDir: string, folder: string): Promise<void> {
  if (isWithin(await realOf(folder), await realOf(join(dataDir, 'postgres'))))
    throw new ConfigFault([
      'The backups of the database must not lie in its own folder. Choose another AMANAT_BACKUP_DIR.',
    ]);
}

/** Through symbolic links, as far as the path is there. */
async function realOf(path: string): Promise<string> {
  for (let at = resolve(path), rest = ''; ;) {
    const real = await realpath(at).catch(() => undefined);
    if (real !== undefined) return join(real, rest);
    if (dirname(at) === at) return resolve(path);
    rest = join(basename(at), rest);
    at = dirname(at);
  }
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
