import { createHash, createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { scramVerifier } from '../../src/db/scram.ts';

test('RFC 7677 section 3: the example exchange checks against the verifier', async () => {
  const salt = 'W22ZaJ0SNY7soEsUEjb6gQ==';
  const verifier = await scramVerifier('pencil', Buffer.from(salt, 'base64'));
  const [, stored = '', server = ''] =
    /^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$([^:]+):([^:]+)$/.exec(verifier) ?? [];
  const [storedKey, serverKey] = [Buffer.from(stored, 'base64'), Buffer.from(server, 'base64')];

  const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
  const message = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=${salt},i=4096,c=biws,r=${nonce}`;
  const serverSignature = createHmac('sha256', serverKey).update(message).digest('base64');
  expect(serverSignature).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');

  // RFC 5802 section 3: ClientKey = ClientProof xor ClientSignature, and StoredKey is its hash.
  const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
  const clientSignature = createHmac('sha256', storedKey).update(message).digest();
  const clientKey = proof.map((byte, i) => byte ^ (clientSignature[i] ?? 0));
  expect(createHash('sha256').update(clientKey).digest().equals(storedKey)).toBe(true);
});

test('salts are random, and the password stands nowhere in it', async () => {
  const [one, two] = [await scramVerifier('correct-horse'), await scramVerifier('correct-horse')];
  expect(one).not.toBe(two);
  expect(one).toMatch(/^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/);
  expect(one).not.toContain('correct');
});

test('a password that SASLprep would change or refuse is refused', async () => {
  for (const password of ['', 'رمز', 'a\u00a0b', 'tab\there', 'ﬁ'])
    await expect(scramVerifier(password)).rejects.toThrow('internal');
});
