import { createSecretKey } from 'node:crypto';
import { VaultError } from '../errors.ts';
import { envelopeFormat, openEnvelope, secretLength, type CommittedKey } from './envelope.ts';
import { expandSha512 } from './hkdf.ts';
import { recordLabel, withField, type RecordContext, type SealContext } from './label.ts';
import { pad, paddedTextEnd } from './padding.ts';
import { drawSecret } from './randomPool.ts';
import { openValue, sealValue, valueFormat, type ValueKey } from './valueEnvelope.ts';
import type { Take } from './xchacha.ts';

declare const sealsFields: unique symbol;

/** The key of one record, ready for use. Only `dataKey` makes one. */
export interface DataKey extends ValueKey {
  readonly [sealsFields]: true;
  /** What values of format 1 were sealed under. */
  readonly former: () => CommittedKey;
}

/** 32 random bytes; kept only wrapped (wrap.ts). */
export function newDataKeyMaterial(): Buffer {
  return drawSecret();
}

/**
 * Of the record with this id, where it is one's. Throws `integrity_failure` for anything but 32 bytes. HKDF-Expand-SHA-512 of the
 * material gives:
 *
 * | offset | bytes | what                               |
 * | ------ | ----- | ---------------------------------- |
 * | 0      | 32    | AES-256 key of format 1            |
 * | 32     | 32    | commitment                         |
 * | 64     | 32    | XChaCha20-Poly1305 key of format 2 |
 */
export function dataKey(material: Buffer, keyOf?: string): DataKey {
  if (material.length !== secretLength) throw new VaultError('integrity_failure');
  // Memory of its own: keys are kept, and would hold on to all of a pool of Node's that they stand in.
  const derived = Buffer.from(Uint8Array.from(expandSha512(material, 'amanat data key 1', 2)).buffer);
  const commitment = derived.subarray(32, 64);
  const named = keyOf === undefined ? {} : { keyOf };
  let former: CommittedKey | undefined;
  const key: Omit<DataKey, typeof sealsFields> = {
    key: derived.subarray(64, 96),
    commitment,
    former: () => (former ??= { sealing: createSecretKey(derived.subarray(0, 32)), commitment, ...named }),
    ...named,
  };
  return key as DataKey;
}

/**
 * A sealed field: the layout of valueEnvelope.ts around the padded value, with the label of label.ts as associated data.
 * Opens its own output before returning it, and refuses what cannot come back exactly (a lone surrogate).
 * Throws `integrity_failure`.
 */
export function seal(key: ValueKey, context: SealContext, plaintext: string | Buffer): Buffer {
  return sealerOf(key, context)(context.field, plaintext);
}

/** Seals the values of one record one after the other, as `seal` does. */
export function sealerOf(key: ValueKey, context: RecordContext): (field: string, plaintext: string | Buffer) => Buffer {
  const record = recordLabel(context, valueFormat);
  return (field, plaintext) => sealUnder(key, withField(record, field), plaintext);
}

function sealUnder(key: ValueKey, associated: Buffer, plaintext: string | Buffer): Buffer {
  // What UTF-8 cannot carry comes back as something else.
  if (typeof plaintext === 'string' && !plaintext.isWellFormed()) throw new VaultError('integrity_failure');
  return sealValue(key, associated, pad(plaintext));
}

/** Opens texts of one record, as `open` does. */
export function openerOf(key: DataKey, context: RecordContext): (field: string, sealed: Buffer) => string {
  return opener(key, context, asText);
}

/** Throws `integrity_failure`, whatever was wrong with it. */
export function open(key: DataKey, context: SealContext, sealed: Buffer): Buffer {
  return opener(key, context, asBytes)(context.field, sealed);
}

function opener<T>(key: DataKey, context: RecordContext, take: Take<T>): (field: string, sealed: Buffer) => T {
  const record = recordLabel(context, valueFormat);
  return (field, sealed) => {
    if (sealed[0] !== envelopeFormat) return openValue(key, withField(record, field), sealed, take);
    const padded = openEnvelope(key.former(), withField(recordLabel(context, envelopeFormat), field), sealed);
    return take(padded, 0, padded.length);
  };
}

const asText: Take<string> = (padded, from, to) => padded.toString('utf8', from, paddedTextEnd(padded, from, to));
const asBytes: Take<Buffer> = (padded, from, to) => Buffer.from(padded.subarray(from, paddedTextEnd(padded, from, to)));
