import { insertImportLines, selectImportLines } from '../db/imports.ts';
import { insertLeaf } from '../db/audit.ts';
import { VaultError } from '../errors.ts';
import { load, write, type Act } from './act.ts';
import { leafOf } from './audit.ts';
import type { Caller } from './caller.ts';
import { prepareBatch, writeBatch, type ItemResult, type ReadItem } from './customerBatch.ts';
import { permit } from './permit.ts';
import type { Vault } from './vault.ts';

/** Lines written by one commit. */
export const importBatch = 200;
const keptMs = 24 * 60 * 60 * 1000;

/** One line of an import: its number (from 1), its bytes, and what it says. */
export interface ImportLine {
  readonly line: number;
  readonly bytes: Buffer;
  readonly item: ReadItem;
}

/**
 * Writes up to `importBatch` lines in one commit and tells what became of each. Lines that this Idempotency-Key has
 * written before get their first result again, so an import that broke off is sent again from wherever the client likes.
 * A line that now says something else is refused with `idempotency_key_reused`.
 */
export async function importLines(
  vault: Vault,
  caller: Caller,
  act: Act,
  lines: readonly ImportLine[],
): Promise<readonly (ItemResult & { readonly line: number })[]> {
  permit(caller, 'customers.import');
  return vault.writes.batch(caller.tenantId, async () => {
    const known = await earlierLines(vault, caller, act, lines);
    const fresh = lines.filter((l) => !known.has(l.line));
    const results = new Map([...known, ...(await writeFresh(vault, caller, act, fresh))]);
    return lines.map((l) => ({ line: l.line, ...(results.get(l.line) ?? missing()) }));
  });
}

/** In one commit; what became of each. */
async function writeFresh(
  vault: Vault,
  caller: Caller,
  act: Act,
  fresh: readonly ImportLine[],
): Promise<ReadonlyMap<number, ItemResult>> {
  if (fresh.length === 0) return new Map();
  const items = fresh.map((l) => l.item);
  const batch = await prepareBatch(vault, caller, act, items);
  return writeBatch(vault, caller, batch, async (statements, done) => {
    const kept = await keptLines(vault, caller, act, fresh, done);
    const leaf = insertLeaf(leafOf(vault, caller, act, {}));
    await write(vault, caller.tenantId, [...statements, ...kept, leaf]);
    return new Map(fresh.flatMap(({ line }, i) => (done[i] === undefined ? [] : [[line, done[i]] as const])));
  });
}

function missing(): never {
  throw new VaultError('internal');
}

async function earlierLines(
  vault: Vault,
  caller: Caller,
  act: Act,
  lines: readonly ImportLine[],
): Promise<Map<number, ItemResult>> {
  const found = new Map<number, ItemResult>();
  if (act.idempotency === undefined) return found;
  const keys = await vault.keyring.tenant(caller.tenantId);
  const key = keys.hash('import key', act.idempotency.key);
  const numbers = lines.map((l) => l.line);
  const [rows] = await load(vault, caller.tenantId, [
    selectImportLines(caller.tenantId, caller.clientId, key, numbers, new Date(vault.now())),
  ]);
  const byLine = new Map(rows.map((row) => [row.line, row]));
  for (const { line, bytes } of lines) {
    const row = byLine.get(line);
    if (row === undefined) continue;
    const same = row.lineHash.equals(keys.hash('import line', bytes));
    found.set(line, same ? (row.result as ItemResult) : reused);
  }
  return found;
}

const reused: ItemResult = { status: 422, code: 'idempotency_key_reused', errors: [] };

/** Only what was written is kept: a refused line may be mended and sent again. */
async function keptLines(
  vault: Vault,
  caller: Caller,
  act: Act,
  lines: readonly ImportLine[],
  results: readonly ItemResult[],
) {
  if (act.idempotency === undefined) return [];
  const keys = await vault.keyring.tenant(caller.tenantId);
  const written = lines.flatMap((l, i) => {
    const result = results[i];
    return result?.status === 201 ? [{ line: l.line, lineHash: keys.hash('import line', l.bytes), result }] : [];
  });
  return [
    insertImportLines({
      tenantId: caller.tenantId,
      clientId: caller.clientId,
      keyHash: keys.hash('import key', act.idempotency.key),
      lines: written,
      expiresAt: new Date(vault.now() + keptMs),
    }),
  ];
}
