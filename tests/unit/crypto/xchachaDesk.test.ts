import { randomBytes } from 'node:crypto';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { unwatchLibsodium, watchedLibsodium, type Watched } from './watchedLibsodium.ts';
import { copied, decrypted, encrypted } from './xchachaBytes.ts';

let watched: Watched;
const key = randomBytes(32);
const none = Buffer.alloc(0);

beforeEach(async () => {
  watched = await watchedLibsodium();
});
afterAll(unwatchLibsodium);

function thereAndBack(length: number, associated = none): Buffer {
  const { encryptValue, decryptValue } = watched.xchacha;
  const text = randomBytes(length);
  const sealed = encrypted(key, randomBytes(24), associated, text, encryptValue);
  expect(decrypted(key, associated, sealed, decryptValue).equals(text)).toBe(true);
  return text;
}

test('libsodium is handed nothing outside the desk, which is one block; a larger one is had before the old is given back', () => {
  for (const length of [0, 65_535, 65_536, 65_537, 65_538, 65_600, 300_000, 299_999])
    thereAndBack(length, randomBytes(512));
  expect(watched.stray).toEqual([]);
  expect(watched.blocks()).toBe(1);
  expect(watched.calls).toEqual(['init', 'malloc', ...Array.from({ length: 4 }, () => ['malloc', 'free']).flat()]);
});

test('where there is no memory it says so, and goes on with the desk that it has', () => {
  watched.full = true;
  expect(() => thereAndBack(70_000)).toThrow('internal');
  thereAndBack(65_536);
  expect(() => decrypted(key, none, Buffer.alloc(70_000), watched.xchacha.decryptValue)).toThrow('internal');
  watched.full = false;
  thereAndBack(70_000);
  // libsodium's memory itself grows.
  thereAndBack(32 * 1024 * 1024);
  expect(watched.stray).toEqual([]);
});

test('a length that no address can count is refused before the desk is given up', () => {
  const endless = Object.defineProperty(Buffer.alloc(40), 'length', { value: 2 ** 31 });
  expect(() => decrypted(key, none, endless, watched.xchacha.decryptValue)).toThrow('internal');
  thereAndBack(100);
});

test.each([false, true])('key and plaintext are zeros to the last byte afterwards; libsodium throws: %s', (throws) => {
  const keys: number[] = [];
  watched.encrypt = (real, all) => {
    keys.push(all[10] ?? 0);
    if (throws) throw new RangeError('trap');
    return real(...all);
  };
  for (const length of [1, 64, 5_000]) {
    if (throws) expect(() => thereAndBack(length)).toThrow('trap');
    else thereAndBack(length);
    const at = keys.at(-1) ?? 0;
    expect(watched.memory().subarray(at, at + 32 + length)).toEqual(Buffer.alloc(32 + length));
  }
});

const refuses = (): never => {
  throw new Error('refused');
};

test('no key and nothing of a plaintext stays in libsodium’s memory, on its stack neither', () => {
  const { encryptValue, decryptValue } = watched.xchacha;
  for (const length of [17, 32, 63, 64, 96, 160, 1_000, 100_010]) {
    const [own, associated, text] = [randomBytes(32), randomBytes(60), randomBytes(length)];
    const sealed = encrypted(own, randomBytes(24), associated, text, encryptValue);
    // Control: it is the memory that was worked in.
    expect(watched.memory().includes(sealed)).toBe(true);
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(30) ^ 1, 30);
    for (const work of [
      () => encrypted(own, randomBytes(24), associated, text, encryptValue),
      () => decrypted(own, associated, sealed, decryptValue),
      () => expect(() => decrypted(own, associated, changed, decryptValue)).toThrow('integrity_failure'),
      () => expect(() => decryptValue(own, associated, sealed, 0, refuses)).toThrow('refused'),
    ]) {
      work();
      expect(watched.memory().includes(own)).toBe(false);
      // Pieces from all over it, the last one with them.
      const step = Math.max(1, Math.floor(length / 20));
      for (let at = length - 16; at >= 0; at -= step)
        expect(watched.memory().includes(text.subarray(at, at + 16)), `${at} of ${length}`).toBe(false);
    }
  }
});

test('what is too short is refused before the desk is touched', () => {
  for (const length of [0, 1, 24, 39]) {
    expect(() => decrypted(key, none, Buffer.alloc(length), watched.xchacha.decryptValue)).toThrow('integrity_failure');
    expect(watched.memory().includes(key)).toBe(false);
  }
});

test('what would not open again as what it was is not sealed', async () => {
  const { sealValue, openValue } = await import('../../../src/crypto/valueEnvelope.ts');
  const valueKey = { key, commitment: randomBytes(32) };
  const [associated, text] = [randomBytes(9), randomBytes(64)];
  expect(openValue(valueKey, associated, sealValue(valueKey, associated, text), copied).equals(text)).toBe(true);
  const flip = (at = 0): void => {
    const memory = watched.memory();
    memory.writeUInt8(memory.readUInt8(at) ^ 1, at);
  };
  const faults: Watched['encrypt'][] = [
    // Another plaintext, label or key; a byte of what came out; nothing done at all.
    ...[2, 5, 10].map((changed) => (real: (...all: number[]) => number, all: readonly number[]) => {
      flip(all[changed]);
      return real(...all);
    }),
    (real, all) => {
      const done = real(...all);
      flip((all[0] ?? 0) + text.length + 15);
      return done;
    },
    () => 0,
    ...[40, text.length - 1].map((at) => (real: (...all: number[]) => number, all: readonly number[]) => {
      flip((all[2] ?? 0) + at);
      return real(...all);
    }),
  ];
  for (const fault of faults) {
    watched.encrypt = fault;
    expect(() => sealValue(valueKey, associated, text)).toThrow('integrity_failure');
  }
});

test('a commitment is compared whole: each byte by itself, and its length', async () => {
  const { sealValue, openValue } = await import('../../../src/crypto/valueEnvelope.ts');
  const commitment = randomBytes(32);
  const sealed = sealValue({ key, commitment }, none, randomBytes(32));
  expect(openValue({ key, commitment }, none, sealed, copied)).toHaveLength(32);
  // The same bit of two bytes: what differs cancels out where it is summed up wrongly.
  for (const [a, b] of [
    [0, 1],
    [3, 31],
    [16, 17],
  ] as const) {
    const other = Buffer.from(commitment);
    for (const at of [a, b]) other.writeUInt8(other.readUInt8(at) ^ 4, at);
    expect(() => openValue({ key, commitment: other }, none, sealed, copied)).toThrow('integrity_failure');
  }
  for (const other of [
    commitment.subarray(1),
    commitment.subarray(0, 31),
    Buffer.concat([commitment, Buffer.alloc(1)]),
  ])
    expect(() => openValue({ key, commitment: other }, none, sealed, copied)).toThrow('integrity_failure');
  const ending = Buffer.concat([randomBytes(31), Buffer.alloc(1)]);
  const endsInZero = sealValue({ key, commitment: ending }, none, randomBytes(32));
  expect(() => openValue({ key, commitment: ending.subarray(0, 31) }, none, endsInZero, copied)).toThrow(
    'integrity_failure',
  );
});

test('under another key it says whose key was asked for', async () => {
  const { sealValue, openValue } = await import('../../../src/crypto/valueEnvelope.ts');
  const sealed = sealValue({ key, commitment: randomBytes(32) }, none, none);
  const asked = { key, commitment: randomBytes(32), keyOf: 'id' };
  expect(() => openValue(asked, none, sealed, copied)).toThrow(
    expect.objectContaining({ code: 'integrity_failure', keyOf: 'id' }),
  );
});
