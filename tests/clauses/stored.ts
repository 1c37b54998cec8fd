import { scannerFor, type Leak } from '../attacks/leaks.ts';
import type { TestVault } from '../support/vault.ts';
import { atDatabase } from '../support/work.ts';

/** Every row of every table, as the database holds it, and every line of the log. */
async function everything(vault: TestVault): Promise<Buffer> {
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

/**
 * What of these values stands in the tables or in the log, however it is spelt or encoded, hex (as bytea is printed)
 * included. `planted` has to be found, or the search itself is broken.
 */
export async function foundIn(vault: TestVault, values: readonly string[], planted: string): Promise<readonly Leak[]> {
  const stored = await everything(vault);
  const canaries = [...values, planted].map((value) => ({ name: value, value }));
  const found = scannerFor(canaries).scan(stored);
  if (!found.some(({ canary }) => canary === planted)) throw new Error('the search does not find what is there');
  return found.filter(({ canary }) => canary !== planted);
}
