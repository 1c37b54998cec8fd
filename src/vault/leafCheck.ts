import { decodeLeaf, leafHash, type AuditLeaf } from '../crypto/leaf.ts';
import type { BreachCode } from './breach.ts';
import { timeOf } from './idTime.ts';

/** Id and time are taken one after the other; between them a clock may be set. */
const clockStepMs = 60_000;

/** The leaf, where its bytes hold by themselves and have the hash that stands beside them; what is wrong otherwise. */
export function checkLeaf(tenantId: string, bytes: Buffer, hash: Buffer, id?: string): AuditLeaf | BreachCode {
  const leaf = leafIn(bytes);
  if (leaf === undefined) return 'leaf_malformed';
  if (!leafHash(bytes).equals(hash)) return 'leaf_hash';
  if (id !== undefined && leaf.id !== id) return 'leaf_id';
  if (leaf.tenantId !== tenantId) return 'leaf_tenant';
  return Math.abs(leaf.at - timeOf(leaf.id)) > clockStepMs ? 'leaf_time' : leaf;
}

/** `undefined` for bytes that are no leaf. */
export function leafIn(bytes: Buffer): AuditLeaf | undefined {
  try {
    return decodeLeaf(bytes);
  } catch {
    return undefined;
  }
}
