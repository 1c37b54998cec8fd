import { createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto';
import { VaultError } from '../errors.ts';
import { numberLength } from './framing.ts';

/**
 * Signed notes (C2SP signed-note) with Ed25519 (RFC 8032), and the timestamped cosignatures of witnesses on them (C2SP
 * tlog-cosignature, `cosignature/v1`). A note is UTF-8 without control characters but the line feed:
 *
 * | part                 | what                                                                             |
 * | -------------------- | -------------------------------------------------------------------------------- |
 * | text                 | lines, each ending in a line feed                                                |
 * | empty line           | the last one of the note                                                         |
 * | lines of signatures  | one or more: em dash, space, key name, space, base64 of the signature, line feed |
 *
 * | type | a signature, after the 4 bytes of the key's id                 | over                                     |
 * | ---- | -------------------------------------------------------------- | ---------------------------------------- |
 * | 0x01 | 64 bytes of Ed25519                                            | the text                                 |
 * | 0x04 | 8 bytes of seconds since 1970, big-endian, 64 bytes of Ed25519 | `cosignature/v1`, `time <s>`, the text   |
 *
 * A key's id is the first 4 bytes of SHA-256(name, line feed, type, 32 bytes of public key). It finds a key and proves
 * nothing. As text (a vkey) a key is `<name>+<id, hex>+<base64 of type and public key>`.
 */
export interface VerifierKey {
  readonly name: string;
  /** 4 bytes. */
  readonly id: Buffer;
  readonly kind: SignatureKind;
  readonly publicKey: KeyObject;
  /** It verifies what it signed, and has signed nothing for some time. */
  readonly former?: true;
}

const typeBytes = { ed25519: 0x01, cosignature: 0x04 } as const;
export type SignatureKind = keyof typeof typeBytes;

export interface NoteSigner {
  readonly key: VerifierKey;
  readonly privateKey: KeyObject;
}

/** A note of which at least one known key's signature has verified, and no known key's has failed. */
export interface OpenedNote {
  readonly text: string;
  readonly signatures: readonly { readonly key: VerifierKey; /** Of a cosignature: seconds. */ readonly at?: number }[];
}

const idLength = 4;
const publicKeyLength = 32;
/** Well above the 16 signatures that every verifier has to accept (signed-note, "Format"). */
const maxNote = 65_536;
const emDash = '\u2014';
const lineFeed = 0x0a;
/** What stands before the 32 bytes in the DER of an Ed25519 public key (RFC 8410 section 4). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** Throws `internal` for a name that no note can carry and for a key that is not Ed25519. */
export function verifierKey(name: string, publicKey: KeyObject, kind: SignatureKind = 'ed25519'): VerifierKey {
  if (!isKeyName(name) || publicKey.asymmetricKeyType !== 'ed25519') throw new VaultError('internal');
  const material = publicKey.export({ format: 'der', type: 'spki' }).subarray(-publicKeyLength);
  const named = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(typeBytes[kind]), material]);
  return { name, id: hash('sha256', named, 'buffer').subarray(0, idLength), kind, publicKey };
}

export function vkeyOf({ name, id, kind, publicKey }: VerifierKey): string {
  const material = publicKey.export({ format: 'der', type: 'spki' }).subarray(-publicKeyLength);
  return `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.of(typeBytes[kind]), material]).toString('base64')}`;
}

/** `undefined` for what is no vkey of a kind that is known here. */
export function parseVkey(text: string): VerifierKey | undefined {
  const [, name = '', id, encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/u.exec(text) ?? [];
  const material = decodeBase64(encoded);
  const kind = kinds.find((candidate) => typeBytes[candidate] === material?.[0]);
  if (!isKeyName(name) || material?.length !== 1 + publicKeyLength || kind === undefined) return undefined;
  const publicKey = createPublicKey({
    key: Buffer.concat([spkiPrefix, material.subarray(1)]),
    format: 'der',
    type: 'spki',
  });
  const key = verifierKey(name, publicKey, kind);
  return key.id.toString('hex') === id ? key : undefined;
}

/** The note of a text with one signature. Throws `internal` for what no note can carry. */
export function signNote(text: string, { key, privateKey }: NoteSigner): string {
  if (key.kind !== 'ed25519' || !isNoteText(text)) throw new VaultError('internal');
  return `${text}\n${signatureLine(key, sign(null, Buffer.from(text), privateKey))}`;
}

/** The note with one signature more. Throws `internal` for no note. */
export function signToo(note: string, { key, privateKey }: NoteSigner): string {
  const parsed = parseNote(note);
  if (parsed === undefined || key.kind !== 'ed25519') throw new VaultError('internal');
  return note + signatureLine(key, sign(null, Buffer.from(parsed.text), privateKey));
}

/** The note with a witness's cosignature after its signatures, as of a time in seconds. Throws `internal` for no note. */
export function cosignNote(note: string, { key, privateKey }: NoteSigner, at: number): string {
  const parsed = parseNote(note);
  if (parsed === undefined || key.kind !== 'cosignature') throw new VaultError('internal');
  const time = Buffer.alloc(numberLength);
  time.writeBigUInt64BE(BigInt(at));
  const signature = sign(null, cosigned(parsed.text, at), privateKey);
  return note + signatureLine(key, Buffer.concat([time, signature]));
}

/**
 * The note with one line of each of these keys and no other: lines of others are anybody's, as many as fit, and a line may be
 * there many times. Throws `internal` for no note.
 */
export function onlySignedBy(note: string, keys: readonly VerifierKey[]): string {
  const parsed = parseNote(note);
  if (parsed === undefined) throw new VaultError('internal');
  const own = keys.flatMap(
    ({ name, id }) => parsed.lines.find((line) => line.name === name && id.equals(line.id)) ?? [],
  );
  const lines = new Set(own.map((line) => signatureLine(line, line.signature)));
  return `${parsed.text}\n${[...lines].join('')}`;
}

/**
 * `undefined` unless the note is well formed, one of these keys has signed it, and every line of one of these keys
 * verifies. Lines of other keys are passed over (signed-note, "Signatures").
 */
export function openNote(note: string, keys: readonly VerifierKey[]): OpenedNote | undefined {
  const parsed = parseNote(note);
  if (parsed === undefined) return undefined;
  const { text } = parsed;
  const signatures: OpenedNote['signatures'][number][] = [];
  for (const line of parsed.lines) {
    const known = keys.filter(({ name, id }) => name === line.name && id.equals(line.id));
    if (known.length === 0) continue;
    const verified = known.map((key) => verifiedBy(key, text, line.signature)).find((found) => found !== undefined);
    if (verified === undefined) return undefined;
    if (!signatures.some(({ key }) => key === verified.key)) signatures.push(verified);
  }
  return signatures.length === 0 ? undefined : { text, signatures };
}

/** Ed25519 (RFC 8032 section 5.1.7). */
export function verifyEd25519(publicKey: KeyObject, message: Buffer, signature: Buffer): boolean {
  return verify(null, message, publicKey, signature);
}

interface ParsedNote {
  readonly text: string;
  readonly lines: readonly { readonly name: string; readonly id: Buffer; readonly signature: Buffer }[];
}

const kinds = Object.keys(typeBytes) as SignatureKind[];

function parseNote(note: string): ParsedNote | undefined {
  const cut = note.lastIndexOf('\n\n');
  if (cut < 0 || note.length > maxNote || !isPlain(note) || !note.endsWith('\n')) return undefined;
  const lines = note
    .slice(cut + 2, -1)
    .split('\n')
    .map(parseLine);
  const whole = lines.flatMap((line) => line ?? []);
  return whole.length === lines.length ? { text: note.slice(0, cut + 1), lines: whole } : undefined;
}

function parseLine(line: string): ParsedNote['lines'][number] | undefined {
  const [dash, name = '', encoded = '', ...rest] = line.split(' ');
  const bytes = decodeBase64(encoded);
  if (dash !== emDash || !isKeyName(name) || rest.length > 0 || bytes === undefined || bytes.length <= idLength) {
    return undefined;
  }
  return { name, id: bytes.subarray(0, idLength), signature: bytes.subarray(idLength) };
}

function verifiedBy(key: VerifierKey, text: string, signature: Buffer): OpenedNote['signatures'][number] | undefined {
  if (key.kind === 'ed25519') {
    return verifyEd25519(key.publicKey, Buffer.from(text), signature) ? { key } : undefined;
  }
  if (signature.length <= numberLength) return undefined;
  const at = Number(signature.readBigUInt64BE());
  if (!Number.isSafeInteger(at)) return undefined;
  const signed = signature.subarray(numberLength);
  return verifyEd25519(key.publicKey, cosigned(text, at), signed) ? { key, at } : undefined;
}

/** tlog-cosignature, "Ed25519 signed message". */
function cosigned(text: string, at: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${at}\n${text}`);
}

function signatureLine({ name, id }: Pick<VerifierKey, 'name' | 'id'>, signature: Buffer): string {
  return `${emDash} ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`;
}

function isNoteText(text: string): boolean {
  return text.endsWith('\n') && isPlain(text);
}

/** One spelling in UTF-8, and no control character but the line feed. */
function isPlain(text: string): boolean {
  const bytes = Buffer.from(text);
  return bytes.toString() === text && bytes.every((byte) => byte >= 0x20 || byte === lineFeed);
}

/** U+0085 is a space to Unicode and not to JavaScript. */
function isKeyName(name: string): boolean {
  return name !== '' && isPlain(name) && !/[\s\u0085+]/u.test(name);
}

/** Node's decoder forgives foreign characters and spare bits; one spelling is accepted here. */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
