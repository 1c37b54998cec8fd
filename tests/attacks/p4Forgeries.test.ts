import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from 'pg';
import { checkpointKey, signCheckpoint } from '../../src/crypto/checkpoint.ts';
import type { TreeHead } from '../../src/crypto/merkleTree.ts';
import { attackedLog, beside, changed, swapped, type AttackedLog } from '../support/attackedLog.ts';
import { newKeyPair } from '../support/keyPair.ts';
import { rebuild } from '../support/spoiltLogs.ts';
import { atDatabase } from '../support/work.ts';

/** P4 by somebody who knows how a log is made: what was signed, and what somebody else has kept, is all that is left to tell. */
let log: AttackedLog;
beforeAll(async () => {
  log = await attackedLog();
});
afterAll(() => log.vault.stop());

const at = (index: number): string => log.order[index] ?? '';
/** Every hash, tile and head is made anew over the change: only what was signed tells, and between which checkpoints. */
describe('by somebody who knows how the tree is made', () => {
  const between = (index: number) => {
    const from = log.kept.findLast((size) => size <= index) ?? 0;
    const size = log.kept.find((one) => one > index) ?? 0;
    return { code: 'checkpoint_root', kind: 'checkpoint', id: String(size), from, index: size - 1 };
  };
  const without = (index: number) => log.order.filter((_, i) => i !== index);

  test('changed', async () => {
    const leaf = await log.forgedLeaf(300);
    const breach = await log.found(async (client) => {
      await log.put(300, leaf)(client);
      await rebuild(client, log.vault.tenantId, log.order);
    });
    expect(breach).toEqual(between(300));
  });

  test('deleted', async () => {
    const breach = await log.found(async (client) => {
      await changed('delete from amanat.audit_leaves where id = $1', [at(500)])(client);
      await changed('delete from amanat.audit_checkpoints where size = $1', [log.kept.at(-1)])(client);
      await rebuild(client, log.vault.tenantId, without(500));
    });
    expect(breach).toEqual(between(500));
  });

  test('inserted, reordered', async () => {
    const other = beside(at(100));
    const leaf = await log.forgedLeaf(100, other);
    const inserted = await log.found(async (client) => {
      await log.insert(other, leaf)(client);
      await rebuild(client, log.vault.tenantId, log.order.toSpliced(101, 0, other));
    });
    expect(inserted).toEqual(between(101));
    expect(await log.found((client) => rebuild(client, log.vault.tenantId, swapped(log.order, 100, 120)))).toEqual(
      between(100),
    );
  });

  test('signed anew with another key', async () => {
    const { publicKey, privateKey } = newKeyPair('ed25519');
    const resign = (head: TreeHead) =>
      signCheckpoint(head, { key: checkpointKey(log.vault.tenantId, publicKey), privateKey });
    const breach = await log.found(async (client) => {
      await client.query('delete from amanat.audit_checkpoints');
      await rebuild(client, log.vault.tenantId, log.order, resign);
    });
    expect(breach).toEqual({ code: 'checkpoint_signature', kind: 'checkpoint', id: String(log.order.length) });
  });

  test('and who takes the checkpoints away: the head has one, and it is of other leaves', async () => {
    const leaf = await log.forgedLeaf(3);
    const breach = await log.found(async (client) => {
      await client.query('delete from amanat.audit_checkpoints');
      await log.put(3, leaf)(client);
      await rebuild(client, log.vault.tenantId, log.order);
    });
    expect(breach).toEqual({
      code: 'checkpoint_root',
      kind: 'checkpoint',
      id: String(log.order.length),
      from: 0,
      index: log.order.length - 1,
    });
  });
});

/** The log as it truly was once: nothing in it is wrong, and only who held a checkpoint of later can tell. */
describe('put back whole to an earlier state', () => {
  const rollBack = (size: number) => async (client: Client) => {
    const { rows } = await client.query<{ checkpoint: string }>(
      'select checkpoint from amanat.audit_checkpoints where size = $1',
      [size],
    );
    await client.query('delete from amanat.audit_leaves where id = any ($1)', [log.order.slice(size)]);
    await client.query('delete from amanat.audit_checkpoints where size > $1', [size]);
    await rebuild(client, log.vault.tenantId, log.order.slice(0, size), () => rows[0]?.checkpoint ?? '');
  };
  const heldCheckpoint = async (): Promise<string> =>
    (await atDatabase<{ checkpoint: string }>(log.vault, 'select checkpoint from amanat.audit_heads'))[0]?.checkpoint ??
    '';

  test('is found by the checkpoint that was held, and by nothing in the database', async () => {
    const [held, size] = [await heldCheckpoint(), log.kept[1] ?? 0];
    expect(await log.found(rollBack(size)), 'control').toBeUndefined();
    expect(await log.found(rollBack(size), held)).toEqual({
      code: 'log_rolled_back',
      kind: 'checkpoint',
      id: String(log.order.length),
      index: size,
    });
    expect(await log.found(async () => undefined, held), 'control: with all of it').toBeUndefined();
  });

  test('and gone on from there with the true key, it is a fork', async () => {
    const [held, size] = [await heldCheckpoint(), log.kept[1] ?? 0];
    const forked = async (client: Client) => {
      const { privateKey, publicKey } = log.vault.vault.keys.checkpoint[0];
      await rollBack(size)(client);
      await log.store(log.order.length - size + 5);
      const { rows } = await client.query<{ id: string }>('delete from amanat.audit_pending returning id');
      const ids = [...log.order.slice(0, size), ...rows.map(({ id }) => id)];
      await rebuild(client, log.vault.tenantId, ids, (head) =>
        signCheckpoint(head, { key: checkpointKey(log.vault.tenantId, publicKey), privateKey }),
      );
    };
    expect(await log.found(forked), 'control: by itself it holds').toBeUndefined();
    const breach = await log.found(forked, held);
    expect(breach).toEqual({
      code: 'log_forked',
      kind: 'checkpoint',
      id: String(log.order.length),
      from: size,
      index: log.order.length - 1,
    });
  });
});
