import { scannerFor, type Canary, type Leak } from '../attacks/leaks.ts';
import { withClient } from '../support/postgres.ts';
import type { TestVault } from '../support/vault.ts';
import { atDatabase } from '../support/work.ts';

/** Every row of every table, as the database shows it, and every line of the log. */
async function rowsAndLog(vault: TestVault): Promise<Buffer> {
  const tables = await atDatabase<{ name: string }>(
    vault,
    `select table_name as name from information_schema.tables where table_schema = 'amanat' and table_type = 'BASE TABLE'`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const [row] = await atDatabase<{ text: string }>(
      vault,
      `select coalesce(string_agg(t::text, E'\\n'), '') as text from amanat.${name} t`,
    );
    texts.push(row?.text ?? '');
  }
  return Buffer.from([...texts, ...vault.logLines].join('\n'));
}

/** The files of every table, index and long value, as a copy of the disk or a base backup holds them. */
async function files(vault: TestVault): Promise<Buffer> {
  return withClient(vault.db.superuserUrl, async (client) => {
    await client.query('checkpoint');
    const { rows } = await client.query<{ bytes: Buffer | null }>(
      `select pg_read_binary_file(pg_relation_filepath(c.oid), true) as bytes
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'i', 't', 'S')
         and (n.nspname = 'amanat' or c.oid in (select t.reltoastrelid from pg_class t join pg_namespace m
              on m.oid = t.relnamespace where m.nspname = 'amanat'))`,
    );
    return Buffer.concat(rows.map(({ bytes }) => bytes ?? Buffer.alloc(0)));
  });
}

/**
 * What of these values stands in the tables or in the log, however it is spelt or encoded, hex (as bytea is printed)
 * included. `planted`, an id, has to be found, or the search itself is broken.
 */
export async function foundIn(
  vault: TestVault,
  values: readonly (string | Buffer)[],
  planted: string,
): Promise<readonly Leak[]> {
  return search(await rowsAndLog(vault), values, { name: 'planted', value: planted });
}

/** The same in the files, where an id stands as its sixteen bytes. */
export async function foundOnDisk(
  vault: TestVault,
  values: readonly (string | Buffer)[],
  planted: string,
): Promise<readonly Leak[]> {
  const value = Buffer.from(planted.replaceAll('-', ''), 'hex');
  return search(await files(vault), values, { name: 'planted', value });
}

function search(stored: Buffer, values: readonly (string | Buffer)[], planted: Canary): readonly Leak[] {
  const canaries = values.map((value, i) => ({ name: typeof value === 'string' ? value : `bytes ${i}`, value }));
  const found = scannerFor([...canaries, planted]).scan(stored);
  if (!found.some(({ canary }) => canary === planted.name)) throw new Error('the search does not find what is there');
  return found.filter(({ canary }) => canary !== planted.name);
}
