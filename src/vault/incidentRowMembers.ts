import type { TreeHead } from '../crypto/merkleTree.ts';
import type { EpochRow } from '../db/auditEpochs.ts';
import type { GlassFacts } from '../db/breakGlass.ts';
import type { ExtentRow, SubjectRow } from '../db/incidentExtents.ts';
import type { TellingRow } from '../db/incidentTellings.ts';
import type { CountRow, WatchRow } from '../db/readerWatch.ts';
import type { FreezeRow } from '../db/readerFreezes.ts';

/** What the MACs of the rows of incidents, and of what the vault watches over, cover (rowMac.ts). */
export const incidentRowMembers = {
  /** How far an incident went. */
  incident_extents: {
    id: true,
    incidentId: true,
    criteria: true,
    phase: true,
    afterId: true,
    untilId: true,
    leaves: true,
    refused: true,
    subjects: true,
    startedAt: true,
    finishedAt: true,
    digest: true,
  },
  incident_subjects: {
    extentId: true,
    customerId: true,
    reads: true,
    masked: true,
    writes: true,
    others: true,
    refused: true,
    underOrder: true,
    fields: true,
    maskedFields: true,
    openable: true,
    firstAt: true,
    lastAt: true,
  },
  /** Which reader was stopped, and whether it was lifted. */
  reader_freezes: {
    id: true,
    clientId: true,
    actor: true,
    incidentId: true,
    frozenBy: true,
    frozenActor: true,
    frozenAt: true,
    liftedBy: true,
    liftedActor: true,
    liftedAt: true,
  },
  /** How far those whom an incident concerned have been told. */
  incident_tellings: {
    id: true,
    incidentId: true,
    extentId: true,
    afterId: true,
    reached: true,
    unreached: true,
    startedBy: true,
    startedActor: true,
    startedAt: true,
    finishedAt: true,
  },
  /** An emergency's read, and its review. */
  break_glass: {
    id: true,
    customerId: true,
    openedBy: true,
    openedActor: true,
    openedAt: true,
    closesAt: true,
    reviewDue: true,
    reviewedBy: true,
    reviewedActor: true,
    reviewedAt: true,
    outcome: true,
  },
  /** How far the log was watched, and what was counted. */
  reader_watch: { afterId: true },
  /** How far the log has come, and what it is then. */
  audit_heads: { size: true, root: true },
  /** Under which name it goes on. */
  audit_epochs: { number: true, size: true, beganAt: true },
  reader_counts: { measure: true, readerKind: true, reader: true, windowStart: true, count: true, seen: true },
} as const;

export interface IncidentRows {
  readonly incident_extents: ExtentRow;
  readonly incident_subjects: SubjectRow;
  readonly reader_freezes: FreezeRow;
  readonly incident_tellings: TellingRow;
  readonly break_glass: GlassFacts;
  readonly reader_watch: WatchRow;
  readonly audit_heads: TreeHead;
  readonly audit_epochs: EpochRow;
  readonly reader_counts: CountRow;
}
