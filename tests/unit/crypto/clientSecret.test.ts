import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hashClientSecret, newClientSecret, newDeliveryCode, sameSecret } from '../../../src/crypto/clientSecret.ts';

describe('client secret', () => {
  test('is 256 random bits behind a recognisable prefix', () => {
    const secrets = Array.from({ length: 1000 }, newClientSecret);
    expect(new Set(secrets).size).toBe(1000);
    for (const secret of secrets) expect(secret).toMatch(/^amanat_secret_[A-Za-z0-9_-]{43}$/);
  });

  test('is recognised by its hash, and nothing else is', () => {
    const secret = newClientSecret();
    const hash = hashClientSecret(secret);
    expect(sameSecret(hash, secret)).toBe(true);
    for (const other of ['', secret.slice(1), `${secret} `, newClientSecret(), secret.toUpperCase()]) {
      expect(sameSecret(hash, other)).toBe(false);
    }
    expect(sameSecret(hash.subarray(0, 31), secret)).toBe(false);
    expect(sameSecret(Buffer.alloc(0), secret)).toBe(false);
  });

  test('is hashed under its own domain', () => {
    expect(hashClientSecret('x').equals(createHash('sha256').update('x').digest())).toBe(false);
  });
});

test('delivery codes are five digits, evenly spread', () => {
  const codes = Array.from({ length: 50_000 }, newDeliveryCode);
  for (const code of codes) expect(code).toMatch(/^[0-9]{5}$/);
  const perFirstDigit = Array.from(
    { length: 10 },
    (_, digit) => codes.filter((code) => code.startsWith(`${digit}`)).length,
  );
  // 5000 expected; 6 standard deviations are 402.
  for (const count of perFirstDigit) expect(Math.abs(count - 5000)).toBeLessThan(402);
});
