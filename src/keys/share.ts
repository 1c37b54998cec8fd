import { hash, timingSafeEqual } from 'node:crypto';
import { combine, split } from 'shamir-secret-sharing';
import { KeyFault } from './keyFault.ts';

/**
 * A share is one line of text, its parts separated by colons:
 *
 * | part            | what                                                                                        |
 * | --------------- | ------------------------------------------------------------------------------------------- |
 * | amanat-share-1  | what this is, and the version of the format                                                 |
 * | 8 hex digits    | the set: shares of one splitting have one, and fit no other's                               |
 * | 2/5             | which share of how many                                                                     |
 * | 3               | how many are needed                                                                         |
 * | 66 hex digits   | 32 bytes of Shamir's scheme over GF(2^8) and the byte at which they were taken              |
 * | 8 hex digits    | checksum: first 4 bytes of the SHA-256 of all before the last colon                         |
 *
 * Fewer than are needed say nothing about the secret. The folder keeps a SHA-256 of each share, by which a wrong one is named
 * before any are joined; of 256 random bits it tells nothing.
 */
export interface Share {
  readonly set: string;
  readonly number: number;
  readonly of: number;
  readonly needed: number;
  readonly bytes: Buffer;
}

/** What the locked folder keeps about its shares. */
export interface ShareSet {
  readonly set: string;
  readonly needed: number;
  /** Of each share in order, base64. */
  readonly digests: readonly string[];
}

export const mostShares = 16;
const form = /^amanat-share-1:([0-9a-f]{8}):([1-9]\d?)\/([1-9]\d?):([1-9]\d?):([0-9a-f]{66}):([0-9a-f]{8})$/;

/** Splits 32 bytes so that `needed` of `of` shares give them back. */
export async function splitSecret(
  secret: Buffer,
  set: string,
  { needed, of }: { needed: number; of: number },
): Promise<{ readonly shares: readonly string[]; readonly known: ShareSet }> {
  const parts = (await split(new Uint8Array(secret), of, needed)).map((part) => Buffer.from(part));
  const shares = parts.map((bytes, i) => shareText({ set, number: i + 1, of, needed, bytes }));
  return { shares, known: { set, needed, digests: parts.map((bytes) => digestOf(set, bytes).toString('base64')) } };
}

/** Throws KeyFault `keys_share_wrong`, which names the share by its place and never repeats it. */
export function parseShare(text: string, place: string): Share {
  const [, set = '', number, of, needed, hex = '', sum] = form.exec(text.trim().toLowerCase()) ?? [];
  if (sum === undefined) throw wrong(place, 'is no share of this vault’s format. Type it again, all in one line');
  if (checksum(text.trim().toLowerCase().slice(0, -9)) !== sum)
    throw wrong(place, 'was mistyped: its checksum does not match. Type it again');
  return { set, number: Number(number), of: Number(of), needed: Number(needed), bytes: Buffer.from(hex, 'hex') };
}

/** One more share of this folder. Throws KeyFault `keys_share_wrong` for one of another set, or one that was made up. */
export function checkShare(known: ShareSet, share: Share, place: string): void {
  if (share.set !== known.set)
    throw wrong(
      place,
      `belongs to set ${share.set}, and these keys are locked by set ${known.set}. Give one of that set`,
    );
  const digest = Buffer.from(known.digests[share.number - 1] ?? '', 'base64');
  const own = digestOf(share.set, share.bytes);
  if (digest.length !== own.length || !timingSafeEqual(digest, own))
    throw wrong(place, `(number ${share.number}) is not as it was made. Give another one`);
}

/** The secret, or how many are there where they are too few. Throws KeyFault `keys_share_wrong`. */
export async function joinShares(known: ShareSet, texts: readonly string[]): Promise<Buffer | number> {
  const distinct = new Map<number, Buffer>();
  for (const [i, text] of texts.entries()) {
    const place = `Share ${i + 1} of those given`;
    const share = parseShare(text, place);
    checkShare(known, share, place);
    distinct.set(share.number, share.bytes);
  }
  if (distinct.size < known.needed) return distinct.size;
  const parts = [...distinct.values()].slice(0, known.needed);
  return Buffer.from(await combine(parts.map((bytes) => new Uint8Array(bytes))));
}

function shareText({ set, number, of, needed, bytes }: Share): string {
  const text = `amanat-share-1:${set}:${number}/${of}:${needed}:${bytes.toString('hex')}`;
  return `${text}:${checksum(text)}`;
}

const checksum = (text: string): string => hash('sha256', text, 'hex').slice(0, 8);

function digestOf(set: string, bytes: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`amanat share 1\n${set}\n`), bytes]), 'buffer');
}

function wrong(place: string, what: string): KeyFault {
  return new KeyFault('keys_share_wrong', `${place} ${what}.`);
}
