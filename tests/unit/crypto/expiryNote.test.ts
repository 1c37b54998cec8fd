import { describe, expect, test } from 'vitest';
import { checkpointKey, signCheckpoint } from '../../../src/crypto/checkpoint.ts';
import { expiryIn, expiryText, openExpiry, signExpiry } from '../../../src/crypto/expiryNote.ts';
import { signEnd } from '../../../src/crypto/journalNote.ts';
import { newKeyPair } from '../../support/keyPair.ts';

const tenantId = '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';
const pair = newKeyPair('ed25519');
const signer = { key: checkpointKey(tenantId, pair.publicKey), privateKey: pair.privateKey };
const expiry = {
  origin: `amanat/${tenantId}`,
  before: 1_700_000_000_000,
  leafId: '018bcfe5-6800-7000-8000-000000000001',
  indexes: [0, 3, 4, 5, 9, 10],
};
const keys = [signer.key];

describe('a note of leaves that went', () => {
  test('is written one way, and opens under the log’s key alone', () => {
    const text = expiryText(expiry);
    expect(text).toBe(
      `amanat expiry/v1\namanat/${tenantId}\n1700000000000\n018bcfe5-6800-7000-8000-000000000001\n0,3-5,9-10\n`,
    );
    const note = signExpiry(text, signer);
    expect(openExpiry(tenantId, note, keys)).toEqual({ ...expiry, text });
    const stranger = checkpointKey(tenantId, newKeyPair('ed25519').publicKey);
    expect(openExpiry(tenantId, note, [stranger])).toBeUndefined();
    expect(openExpiry('0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c', note, keys)).toBeUndefined();
  });

  test('opens in a later epoch of the log under that epoch’s name', () => {
    const later = { key: checkpointKey(tenantId, pair.publicKey, 2), privateKey: pair.privateKey };
    const note = signExpiry(expiryText({ ...expiry, origin: later.key.name }), later);
    expect(openExpiry(tenantId, note, keys)?.indexes).toEqual(expiry.indexes);
  });

  test.each([
    ['another spelling of a run', '0,3,4,5,9-10'],
    ['descending', '3,0'],
    ['twice', '3,3'],
    ['a run that overlaps', '3-5,5'],
    ['a run backwards', '5-3'],
    ['a zero before', '03'],
    ['none', ''],
    ['more than a note may name', '0-999999999'],
  ])('refuses %s', (_, runs) => {
    const text = expiryText(expiry).replace('0,3-5,9-10', runs);
    expect(openExpiry(tenantId, signExpiry(text, signer), keys)).toBeUndefined();
  });

  test('every character counts', () => {
    const note = signExpiry(expiryText(expiry), signer);
    for (let at = 0; at < note.length - 1; at += 1) {
      const other = note.slice(0, at) + (note[at] === 'x' ? 'y' : 'x') + note.slice(at + 1);
      expect(openExpiry(tenantId, other, keys), `character ${at}`).toBeUndefined();
    }
  });

  test('no other note of the log is one', () => {
    const checkpoint = signCheckpoint({ size: 1, root: Buffer.alloc(32) }, signer);
    const end = signEnd({ next: 'amanat/other', size: 4 }, signer);
    for (const note of [checkpoint, end]) expect(expiryIn(note)).toBeUndefined();
  });
});
