import type pg from 'pg';
import type { Database } from '../../src/db/database.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { atDatabase } from '../support/work.ts';
import { openShop, type Shop } from './shop.ts';

/** Two tenants, in everything twins, but that in one of them the customer is held. */
export interface Twins {
  readonly vault: TestVault;
  readonly held: Shop;
  readonly free: Shop;
  /** Names of all statements sent so far, by any connection. */
  readonly sent: readonly string[];
  /** Those sent since there were so many, without the watch's own. */
  readonly statementsSince: (from: number) => readonly string[];
}

/** The same seed makes the same people and the same work of both. */
export async function openTwins(seed: number): Promise<Twins> {
  const sent: string[] = [];
  const vault = await startVault({ wrapDatabase: noting(sent) });
  // What it looks up by itself is in no answer.
  vault.vault.watch.stop();
  const held = await openShop(vault, await vault.secondTenant(), seed);
  const free = await openShop(vault, await vault.secondTenant(), seed);
  await atDatabase(vault, 'delete from amanat.holds where tenant_id = $1', [free.side.tenantId]);
  // Opening the second may have taken into the first one's tree what it had left over. Whoever integrated leads for three seconds.
  vault.advance(4_000);
  await openIntegrator(vault.vault)();
  return { vault, held, free, sent, statementsSince: (from) => withoutTheWatchs(sent.slice(from)) };
}

/** Writes down the name of every statement that a connection sends. */
export function noting(sent: string[]): (db: Database) => Database {
  return (db) => {
    db.pool.on('connect', (client: pg.PoolClient) => {
      const { connection } = client as unknown as { connection: { bind: (message: { statement: string }) => void } };
      const bind = connection.bind.bind(connection);
      connection.bind = (message) => {
        sent.push(message.statement.replace(/_[0-9a-f]{16}$/, ''));
        bind(message);
      };
    });
    return db;
  };
}

/** The watch's own, sent when its last look is too old, and the counts of the day, which are sent together. */
const background = new Set([
  'select_admissions',
  'select_reader_freezes_since',
  'add_full_reads',
  'select_revocations',
  'select_cut_offs',
  'select_policy_heads',
  'select_policy_versions',
  'select_recent_policy_notices',
  'select_destroyed_keys',
  'select_seals',
  'select_tenant_key_changes',
]);

/** Before the first and after the last of them a look begins and ends. */
export function withoutTheWatchs(names: readonly string[]): readonly string[] {
  return names.filter(
    (name, i) => !background.has(name) && !(name === 'enter_scope' && background.has(names[i + 1] ?? '')),
  );
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const instant = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** Answers without what differs between any two vaults. The same id is the same number throughout. */
export function normaliser(shop: { readonly side: { readonly tenantId: string } }): (text: string) => string {
  const known = new Map<string, string>();
  return (text) =>
    text
      .replaceAll(shop.side.tenantId, '<tenant>')
      .replace(uuid, (id) => known.get(id) ?? (known.set(id, `<id ${known.size}>`), `<id ${known.size - 1}>`))
      .replace(instant, '<time>')
      // The same as a person reads it, Jalali: date and clock.
      .replace(/[۰-۹]{4}\/[۰-۹]{2}\/[۰-۹]{2}/g, '<date>')
      .replace(/[۰-۹]{2}:[۰-۹]{2}(?::[۰-۹]{2})?/g, '<clock>')
      // Of the log's tree, what its leaves make of it; how many there are stands.
      .replace(/"checkpoint":"[^"]*"/g, '"checkpoint":"<checkpoint>"')
      .replace(/amanat\/<tenant>\+[0-9a-f]{8}\+/g, 'amanat/<tenant>+<key>+')
      .replace(/[0-9a-f]{64}/g, '<hash>')
      .replace(/"(deliveryCode|secret|nextCursor|access_token|digest|leafHash)":"[^"]*"/g, '"$1":"<$1>"');
}
