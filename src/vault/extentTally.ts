import type { AuditLeaf } from '../crypto/leaf.ts';
import type { SubjectRow } from '../db/incidentExtents.ts';

/** What an incident is measured by: leaves that fit all of these. Times are RFC 3339. */
export interface Criteria {
  readonly tokenId?: string | undefined;
  readonly clientId?: string | undefined;
  /** A member of staff, through whichever client. */
  readonly actor?: string | undefined;
  /** Of persons of whom this version of the tenant's data key opens something. */
  readonly keyVersion?: number | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Staff ids are compared without their case, as where two persons are needed. */
export function fits(leaf: AuditLeaf, { tokenId, clientId, actor, from, to }: Criteria): boolean {
  return (
    (tokenId === undefined || leaf.tokenId === tokenId) &&
    (clientId === undefined || leaf.clientId === clientId) &&
    (actor === undefined || leaf.actor.toLowerCase() === actor.toLowerCase()) &&
    (from === undefined || leaf.at >= Date.parse(from)) &&
    (to === undefined || leaf.at < Date.parse(to))
  );
}

export type Tally = Omit<SubjectRow, 'extentId' | 'mac'>;

export function emptyTally(customerId: string): Tally {
  const counts = { reads: 0, masked: 0, writes: 0, others: 0, refused: 0, underOrder: 0 };
  return { customerId, ...counts, fields: [], maskedFields: [], openable: [], firstAt: null, lastAt: null };
}

/**
 * One more leaf about the person. What was read under a legal order counts as that and as nothing else, so that what the person
 * is told never rests on it.
 */
export function counted(tally: Tally, leaf: AuditLeaf): Tally {
  if (leaf.legalOrderId !== undefined) return { ...tally, underOrder: tally.underOrder + 1 };
  if (leaf.outcome === 'refused') return { ...tally, refused: tally.refused + 1 };
  const kind = kindOf(leaf);
  const at = new Date(leaf.at);
  // What the vault sends goes to the person; nobody saw it.
  const shown = leaf.action === 'messages.deliver' ? [] : leaf.full;
  return {
    ...tally,
    [kind]: tally[kind] + 1,
    fields: joined(tally.fields, shown),
    maskedFields: joined(tally.maskedFields, leaf.masked),
    firstAt: tally.firstAt === null || at < tally.firstAt ? at : tally.firstAt,
    lastAt: tally.lastAt === null || at > tally.lastAt ? at : tally.lastAt,
  };
}

/** Was there anything that the person could be told of? */
export function isConcerned({ reads, masked, writes, others, openable }: Tally): boolean {
  return reads + masked + writes + others + openable.length > 0;
}

function kindOf(leaf: AuditLeaf): 'reads' | 'masked' | 'writes' | 'others' {
  if (leaf.action === 'messages.deliver') return 'others';
  if (leaf.full.length > 0) return 'reads';
  if (leaf.recordVersion !== undefined) return 'writes';
  return leaf.masked.length > 0 ? 'masked' : 'others';
}

const joined = (one: readonly string[], other: readonly string[]): string[] => [...new Set([...one, ...other])].sort();
