import type { AdmissionRow } from '../db/admissions.ts';
import type { Admission } from './admissions.ts';
import type { Keyring } from './keyring.ts';
import { isGenuine } from './rowMac.ts';
import { rowsByKeys } from './tenantRows.ts';

/** What this process knows of who undertook what: at most as old as its last look. */
export interface Admissions {
  /** A row that is not as the vault wrote it admits nobody. */
  learn(keyring: Keyring, rows: readonly AdmissionRow[], onBroken: () => void): Promise<void>;
  /** Undefined for a client of no recipient, and for somebody of whom nothing was ever recorded. */
  readonly of: (tenantId: string, kind: AdmissionRow['kind'], subject: string) => Admission | undefined;
}

export function openAdmissions(): Admissions {
  const known = new Map<string, Admission>();
  const takeIn = rowsByKeys(nameOf);
  return {
    learn: (keyring, rows, onBroken) =>
      takeIn(keyring, rows, (row, keys) => {
        if (keys === undefined) return;
        const genuine = isGenuine(keys, 'admissions', row);
        if (!genuine) onBroken();
        known.set(nameOf(row), genuine ? row : { ...row, validFrom: null });
      }),
    of: (tenantId, kind, subject) => known.get(keyOf(tenantId, kind, subject)),
  };
}

const keyOf = (tenantId: string, kind: string, subject: string): string => `${tenantId} ${kind} ${subject}`;
const nameOf = ({ tenantId, kind, subject }: AdmissionRow): string => keyOf(tenantId, kind, subject);
