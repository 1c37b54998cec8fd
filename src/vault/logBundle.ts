import type { Breach } from './breach.ts';

/**
 * A bundle: one tenant's log, or a part of it, for whoever checks it elsewhere with nothing but the log's public key. UTF-8, one
 * JSON object a line, each ending in a line feed, members in this order, no spaces (as `JSON.stringify` writes them):
 *
 * | line       | member       | what                                                                                      |
 * | ---------- | ------------ | ----------------------------------------------------------------------------------------- |
 * | first      | `format`     | `amanat-audit-bundle/1`                                                                   |
 * |            | `origin`     | which log: `amanat/` and the tenant's id                                                  |
 * |            | `from`       | index of the first leaf in it, 0 for a whole log                                          |
 * |            | `size`       | of the tree that it ends with: index of the last leaf + 1                                 |
 * |            | `nodes`      | base64 of the hashes that the root of the first `from` leaves is made of, largest subtree |
 * |            |              | first (RFC 9162 section 2.1; merkleTree.ts `rootNodes`); none for a whole log             |
 * | leaf       | `index`      | its place in the tree, counted from 0, without a gap                                      |
 * |            | `leaf`       | base64 of its bytes (src/crypto/leaf.ts)                                                  |
 * |            | `hash`       | base64 of SHA-256(0x00, leaf)                                                             |
 * | expiry     | `expiry`     | a signed note (src/crypto/expiryNote.ts): leaves of which the time was over               |
 * | expired    | `index`      | as of a leaf                                                                              |
 * |            | `hash`       | base64; what the leaf said is gone, and an expiry before it names its index               |
 * | checkpoint | `checkpoint` | a signed note (src/crypto/checkpoint.ts) over all leaves up to here                       |
 * | last       | `leaves`     | how many lines of leaves and expired leaves                                               |
 * |            | `checkpoints`| how many lines of checkpoints                                                             |
 *
 * An expiry stands before the first leaf in the file that it names. A checkpoint stands right behind the leaf that completes its
 * size; the last one is over `size`.
 */
export const bundleFormat = 'amanat-audit-bundle/1';

export interface BundleHeader {
  readonly origin: string;
  readonly from: number;
  readonly size: number;
  readonly nodes: readonly Buffer[];
}

export type BundleLine =
  | { readonly kind: 'leaf'; readonly index: number; readonly leaf: Buffer; readonly hash: Buffer }
  | { readonly kind: 'expired'; readonly index: number; readonly hash: Buffer }
  | { readonly kind: 'expiry'; readonly expiry: string }
  | { readonly kind: 'checkpoint'; readonly checkpoint: string }
  | { readonly kind: 'end'; readonly leaves: number; readonly checkpoints: number };

/** Longer than a line of the largest leaf. */
export const longestLine = 65_536;

const base64 = (bytes: Buffer): string => bytes.toString('base64');

export const headerLine = ({ origin, from, size, nodes }: BundleHeader): string =>
  `${JSON.stringify({ format: bundleFormat, origin, from, size, nodes: nodes.map(base64) })}\n`;
export const leafLine = (index: number, leaf: Buffer, hash: Buffer): string =>
  `${JSON.stringify({ index, leaf: base64(leaf), hash: base64(hash) })}\n`;
export const expiredLine = (index: number, hash: Buffer): string =>
  `${JSON.stringify({ index, hash: base64(hash) })}\n`;
export const expiryLine = (expiry: string): string => `${JSON.stringify({ expiry })}\n`;
export const checkpointLine = (checkpoint: string): string => `${JSON.stringify({ checkpoint })}\n`;
export const endLine = (leaves: number, checkpoints: number): string => `${JSON.stringify({ leaves, checkpoints })}\n`;

/** `undefined` for what `headerLine` does not write. */
export function parseHeader(line: string): BundleHeader | undefined {
  const { origin, from, size, nodes } = membersOf(line);
  if (typeof origin !== 'string' || !isCount(from) || !isCount(size) || !Array.isArray(nodes)) return undefined;
  const header = { origin, from, size, nodes: nodes.map((node) => Buffer.from(String(node), 'base64')) };
  return headerLine(header) === `${line}\n` ? header : undefined;
}

/** `undefined` for what is no line of a bundle, or not spelled as one. */
export function parseLine(line: string): BundleLine | undefined {
  const { index, leaf, hash, expiry, checkpoint, leaves, checkpoints } = membersOf(line);
  const [parsed, written] = ((): [BundleLine, string] | [] => {
    if (typeof checkpoint === 'string') return [{ kind: 'checkpoint', checkpoint }, checkpointLine(checkpoint)];
    if (typeof expiry === 'string') return [{ kind: 'expiry', expiry }, expiryLine(expiry)];
    if (isCount(leaves) && isCount(checkpoints))
      return [{ kind: 'end', leaves, checkpoints }, endLine(leaves, checkpoints)];
    if (!isCount(index) || typeof hash !== 'string') return [];
    if (typeof leaf !== 'string') return expired(index, Buffer.from(hash, 'base64'));
    const bytes = { leaf: Buffer.from(leaf, 'base64'), hash: Buffer.from(hash, 'base64') };
    return [{ kind: 'leaf', index, ...bytes }, leafLine(index, bytes.leaf, bytes.hash)];
  })();
  return written === `${line}\n` ? parsed : undefined;
}

const expired = (index: number, hash: Buffer): [BundleLine, string] => [
  { kind: 'expired', index, hash },
  expiredLine(index, hash),
];

function membersOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** What was found of a bundle. */
export interface BundleLook {
  readonly tenantId: string;
  readonly from: number;
  readonly size: number;
  /** Leaves and checkpoints that hold; of the leaves, those of which only the hash is left. */
  readonly leaves: number;
  readonly expired: number;
  readonly checkpoints: number;
  readonly breach: Breach | undefined;
}
