import { createSecretKey, randomBytes, scrypt, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import { committedKey, openEnvelope, sealEnvelope } from '../crypto/envelope.ts';
import { unwrapKey, wrapKey } from '../crypto/wrap.ts';
import { VaultError } from '../errors.ts';
import type { Credentials } from './credentials.ts';
import { KeyFault, lockedFault } from './keyFault.ts';
import { joinShares, splitSecret } from './share.ts';

/**
 * `keys.locked` holds the other files of a keys folder, encrypted. It is JSON:
 *
 * | member      | what                                                                                                |
 * | ----------- | --------------------------------------------------------------------------------------------------- |
 * | format      | amanat-locked-keys-1                                                                                |
 * | passphrase  | n, r, p and salt of scrypt (RFC 7914), and `wrapped`: the file key wrapped by what scrypt makes of a passphrase |
 * | shares      | set, needed, digests (share.ts), and `wrapped`: the file key wrapped by the secret that was split   |
 * | sealed      | envelope (crypto/envelope.ts) under the file key of a JSON object: name of a file to its bytes, as Latin-1 |
 *
 * There is `passphrase`, or `shares`, or both; each alone opens it. The file key is random and new at each writing, and its
 * wraps (crypto/wrap.ts) are bound to the numbers that stand beside them. Binary members are base64.
 */
const binary = z.base64().transform((text) => Buffer.from(text, 'base64'));
const passphraseSlot = z.strictObject({
  n: z.union([17, 18, 19, 20].map((log) => z.literal(2 ** log))),
  r: z.literal(8),
  p: z.int().min(1).max(4),
  salt: binary,
  wrapped: binary,
});
const sharesSlot = z.strictObject({
  set: z.string().regex(/^[0-9a-f]{8}$/),
  needed: z.int().min(2).max(16),
  digests: z.array(z.base64()).min(2).max(16),
  wrapped: binary,
});
const fileSchema = z
  .strictObject({
    format: z.literal(tag()),
    passphrase: passphraseSlot.optional(),
    shares: sharesSlot.optional(),
    sealed: binary,
  })
  .refine(({ passphrase, shares }) => passphrase !== undefined || shares !== undefined);
const contentSchema = z.record(z.string().regex(/^[a-z]+-[0-9]+\.[a-z0-9]+$/), z.string());

export const lockedName = 'keys.locked';
export type LockedKeys = z.infer<typeof fileSchema>;
export type KeyFiles = ReadonlyMap<string, string>;

/** What a lock shall open to from now on. */
export interface NewLock {
  readonly passphrase?: string | undefined;
  readonly shares?: { readonly needed: number; readonly of: number } | undefined;
}

/** 128 MiB and about half a second of one core of a server; see docs/security.md. RFC 7914 section 2: N = 2^17, r = 8, p = 1. */
const cost = { n: 2 ** 17, r: 8, p: 1 } as const;
const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

function tag(): 'amanat-locked-keys-1' {
  return 'amanat-locked-keys-1';
}

/** The text of `keys.locked`, and the shares where some were asked for: they are nowhere else. */
export async function lockKeys(
  files: KeyFiles,
  lock: NewLock,
): Promise<{ readonly text: string; readonly shares: readonly string[] }> {
  const fileKey = randomBytes(32);
  const byPassphrase = lock.passphrase === undefined ? undefined : await passphraseSlotOf(lock.passphrase, fileKey);
  const byShares = lock.shares === undefined ? undefined : await sharesSlotOf(lock.shares, fileKey);
  const content = Buffer.from(JSON.stringify(Object.fromEntries(files)));
  const sealed = sealEnvelope(committedKey(fileKey, tag()), Buffer.from(tag()), content);
  content.fill(0);
  fileKey.fill(0);
  const written = {
    format: tag(),
    passphrase: byPassphrase,
    shares: byShares?.slot,
    sealed: sealed.toString('base64'),
  };
  return { text: `${JSON.stringify(written, undefined, 2)}\n`, shares: byShares?.shares ?? [] };
}

/** Throws KeyFault `keys_truncated`, `keys_malformed`. */
export function parseLocked(path: string, text: string): LockedKeys {
  const restore = 'Restore it from your backup of the keys.';
  if (!text.trimEnd().endsWith('}')) throw new KeyFault('keys_truncated', `${path} is cut short. ${restore}`);
  const parsed = fileSchema.safeParse(jsonOf(text));
  if (!parsed.success)
    throw new KeyFault('keys_malformed', `${path} is not a locked folder of this version. ${restore}`);
  return parsed.data;
}

/**
 * The files that are locked. Throws KeyFault: `keys_locked` where nothing that could open them was given, `keys_passphrase_wrong`,
 * `keys_share_wrong`, `keys_malformed`.
 */
export async function unlockKeys(path: string, locked: LockedKeys, given: Credentials): Promise<KeyFiles> {
  const fileKey = await fileKeyOf(path, locked, given);
  try {
    const content = openEnvelope(committedKey(fileKey, tag()), Buffer.from(tag()), locked.sealed);
    const files = contentSchema.parse(jsonOf(content.toString()));
    content.fill(0);
    return new Map(Object.entries(files));
  } catch {
    throw altered(path);
  } finally {
    fileKey.fill(0);
  }
}

async function fileKeyOf(path: string, { passphrase, shares }: LockedKeys, given: Credentials): Promise<Buffer> {
  if (shares !== undefined && given.shares !== undefined && given.shares.length > 0) {
    const secret = await joinShares(shares, given.shares);
    if (typeof secret !== 'number')
      return unwrapped(secret, sharesContext(shares), shares.wrapped, () => altered(path));
    if (passphrase === undefined || given.passphrase === undefined) throw tooFew(path, secret, shares.needed);
  }
  if (passphrase !== undefined && given.passphrase !== undefined) {
    const wrapping = await stretched(given.passphrase, passphrase);
    return unwrapped(wrapping, passphraseContext(passphrase), passphrase.wrapped, () => wrongPassphrase(path));
  }
  const by = [passphrase && 'its passphrase', shares && `${shares.needed} of its shares (set ${shares.set})`];
  const what = by.filter((way) => way !== undefined).join(' or ');
  throw lockedFault(path, what, passphrase === undefined ? 'shares' : 'passphrase');
}

function unwrapped(wrapping: Buffer, context: string, wrapped: Buffer, fault: () => KeyFault): Buffer {
  try {
    return unwrapKey(createSecretKey(wrapping), context, wrapped);
  } catch (error) {
    if (error instanceof VaultError) throw fault();
    throw error;
  } finally {
    wrapping.fill(0);
  }
}

type Cost = Pick<z.infer<typeof passphraseSlot>, 'n' | 'r' | 'p' | 'salt'>;

async function passphraseSlotOf(passphrase: string, fileKey: Buffer) {
  const numbers = { ...cost, salt: randomBytes(16) };
  const wrapping = await stretched(passphrase, numbers);
  const wrapped = wrapKey(createSecretKey(wrapping), passphraseContext(numbers), fileKey);
  wrapping.fill(0);
  return { ...cost, salt: numbers.salt.toString('base64'), wrapped: wrapped.toString('base64') };
}

async function sharesSlotOf(terms: { needed: number; of: number }, fileKey: Buffer) {
  const secret = randomBytes(32);
  const { shares, known } = await splitSecret(secret, randomBytes(4).toString('hex'), terms);
  const wrapped = wrapKey(createSecretKey(secret), sharesContext(known), fileKey);
  secret.fill(0);
  return { shares, slot: { ...known, wrapped: wrapped.toString('base64') } };
}

/** NFC, so that one passphrase typed on two keyboards is one (RFC 8265 section 4.2.1). */
function stretched(passphrase: string, { n, r, p, salt }: Cost): Promise<Buffer> {
  return derive(passphrase.normalize('NFC'), salt, 32, { N: n, r, p, maxmem: 160 * n * r });
}

const passphraseContext = ({ n, r, p }: Omit<Cost, 'salt'>): string => `${tag()}/passphrase/${n}/${r}/${p}`;
const sharesContext = ({ set, needed, digests }: { set: string; needed: number; digests: readonly string[] }): string =>
  `${tag()}/shares/${set}/${needed}/${digests.join('/')}`;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function wrongPassphrase(path: string): KeyFault {
  return new KeyFault(
    'keys_passphrase_wrong',
    `The passphrase does not open ${path}. Give the right one; nothing was changed.`,
  );
}

function tooFew(path: string, have: number, needed: number): KeyFault {
  return new KeyFault(
    'keys_locked',
    `${path} is locked: ${have} of ${needed} shares are here. Give the others.`,
    'shares',
  );
}

function altered(path: string): KeyFault {
  return new KeyFault(
    'keys_malformed',
    `${path} was altered: it does not open. Restore it from your backup of the keys.`,
  );
}
