import type { KeyObject } from 'node:crypto';
import { packRecord } from './container.ts';
import { digestOf } from './digest.ts';
import type { RecordContext, RecordKind } from './label.ts';
import { dataKey, newDataKeyMaterial, sealerOf, type DataKey } from './seal.ts';
import type { ValueKey } from './valueEnvelope.ts';
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
export function sealValues(key: ValueKey, context: RecordContext, values: LabelledValues, mark?: string): SealedValues {
  const seal = sealerOf(key, context);
  const entries = new Map<string, Buffer>();
  for (const [label, json] of values) entries.set(label, seal(label, json));
  const sealed = packRecord(entries, mark);
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

/** A record as it is to be stored. */
export interface RecordToSeal extends RecordContext {
  readonly values: readonly (readonly [label: string, json: string])[];
  /** Of its container (container.ts). */
  readonly mark?: string | undefined;
}

/** Under the data key that the record has, or under a new one that the tenant's wraps. */
export type SealOrder = { readonly record: RecordToSeal } & (
  { readonly key: ValueKey } | { readonly wrapping: KeyObject }
);

export interface Sealed extends SealedValues {
  /** The new data key, wrapped; empty where the record has its own. */
  readonly wrapped: Buffer;
}

const noKey = Buffer.alloc(0);

export function sealRecord(order: SealOrder): Sealed {
  const { values, mark, ...context } = order.record;
  if ('key' in order) return { wrapped: noKey, ...sealValues(order.key, context, values, mark) };
  const { key, wrapped } = newDataKey(order.wrapping, context.tenantId, context.kind, context.recordId);
  return { wrapped, ...sealValues(key, context, values, mark) };
}
