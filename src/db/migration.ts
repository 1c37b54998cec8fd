import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MigrationFault } from './migrationFault.ts';

/** One file of sql/: `000001_foundation.sql`. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly text: string;
  /** SHA-256 of the text in hex, line ends as LF. */
  readonly checksum: string;
}

export interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/** The schema this build was written for. */
export const migrationsFolder = fileURLToPath(new URL('../../sql/', import.meta.url));

const fileName = /^(\d{6})_([a-z0-9_]+)\.sql$/;

/** In order and without gaps, or `MigrationFault`. Files that do not end in .sql are not ours. */
export async function readMigrations(dir: string): Promise<readonly Migration[]> {
  const names = await readdir(dir).catch(() => {
    throw new MigrationFault('folder_unreadable', `The folder of migrations cannot be read: ${dir}`);
  });
  const files = names.filter((name) => name.endsWith('.sql')).sort();
  const migrations = await Promise.all(files.map((name) => readMigration(dir, name)));
  migrations.forEach((migration, index) => {
    if (migration.version !== index + 1) {
      const expected = String(index + 1).padStart(6, '0');
      throw new MigrationFault('gap', `Expected migration ${expected} but found ${migration.name}.`);
    }
  });
  return migrations;
}

async function readMigration(dir: string, name: string): Promise<Migration> {
  const [, number] = fileName.exec(name) ?? [];
  if (number === undefined) throw new MigrationFault('misnamed', `${name} is not named like 000001_foundation.sql.`);
  const text = (await readFile(join(dir, name), 'utf8')).replaceAll('\r\n', '\n');
  return { version: Number(number), name, text, checksum: createHash('sha256').update(text).digest('hex') };
}

/** The migrations still to run. Throws `MigrationFault` unless what was applied is the beginning of what the code knows. */
export function pendingMigrations(
  known: readonly Migration[],
  applied: readonly AppliedMigration[],
): readonly Migration[] {
  applied.forEach((row, index) => {
    if (row.version !== index + 1) {
      throw new MigrationFault('gap', `The database lacks migration ${index + 1} but has ${row.name}.`);
    }
    const ours = known[index];
    if (ours === undefined) {
      throw new MigrationFault(
        'schema_newer',
        `The database has ${row.name}, which this version does not know (it knows ${known.length}). Run the newer version.`,
      );
    }
    if (ours.checksum !== row.checksum) {
      throw new MigrationFault(
        'checksum_changed',
        `${ours.name} was changed after it was applied as ${row.name}. Restore the file; migrations only go forward.`,
      );
    }
  });
  return known.slice(applied.length);
}
