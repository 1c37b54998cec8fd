import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unpackRecord } from '../../src/crypto/container.ts';
import { digestOf } from '../../src/crypto/digest.ts';
import type { RecordToSeal, Sealed } from '../../src/crypto/recordSeal.ts';
import { dataKey, newDataKeyMaterial, openerOf } from '../../src/crypto/seal.ts';
import { secretKey, unwrapKey, wrapContext } from '../../src/crypto/wrap.ts';
import { VaultError } from '../../src/errors.ts';
import { openSealing, type Sealing } from '../../src/vault/sealing.ts';
import { heldKeys, tenantKeys, type LiveKey } from '../../src/vault/tenantKeys.ts';

/** What is sealed by the thread beside this one: the same as here, and nothing of it once the keys are taken away. */

const tenantId = '0190a5c1-2b3c-7d4e-8f50-000000000001';
const wrapping = secretKey(newDataKeyMaterial());
let sealing: Sealing;
let lost: { times: number };

beforeEach(() => {
  lost = { times: 0 };
  sealing = openSealing(() => void (lost.times += 1));
});
afterEach(() => sealing.forget());

const record = (value = 'مریم'): RecordToSeal => ({
  tenantId,
  kind: 'customer',
  recordId: randomUUID(),
  version: 1,
  values: [
    ['header', '{}'],
    ['givenName', JSON.stringify(value)],
  ],
});

/** Told by their memory: what comes from the thread stands one after the other in one piece and nothing else is there. */
function cameBeside(sealed: readonly Sealed[]): boolean {
  const bytes = sealed.reduce((sum, one) => sum + one.wrapped.length + one.digest.length + one.sealed.length, 0);
  return sealed.every((one) => one.sealed.buffer.byteLength === bytes);
}

const sealAll = (records: readonly RecordToSeal[]): Promise<readonly Sealed[]> =>
  Promise.all(records.map((one) => sealing.seal({ wrapping, record: one })));

/** The first ones are sealed here, while the thread starts. */
async function untilBeside(): Promise<void> {
  while (!cameBeside(await sealAll([record(), record(), record(), record()])))
    await new Promise((turn) => void setImmediate(turn));
}

function opened({ recordId }: RecordToSeal, { wrapped, sealed }: Sealed): string {
  const key = dataKey(unwrapKey(wrapping, wrapContext.dataKey(tenantId, 'customer', recordId), wrapped));
  const open = openerOf(key, { tenantId, kind: 'customer', recordId, version: 1 });
  return open('givenName', unpackRecord(sealed).get('givenName') ?? Buffer.alloc(0));
}

const codeOf = (error: unknown): unknown => (error instanceof VaultError ? error.code : error);

test('what the thread seals opens as each record it was sealed as', async () => {
  await untilBeside();
  const records = ['a', 'b', 'c', 'd', 'e'].map(record);
  const sealed = await sealAll(records);
  expect(cameBeside(sealed)).toBe(true);
  for (const [i, one] of sealed.entries()) {
    expect(opened(records[i] ?? record(), one)).toBe(JSON.stringify('abcde'[i]));
    expect(one.digest).toEqual(digestOf(one.sealed));
    expect(() => opened(records[(i + 1) % 5] ?? record(), one)).toThrow(VaultError);
  }
});

test('a further version is sealed by the thread under the data key that the record has', async () => {
  await untilBeside();
  const held = [1, 2, 3, 4].map(() => dataKey(newDataKeyMaterial()));
  const orders = held.map((key) => ({ key, record: { ...record(), version: 7 } }));
  const sealed = await Promise.all(orders.map((order) => sealing.seal(order)));
  expect(cameBeside(sealed)).toBe(true);
  for (const [i, { key, record: one }] of orders.entries()) {
    expect(sealed[i]?.wrapped).toHaveLength(0);
    const value = unpackRecord(sealed[i]?.sealed ?? Buffer.alloc(0)).get('givenName') ?? Buffer.alloc(0);
    expect(openerOf(key, one)('givenName', value)).toBe('"مریم"');
    expect(() => openerOf(key, { ...one, version: 6 })('givenName', value)).toThrow(VaultError);
    expect(() => openerOf(held[(i + 1) % 4] ?? key, one)('givenName', value)).toThrow(VaultError);
  }
});

test('few are sealed here, and one that is refused spoils no other', async () => {
  await untilBeside();
  expect(cameBeside(await sealAll([record(), record()]))).toBe(false);
  const broken = { ...record(), values: [['givenName', '"\ud800"']] } satisfies RecordToSeal;
  const outcomes = await Promise.allSettled(
    [record(), broken, record(), record()].map((r) => sealing.seal({ wrapping, record: r })),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(codeOf((outcomes[1] as PromiseRejectedResult).reason)).toBe('integrity_failure');
});

test('what the thread has under way when the keys are forgotten is sealed by nobody', async () => {
  await untilBeside();
  const under = [record(), record(), record(), record()].map((one) =>
    sealing.seal({ wrapping, record: one }).catch(codeOf),
  );
  await Promise.resolve();
  sealing.forget();
  expect(await Promise.all(under)).toEqual(['sealed', 'sealed', 'sealed', 'sealed']);
  expect(lost.times).toBe(0);
  // Keys that are given out anew are used by a new thread.
  await untilBeside();
});

test('keys that were taken back give nothing out, even what was sealed before', async () => {
  const live: LiveKey[] = [{ version: 1, state: 'current', key: wrapping }];
  const all = { data: live, index: live, mac: live, hash: live };
  const open = () => {
    throw new Error('nothing is opened here');
  };
  const held = heldKeys(tenantKeys(tenantId, all, open, sealing.seal));
  await expect(held.keys.newRecord(record())).resolves.toMatchObject({ keyVersion: 1 });
  const late = held.keys.newRecord(record()).catch(codeOf);
  held.close();
  expect(await late).toBe('sealed');
});

test('a thread that ends by itself is told of once, and what it had is sealed here', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'amanat-sealing-'));
  const script = join(folder, 'dying.mjs');
  writeFileSync(
    script,
    `import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(1));`,
  );
  sealing = openSealing(() => void (lost.times += 1), script);
  const records = ['a', 'b', 'c', 'd'].map(record);
  while (lost.times === 0) {
    const sealed = await sealAll(records);
    expect(records.map((one, i) => opened(one, sealed[i] as Sealed))).toEqual(['"a"', '"b"', '"c"', '"d"']);
    await new Promise((turn) => void setImmediate(turn));
  }
  await sealAll(records);
  expect(lost.times).toBe(1);
  rmSync(folder, { recursive: true });
});

test('where no thread can be had at all, what is asked for is sealed here', async () => {
  // Refused at once, as where the machine gives out no more threads.
  sealing = openSealing(() => void (lost.times += 1), 'no path that a thread could be started from');
  const records = ['a', 'b', 'c', 'd'].map(record);
  for (let time = 1; time <= 2; time += 1) {
    const sealed = await sealAll(records);
    expect(records.map((one, i) => opened(one, sealed[i] as Sealed))).toEqual(['"a"', '"b"', '"c"', '"d"']);
  }
  expect(lost.times).toBe(1);
});
