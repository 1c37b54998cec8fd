import type { RecordKind } from '../crypto/label.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import type { SealedRow } from '../db/integritySweep.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import type { BreachCode } from './breach.ts';
import type { TenantKeys } from './keyring.ts';
import { openRecord } from './record.ts';
import { tagMeanings, type ProfileOf } from './tagVerification.ts';

/** The first thing found wrong. */
export interface Flaw {
  readonly code: BreachCode | keyof typeof flawMeanings;
  /** The table. */
  readonly kind: string;
  /** Of the row; where a kind has no id of its own, of its customer, or its number. */
  readonly id: string;
}

export const flawMeanings = {
  value_does_not_open: 'a sealed value does not open under its key, in its place',
  row_not_genuine: 'the row is not as the vault made it',
  standing_contradicted: 'its status, what is frozen or which purposes are closed is not what the log tells',
  admission_contradicted: 'who may read by it is not what the registers of recipients and undertakings come to',
  ...tagMeanings,
} as const;

/** What a sweep stands on, and what it has looked at so far. */
export interface Ground {
  readonly db: Database;
  readonly keys: TenantKeys;
  readonly profileOf: ProfileOf;
  /** Reads what was published since. */
  readonly renewProfiles: () => Promise<void>;
  /** Sealed records, values opened, rows whose MAC was made again, index tags, leaves held against what is there. */
  readonly counted: { records: number; values: number; rows: number; tags: number; leaves: number };
  readonly onProgress: (share: number, counted: Ground['counted']) => void;
}

export const asked = async <Row>({ db, keys }: Ground, statement: Statement<Row>): Promise<readonly Row[]> =>
  (await commit(db, { tenantIds: [keys.tenantId] }, [statement]))[0];

/** Does every value of the record open? Only an integrity failure is a no. */
export function opens({ keys, counted }: Ground, kind: RecordKind, row: SealedRow): boolean {
  counted.records += 1;
  return holds(() => {
    const record = openRecord(keys, kind, row);
    for (const label of record.labels) {
      record.value(label);
      counted.values += 1;
    }
  });
}

export function holds(look: () => void): boolean {
  try {
    look();
    return true;
  } catch (error) {
    // What opens and is no JSON was never written by the vault either.
    if (error instanceof SyntaxError) return false;
    if (error instanceof VaultError && error.code === 'integrity_failure') return false;
    throw error;
  }
}
