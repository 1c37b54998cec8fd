import { VaultError } from '../errors.ts';
import { committedKey, openEnvelope, sealEnvelope, type CommittedKey } from './envelope.ts';
import { associatedData, recordLabel, withField, type RecordContext, type SealContext } from './label.ts';
import { pad, unpad } from './padding.ts';
import { drawSecret } from './randomPool.ts';

declare const sealsFields: unique symbol;

/** The key of one record, ready for use. Only `dataKey` makes one. */
export interface DataKey extends CommittedKey {
  readonly [sealsFields]: true;
}

/** 32 random bytes; kept only wrapped (wrap.ts). */
export function newDataKeyMaterial(): Buffer {
  return drawSecret();
}

/** Of the record with this id, where it is one's. Throws `integrity_failure` for anything but 32 bytes. */
export function dataKey(material: Buffer, keyOf?: string): DataKey {
  const key = committedKey(material, 'amanat data key 1');
  return (keyOf === undefined ? key : { ...key, keyOf }) as DataKey;
}

/**
 * A sealed field: the layout of envelope.ts around the padded value, with the label of label.ts as associated data.
 * Opens its own output before returning it, and refuses what cannot come back exactly (a lone surrogate).
 * Throws `integrity_failure`.
 */
export function seal(key: DataKey, context: SealContext, plaintext: string | Buffer): Buffer {
  return sealUnder(key, associatedData(context), plaintext);
}

/** Seals the values of one record one after the other, as `seal` does. */
export function sealerOf(key: CommittedKey, context: RecordContext): (field: string, plaintext: string) => Buffer {
  const record = recordLabel(context);
  return (field, plaintext) => sealUnder(key, withField(record, field), plaintext);
}

function sealUnder(key: CommittedKey, associated: Buffer, plaintext: string | Buffer): Buffer {
  // What UTF-8 cannot carry comes back as something else.
  if (typeof plaintext === 'string' && !plaintext.isWellFormed()) throw new VaultError('integrity_failure');
  const padded = pad(plaintext);
  const sealed = sealEnvelope(key, associated, padded);
  if (!openEnvelope(key, associated, sealed).equals(padded)) throw new VaultError('integrity_failure');
  return sealed;
}

/** Opens values of one record, as `open` does. */
export function openerOf(key: DataKey, context: RecordContext): (field: string, sealed: Buffer) => Buffer {
  const record = recordLabel(context);
  return (field, sealed) => unpad(openEnvelope(key, withField(record, field), sealed));
}

/** Throws `integrity_failure`, whatever was wrong with it. */
export function open(key: DataKey, context: SealContext, sealed: Buffer): Buffer {
  return unpad(openEnvelope(key, associatedData(context), sealed));
}
