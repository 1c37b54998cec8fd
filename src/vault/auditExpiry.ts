import { originOf } from '../crypto/checkpoint.ts';
import { digestOf } from '../crypto/digest.ts';
import { expiryText, signExpiry } from '../crypto/expiryNote.ts';
import { tileWidth } from '../crypto/tiles.ts';
import { countDueLeaves, expireLeaves, insertExpiry, selectDueLeaves, type DueLeaf } from '../db/auditExpiry.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { passingActions } from './auditTerms.ts';
import { epochOf, logSigners } from './epochs.ts';
import { expiryAction } from './expiredLeaves.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { checkLeaf } from './leafCheck.ts';
import { sweepLeaf } from './sweepLeaf.ts';
import { sweepingOf, type Round, type Sweeping } from './sweepings.ts';
import { provenHashes, readTreeHead } from './tree.ts';
import type { Vault } from './vault.ts';

/** As many as the database lets go at once; there are more of these than of anything else. */
const pageSize = 1_000;

/**
 * Leaves of the log itself. What a leaf said goes; its hash stays in the tree, and a note that the log's key signed says that it
 * went. Held persons' go as everybody's: one that stayed would tell of the hold, and what a hold keeps is what is held of them.
 */
export function leaves(keep: string | null): Sweeping {
  return sweepingOf<DueLeaf>({
    action: expiryAction,
    kind: 'audit_leaves',
    select: (tenantId, at, limit) => selectDueLeaves(tenantId, keep, passingActions, at, limit),
    count: (tenantId, at) => countDueLeaves(tenantId, keep, passingActions, at),
    genuine: inTheTree,
    letGo: expire,
    sparesHeld: false,
    destroysKeys: false,
    rows: pageSize,
    leavesOne: true,
  });
}

/**
 * What says which leaf stands where, and what it says, is in tables that anybody may have edited: the note would sign away what they
 * made of it. Believed is a leaf whose bytes, read together with what it was chosen by, have the hash that the tree's head has there.
 */
async function inTheTree({ vault, keys }: Round, due: readonly DueLeaf[]): Promise<readonly DueLeaf[]> {
  const { tenantId } = keys;
  const tiles = new Set(due.map(tileOfLeaf));
  const found: DueLeaf[] = [];
  for (const tile of tiles) {
    const here = due.filter((leaf) => tileOfLeaf(leaf) === tile);
    const hashes = await headsHashes(vault, keys, here);
    for (const [i, leaf] of here.entries()) {
      const checked = checkLeaf(tenantId, leaf.leaf, hashes[i] ?? nothing, leaf.id);
      if (typeof checked !== 'string' && checked.at < leaf.before.getTime()) found.push(leaf);
      else vault.notice('integrity_failure', 'audit_leaf');
    }
  }
  return found;
}

const tileOfLeaf = ({ index }: DueLeaf): number => Math.floor(index / tileWidth);
const nothing = Buffer.alloc(0);

/** Of leaves of one tile; none where head or tile are not what was integrated. */
async function headsHashes(vault: Vault, keys: TenantKeys, here: readonly DueLeaf[]): Promise<readonly Buffer[]> {
  const indexes = here.map(({ index }) => index);
  try {
    const head = await readTreeHead(vault, keys);
    if (head === undefined || indexes.some((index) => index >= head.size)) return [];
    return await provenHashes(vault, keys.tenantId, head, indexes);
  } catch (error) {
    if (error instanceof VaultError && error.code === 'integrity_failure') return [];
    throw error;
  }
}

async function expire({ vault, policy, keys, at }: Round, due: readonly DueLeaf[]): Promise<readonly Statement[]> {
  const { tenantId } = keys;
  const [first, last] = [due[0], due.at(-1)];
  if (first === undefined || last === undefined) return [];
  const epoch = await epochOf(vault, keys);
  const leafId = newId(at.getTime());
  const text = expiryText({
    origin: originOf(tenantId, epoch),
    before: first.before.getTime(),
    leafId,
    indexes: due.map(({ index }) => index),
  });
  const note = signExpiry(text, ...logSigners(vault.keys, tenantId, epoch));
  const ids = due.map(({ id }) => id);
  return [
    expireLeaves(tenantId, ids, first.before),
    insertExpiry(tenantId, { fromIndex: first.index, untilIndex: last.index + 1, leafId, note }),
    sweepLeaf(
      {
        id: leafId,
        tenantId,
        policyVersion: policy.label,
        action: expiryAction,
        rule: 'retention.access_audit',
        // The newest of them says up to when, the version how many.
        object: { kind: 'audit_leaves', id: ids.toSorted().at(-1) ?? '' },
        digest: digestOf(Buffer.from(text)),
        recordVersion: ids.length,
      },
      at.getTime(),
    ),
  ];
}
