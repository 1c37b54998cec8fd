import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from 'pg';
import { tileWidth } from '../../src/crypto/tiles.ts';
import { newId } from '../../src/vault/ids.ts';
import { attackedLog, beside, changed, swapped, type AttackedLog, type Spoil } from '../support/attackedLog.ts';
import { verifyLog } from '../support/logs.ts';
import { afterSpoiling, rebuild } from '../support/spoiltLogs.ts';

/**
 * P4: what a superuser of the database does to the log is found, and the first bad entry is named. One mutation a test, behind
 * triggers and constraints, each undone again. p4Forgeries.test.ts has those that make hashes and tiles anew.
 */
let log: AttackedLog;
beforeAll(async () => {
  log = await attackedLog();
});
afterAll(() => log.vault.stop());

const at = (index: number): string => log.order[index] ?? '';
/** Ids of a tile, with what is done to them. */
const idTile =
  (tile: number, change: (ids: string[]) => string[]): Spoil =>
  async (client) => {
    const ids = change(log.order.slice(tile * tileWidth, (tile + 1) * tileWidth));
    const entries = Buffer.from(ids.join('').replaceAll('-', ''), 'hex');
    const sql = 'update amanat.audit_id_tiles set entries = $3 where tenant_id = $1 and tile = $2';
    await changed(sql, [log.vault.tenantId, tile, entries])(client);
  };

test('control: untouched it holds, all of it was looked at, and what comes meanwhile is no fault', async () => {
  expect(log.order.length).toBeGreaterThan(2 * tileWidth);
  expect(log.kept).toHaveLength(4);
  const look = await verifyLog(log.vault);
  expect(look).toMatchObject({ breach: undefined, size: log.order.length, checkpoints: 5, pending: 0 });
  const later = await afterSpoiling(
    log.vault,
    () => log.store(3),
    () => verifyLog(log.vault),
  );
  expect(later).toMatchObject({ breach: undefined, size: log.order.length, pending: 3, leaves: log.order.length + 3 });
});

describe('a leaf', () => {
  test('changed by a bit', async () => {
    const leaf = await log.leafAt(300);
    leaf.writeUInt8(leaf.readUInt8(40) ^ 1, 40);
    const breach = await log.found(changed('update amanat.audit_leaves set leaf = $2 where id = $1', [at(300), leaf]));
    expect(breach).toMatchObject({ code: expect.stringMatching(/^leaf_(hash|malformed)$/), kind: 'leaf', id: at(300) });
  });

  test('rewritten as another one, with its hash', async () => {
    const breach = await log.found(log.put(300, await log.forgedLeaf(300)));
    expect(breach).toEqual({ code: 'leaf_replaced', kind: 'leaf', id: at(300), index: 300 });
  });

  test('deleted', async () => {
    const breach = await log.found(
      changed('delete from amanat.audit_leaves where id = any ($1)', [[at(300), at(301)]]),
    );
    expect(breach).toEqual({ code: 'leaf_missing', kind: 'leaf', id: at(300), index: 300 });
  });

  test('inserted', async () => {
    const id = newId(log.vault.vault.now());
    expect(await log.found(log.insert(id, await log.forgedLeaf(300, id)))).toEqual({
      code: 'leaf_time',
      kind: 'leaf',
      id,
    });
    const other = beside(at(300));
    expect(await log.found(log.insert(other, await log.forgedLeaf(300, other)))).toEqual({
      code: 'leaf_unindexed',
      kind: 'leaf',
      id: other,
    });
  });

  test('inserted among those that wait, as one that came long ago', async () => {
    const other = beside(at(20));
    const leaf = await log.forgedLeaf(20, other);
    const breach = await log.found(async (client) => {
      await log.insert(other, leaf)(client);
      await changed('insert into amanat.audit_pending (tenant_id, id) values ($1, $2)', [log.vault.tenantId, other])(
        client,
      );
    });
    expect(breach).toEqual({ code: 'leaf_overdue', kind: 'leaf', id: other });
  });

  test('reordered: two ids have changed places', async () => {
    const breach = await log.found(idTile(0, (ids) => swapped(ids, 30, 35)));
    expect(breach).toEqual({ code: 'leaf_reordered', kind: 'leaf', id: at(35), index: 30 });
  });

  test('renumbered: everything from one on moved by one', async () => {
    const breach = await log.found(idTile(1, (ids) => [ids.at(-1) ?? '', ...ids.slice(0, -1)]));
    expect(breach).toMatchObject({ code: 'leaf_reordered', index: 256 });
  });

  test('under a new id', async () => {
    const id = newId(log.vault.vault.now());
    const breach = await log.found(changed('update amanat.audit_leaves set id = $2 where id = $1', [at(300), id]));
    expect(breach).toEqual({ code: 'leaf_missing', kind: 'leaf', id: at(300), index: 300 });
  });

  test('named twice by the tree', async () => {
    const breach = await log.found(idTile(0, (ids) => ids.with(35, ids[30] ?? '')));
    expect(breach).toEqual({ code: 'leaf_twice', kind: 'leaf', id: at(30), index: 35 });
  });

  test('that waits for the tree, taken from the queue or from under it', async () => {
    const withNew = (sql: string) => async (client: Client) => {
      await log.store(1);
      await changed(sql)(client);
    };
    expect(await log.found(withNew('delete from amanat.audit_pending'))).toMatchObject({
      code: 'leaf_unindexed',
      kind: 'leaf',
    });
    const gone = 'delete from amanat.audit_leaves where id in (select id from amanat.audit_pending)';
    expect(await log.found(withNew(gone))).toMatchObject({ code: 'leaf_missing', kind: 'leaf' });
  });
});

describe('the tree', () => {
  test('cut: the last leaves, with or without their tiles', async () => {
    const last = log.order.length - 1;
    expect(await log.found(changed('delete from amanat.audit_leaves where id = $1', [at(last)]))).toEqual({
      code: 'leaf_missing',
      kind: 'leaf',
      id: at(last),
      index: last,
    });
    const cut = (client: Client) => rebuild(client, log.vault.tenantId, log.order.slice(0, -10));
    // A checkpoint was kept over more than the head says.
    expect(await log.found(cut)).toEqual({ code: 'head_size', kind: 'head', id: log.vault.tenantId, index: last - 9 });
  });

  test.each([
    [
      'a tile of hashes gone',
      'delete from amanat.audit_tiles where level = 0 and tile = 1',
      'tile_missing',
      '0/1',
      256,
    ],
    ['a tile of ids gone', 'delete from amanat.audit_id_tiles where tile = 1', 'tile_missing', '0/1', 256],
    [
      'a tile cut',
      'update amanat.audit_tiles set entries = substr(entries, 1, 320) where level = 0 and tile = 1',
      'tile_entries',
      '0/1',
      266,
    ],
    [
      'a hash above the leaves changed',
      'update amanat.audit_tiles set entries = set_byte(entries, 33, get_byte(entries, 33) # 1) where level = 1',
      'tile_entries',
      '1/0',
      256,
    ],
    [
      'a tile that is looked for elsewhere',
      `update amanat.audit_id_tiles set max_id = min_id where tile = 1`,
      'tile_bounds',
      '0/1',
      256,
    ],
  ] as const)('%s', async (_how, sql, code, id, index) => {
    expect(await log.found(changed(sql))).toEqual({ code, kind: 'tile', id, index });
  });

  test.each([
    ['of another root', `update amanat.audit_heads set root = sha256('other')`, 'head_root'],
    ['of another size', 'update amanat.audit_heads set size = size - 1', 'head_size'],
    ['gone', 'delete from amanat.audit_heads', 'head_missing'],
  ])('a head %s', async (_how, sql, code) => {
    expect(await log.found(changed(sql))).toMatchObject({ code, kind: 'head', id: log.vault.tenantId });
  });
});

describe('a checkpoint', () => {
  const second = () => log.kept[1] ?? 0;
  test.each([
    ['edited', `set checkpoint = replace(checkpoint, 'amanat/', 'amanbt/')`, 'checkpoint_signature'],
    ['cut', 'set checkpoint = substr(checkpoint, 1, 60)', 'checkpoint_malformed'],
  ])('%s', async (_how, change, code) => {
    const breach = await log.found(changed(`update amanat.audit_checkpoints ${change} where size = ${second()}`));
    expect(breach).toEqual({ code, kind: 'checkpoint', id: String(second()) });
  });

  test('of another size in its place', async () => {
    const sql = `update amanat.audit_checkpoints set checkpoint = (select c.checkpoint from amanat.audit_checkpoints c where c.size = $2) where size = $1`;
    expect(await log.found(changed(sql, [second(), log.kept[0]]))).toMatchObject({
      code: 'checkpoint_misplaced',
      id: String(second()),
    });
  });
});
