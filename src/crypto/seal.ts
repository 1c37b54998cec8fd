import { randomBytes } from 'node:crypto';
import { VaultError } from '../errors.ts';
import { committedKey, openEnvelope, sealEnvelope, secretLength, type CommittedKey } from './envelope.ts';
import { associatedData, type SealContext } from './label.ts';
import { pad, unpad } from './padding.ts';

declare const sealsFields: unique symbol;

/** The key of one record, ready for use. Only `dataKey` makes one. */
export interface DataKey extends CommittedKey {
  readonly [sealsFields]: true;
}

/** 32 random bytes; kept only wrapped (wrap.ts). */
export function newDataKeyMaterial(): Buffer {
  return randomBytes(secretLength);
}

/** Throws `integrity_failure` for anything but 32 bytes. */
export function dataKey(material: Buffer): DataKey {
  return committedKey(material, 'amanat data key 1') as DataKey;
}

/**
 * A sealed field: the layout of envelope.ts around the padded value, with the label of label.ts as associated data.
 * Opens its own output before returning it, so what cannot come back exactly (a lone surrogate, say) is never stored.
 * Throws `integrity_failure`.
 */
export function seal(key: DataKey, context: SealContext, plaintext: string | Buffer): Buffer {
  const associated = associatedData(context);
  const sealed = sealEnvelope(key, associated, pad(plaintext));
  const opened = unpad(openEnvelope(key, associated, sealed));
  const same = typeof plaintext === 'string' ? opened.toString('utf8') === plaintext : opened.equals(plaintext);
  if (!same) throw new VaultError('integrity_failure');
  return sealed;
}

/** Throws `integrity_failure`, whatever was wrong with it. */
export function open(key: DataKey, context: SealContext, sealed: Buffer): Buffer {
  return unpad(openEnvelope(key, associatedData(context), sealed));
}
