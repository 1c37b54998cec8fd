import type { KeyObject } from 'node:crypto';
import { packRecord } from './container.ts';
import { digestOf } from './digest.ts';
import type { RecordContext, RecordKind } from './label.ts';
import { dataKey, newDataKeyMaterial, sealerOf, type DataKey } from './seal.ts';
import { wrapContext, wrapKey } from './wrap.ts';

/** The values of a record under their labels, each as JSON. */
export type LabelledValues = Iterable<readonly [label: string, json: string]>;

export interface SealedValues {
  /** The layout of container.ts. */
  readonly sealed: Buffer;
  /** SHA-256 of `sealed`, bound into the audit leaf of the write. */
  readonly digest: Buffer;
}

/** Throws `integrity_failure` where one does not come back exactly. */
export function sealValues(key: DataKey, context: RecordContext, values: LabelledValues): SealedValues {
  const seal = sealerOf(key, context);
  const entries = new Map<string, Buffer>();
  for (const [label, json] of values) entries.set(label, seal(label, json));
  const sealed = packRecord(entries);
  return { sealed, digest: digestOf(sealed) };
}

/** A data key for one record, and what is kept of it: wrapped under the tenant's. */
export function newDataKey(
  wrapping: KeyObject,
  tenantId: string,
  kind: RecordKind,
  id: string,
): { readonly key: DataKey; readonly wrapped: Buffer } {
  const material = newDataKeyMaterial();
  const wrapped = wrapKey(wrapping, wrapContext.dataKey(tenantId, kind, id), material);
  return { key: dataKey(material, id), wrapped };
}

/** A record that is not stored yet. */
export interface NewRecord extends Omit<RecordContext, 'version'> {
  readonly values: readonly (readonly [label: string, json: string])[];
}

export interface SealedNew extends SealedValues {
  /** Its data key, wrapped. */
  readonly wrapped: Buffer;
}

/** Seals a record under a new data key, as version 1. */
export function sealNewRecord(wrapping: KeyObject, { tenantId, kind, recordId, values }: NewRecord): SealedNew {
  const { key, wrapped } = newDataKey(wrapping, tenantId, kind, recordId);
  return { wrapped, ...sealValues(key, { tenantId, kind, recordId, version: 1 }, values) };
}
