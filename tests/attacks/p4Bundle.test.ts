import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleLines } from '../../src/cli/bundleFile.ts';
import { checkpointKey, originOf, signCheckpoint } from '../../src/crypto/checkpoint.ts';
import { leafHash } from '../../src/crypto/leaf.ts';
import { growTree, rootNodes } from '../../src/crypto/merkleTree.ts';
import type { Breach } from '../../src/vault/breach.ts';
import { verifyBundle } from '../../src/vault/bundleVerification.ts';
import { checkpointLine, endLine, headerLine, leafLine } from '../../src/vault/logBundle.ts';
import { amanat } from '../cli/process.ts';
import { attackedLog, type AttackedLog } from '../support/attackedLog.ts';
import { newKeyPair } from '../support/keyPair.ts';
import { trustOf, vkeysOf } from '../support/logs.ts';
import { afterSpoiling } from '../support/spoiltLogs.ts';
import { atDatabase } from '../support/work.ts';

/** P4 of an exported log, with the public key alone: one mutation of the file a test, and the first bad entry is named. */
let log: AttackedLog;
let folder: string;
let lines: readonly string[];
let held: string;

const exported = (name: string, ...argv: string[]) =>
  amanat(['audit', 'export', '--out', join(folder, name), '--json', ...argv], {
    AMANAT_DATABASE_URL: log.vault.db.serviceUrl,
  });
/** No settings: the file and the key are all there is. */
const verified = (name: string, ...argv: string[]) =>
  amanat(['audit', 'verify', '--bundle', join(folder, name), '--json', ...argv], { AMANAT_DATA_DIR: '/nonexistent' });
const keyed = () => vkeysOf(log.vault).flatMap((key) => ['--key', key]);

beforeAll(async () => {
  log = await attackedLog();
  folder = await mkdtemp(join(tmpdir(), 'amanat-bundles-'));
  expect(await exported('whole')).toMatchObject({ code: 0, json: { from: 0, size: log.order.length, checkpoints: 4 } });
  lines = (await readFile(join(folder, 'whole'), 'utf8')).split('\n').slice(0, -1);
  const [head] = await atDatabase<{ checkpoint: string }>(log.vault, 'select checkpoint from amanat.audit_heads');
  held = head?.checkpoint ?? '';
  await writeFile(join(folder, 'held'), held);
});
afterAll(async () => {
  await log.vault.stop();
  await rm(folder, { recursive: true, force: true });
});

async function* from(list: readonly string[]): AsyncGenerator<string> {
  for (const line of list) yield await Promise.resolve(line);
}
const found = async (list: readonly string[], checkpoint?: string): Promise<Breach | undefined> =>
  (await verifyBundle(from(list), trustOf(log.vault, log.vault.tenantId, checkpoint), () => undefined)).breach;

/** Where the leaf of an index stands among the lines. */
const lineOf = (index: number): number => lines.findIndex((line) => line.startsWith(`{"index":${index},`));
const text = (index: number): string => lines[lineOf(index)] ?? '';
const renumbered = (line: string, index: number): string => line.replace(/^\{"index":\d+/, `{"index":${index}`);
const leaf = (index: number, bytes: Buffer): string => leafLine(index, bytes, leafHash(bytes)).trimEnd();

/** Leaves from an index on renumbered, as many as there are now; all else as it was. */
function numberedAgain(list: readonly string[]): string[] {
  let index = 0;
  return list.map((line) => (line.startsWith('{"index":') ? renumbered(line, index++) : line));
}
const between = (index: number) => {
  const start = log.kept.findLast((size) => size <= index) ?? 0;
  const size = log.kept.find((one) => one > index) ?? 0;
  return { code: 'checkpoint_root', kind: 'checkpoint', id: String(size), from: start, index: size - 1 };
};

describe('the command', () => {
  test('control: a whole log, a part of it, and one that begins with the checkpoint held', async () => {
    expect((await stat(join(folder, 'whole'))).mode & 0o777).toBe(0o600);
    expect(await verified('whole', ...keyed())).toMatchObject({ code: 0, json: { holds: true } });
    expect(await verified('whole', ...keyed(), '--checkpoint', join(folder, 'held'))).toMatchObject({ code: 0 });
    const part = await exported('part', '--from', '130', '--until', '200');
    expect(part, part.stderr).toMatchObject({ code: 0, json: { from: 130, size: log.kept[1], checkpoints: 1 } });
    expect(await verified('part', ...keyed())).toMatchObject({
      code: 0,
      json: { tenants: [{ from: 130, checkpoints: 1 }] },
    });
  });

  test('names the first bad entry, by --json and in words', async () => {
    await writeFile(join(folder, 'bad'), `${lines.toSpliced(lineOf(300), 1).join('\n')}\n`);
    const { code, json } = await verified('bad', ...keyed());
    expect({ code, breach: json.tenants[0].breach }).toMatchObject({
      code: 1,
      breach: { code: 'leaf_index', index: 300 },
    });
    const told = await amanat(['audit', 'verify', '--bundle', join(folder, 'bad'), ...keyed()], {});
    expect(told.stdout).toContain('(index 300)');
  });

  test('an older bundle than the checkpoint held is told', async () => {
    await exported('old', '--until', '200');
    const { code, json } = await verified('old', ...keyed(), '--checkpoint', join(folder, 'held'));
    expect([code, json.tenants[0].breach.code]).toEqual([1, 'log_rolled_back']);
  });

  test('refuses what cannot be meant', async () => {
    expect((await exported('whole')).code, 'a file that is there').toBe(64);
    expect((await exported('beyond', '--from', '9999')).code, 'no such part').toBe(64);
    await expect(stat(join(folder, 'beyond.new'))).rejects.toThrow();
    expect((await verified('whole')).code, 'without a key').toBe(64);
    const [first = ''] = await atDatabase<{ checkpoint: string }>(
      log.vault,
      'select checkpoint from amanat.audit_checkpoints order by size limit 1',
    ).then((rows) => rows.map(({ checkpoint }) => checkpoint));
    await writeFile(join(folder, 'first'), first);
    await exported('late', '--from', String((log.kept[0] ?? 0) + 1));
    const before = await verified('late', ...keyed(), '--checkpoint', join(folder, 'first'));
    expect(before, 'a checkpoint of before the part').toMatchObject({ code: 64 });
    expect((await verified('late', ...keyed(), '--checkpoint', join(folder, 'held'))).code, 'control').toBe(0);
    expect((await verified('whole', '--key', 'amanat/x+00000000+AAAA')).code, 'no key').toBe(64);
    expect((await verified('nothing', ...keyed())).code, 'no file').toBe(64);
  });

  test('writes no file of a log of which a leaf is gone', async () => {
    const gone = await afterSpoiling(
      log.vault,
      (client) => client.query('delete from amanat.audit_leaves where id = $1', [log.order[300]]),
      () => exported('gone'),
    );
    expect(gone).toMatchObject({ code: 1, json: { breach: { code: 'leaf_missing', id: log.order[300], index: 300 } } });
    await expect(stat(join(folder, 'gone'))).rejects.toThrow();
  });
});

describe('a bundle of which', () => {
  test('nothing was changed holds', async () => {
    expect(await found(lines, held)).toBeUndefined();
  });

  test('a leaf was changed', async () => {
    const bytes = await log.leafAt(300);
    bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
    const hash = leafHash(await log.leafAt(300));
    const spoilt = lines.with(lineOf(300), leafLine(300, bytes, hash).trimEnd());
    expect(await found(spoilt)).toMatchObject({
      kind: 'leaf',
      index: 300,
      code: expect.stringMatching(/^leaf_(hash|malformed)$/),
    });
  });

  test('a leaf was changed with its hash: between which checkpoints', async () => {
    expect(await found(lines.with(lineOf(300), leaf(300, await log.forgedLeaf(300))))).toEqual(between(300));
  });

  test('a leaf was taken out, or put in', async () => {
    const out = lines.toSpliced(lineOf(300), 1);
    expect(await found(out)).toMatchObject({ code: 'leaf_index', index: 300 });
    const { from: start, index, id } = between(300);
    expect(await found(numberedAgain(out))).toEqual({
      code: 'checkpoint_misplaced',
      kind: 'checkpoint',
      id: String(Number(id) - 1),
      from: start,
      index: index - 1,
    });
    const twice = lines.toSpliced(lineOf(300), 0, text(300));
    expect(await found(twice)).toMatchObject({ code: 'leaf_index', index: 301 });
  });

  test('two leaves changed places, with or without their numbers', async () => {
    const [a, b] = [lineOf(100), lineOf(120)];
    expect(await found(lines.with(a, text(120)).with(b, text(100)))).toMatchObject({
      code: 'leaf_index',
      id: log.order[120],
      index: 100,
    });
    const numbered = lines.with(a, renumbered(text(120), 100)).with(b, renumbered(text(100), 120));
    expect(await found(numbered)).toEqual(between(100));
  });

  test('the leaves were renumbered', async () => {
    const moved = lines.map((line) =>
      line.startsWith('{"index":') ? renumbered(line, Number(/\d+/.exec(line)?.[0]) + 1) : line,
    );
    expect(await found(moved)).toMatchObject({ code: 'leaf_index', index: 0 });
  });

  test('the end was cut off, and with a closing line of its own', async () => {
    expect(await found(lines.slice(0, -1))).toMatchObject({ code: 'bundle_truncated', index: log.order.length });
    expect(await found(lines.slice(0, lineOf(300)))).toMatchObject({ code: 'bundle_truncated', index: 300 });
    const head = (lines[0] ?? '').replace(/"size":\d+/, '"size":300');
    const closed = [head, ...lines.slice(1, lineOf(300)), endLine(300, 1).trimEnd()];
    expect(await found(closed)).toEqual({
      code: 'checkpoint_missing',
      kind: 'checkpoint',
      id: '300',
      from: log.kept[0],
      index: 299,
    });
    expect(await found([])).toMatchObject({ code: 'bundle_truncated' });
  });

  test('all leaves were taken out, with a head and a closing line of its own', async () => {
    for (const size of [0, 300, log.order.length]) {
      const nodes = rootNodes(size).map(() => Buffer.alloc(32));
      const head = headerLine({ origin: originOf(log.vault.tenantId), from: size, size, nodes }).trimEnd();
      expect(await found([head, endLine(0, 0).trimEnd()])).toMatchObject({ code: 'bundle_malformed', id: '1' });
    }
  });

  test('a checkpoint is signed by another key, or is of another place', async () => {
    const { publicKey, privateKey } = newKeyPair('ed25519');
    const tree = growTree();
    for (let i = 0; i < (log.kept[0] ?? 0); i += 1) tree.append(leafHash(await log.leafAt(i)));
    const note = signCheckpoint(tree.head(), { key: checkpointKey(log.vault.tenantId, publicKey), privateKey });
    const at = lines.findIndex((line) => line.startsWith('{"checkpoint"'));
    const size = String(log.kept[0]);
    expect(await found(lines.with(at, checkpointLine(note).trimEnd()))).toMatchObject({
      code: 'checkpoint_signature',
      id: size,
    });
    expect(await found(lines.with(at, checkpointLine(held).trimEnd()))).toMatchObject({
      code: 'checkpoint_misplaced',
      id: size,
    });
  });

  test('a line is spelled otherwise, is another log’s, or is far too long', async () => {
    expect(await found(lines.with(5, (lines[5] ?? '').replace(':', ': ')))).toMatchObject({
      code: 'bundle_malformed',
      kind: 'line',
      id: '6',
    });
    expect(await found(lines.with(5, '{}'))).toMatchObject({ code: 'bundle_malformed', id: '6' });
    expect(await found([...lines, '{}'])).toMatchObject({ code: 'bundle_malformed' });
    expect(await found(lines.with(0, (lines[0] ?? '').replace(log.vault.tenantId, log.order[0] ?? '')))).toMatchObject({
      id: '1',
    });
    await writeFile(join(folder, 'long'), `${lines[0]}\n${'x'.repeat(1 << 20)}`);
    const read = bundleLines(join(folder, 'long'), () => undefined);
    const look = await verifyBundle(read, trustOf(log.vault), () => undefined);
    expect(look.breach).toMatchObject({ code: 'bundle_malformed', id: '2' });
  });
});
