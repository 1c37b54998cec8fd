/**
 * Is what is stored whole? Every sealed value is opened under its own key and label, every row that carries a MAC is made again
 * and compared, customers, orders and invoices are held against the leaves that tell of their writing, index tags against the values
 * they stand for, how customers stand and which rows are there against the log. A bounded page at a time, beside a running service;
 * changes nothing, and shows nothing of what it opens.
 */
import type { RecordKind } from '../crypto/label.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { attachedKinds, selectAttached, type AttachedKind, type AttachedRow } from '../db/attachedWords.ts';
import { ownRecordKinds, selectOwnRecords, type OwnRecords } from '../db/integritySweep.ts';
import { selectPolicyHistory } from '../db/policies.ts';
import { selectWrongAdmission } from '../db/recordStandings.ts';
import type { Statement } from '../db/statement.ts';
import { openAttached } from './attachedWords.ts';
import { sweepCustomers, sweepSample, sweepTagsOfNobody, type Sample } from './customerSweep.ts';
import { firstForged } from './forgedRows.ts';
import type { Keyring, TenantKeys } from './keyring.ts';
import { sweepLog } from './logSweep.ts';
import { readVersion } from './policyVersions.ts';
import { asked, holds, opens, type Flaw, type Ground } from './sweepGround.ts';
import type { ProfileOf } from './tagVerification.ts';

export interface Sweep extends Readonly<Ground['counted']> {
  readonly tenantId: string;
  readonly flaw: Flaw | undefined;
}

const pageSize = 50;
/** Of the whole work, the parts that rows with a MAC, the customers' records and the log are taken for. */
const rowsShare = 0.2;
const customersShare = 0.5;
const logShare = 0.25;

/** All of a tenant, or, of customers and what belongs to them and of the log, so many drawn by lot. */
export async function sweepIntegrity(
  db: Database,
  keyring: Keyring,
  tenantId: string,
  sample: Sample | undefined,
  onProgress: Ground['onProgress'],
): Promise<Sweep> {
  const keys = await keyring.tenant(tenantId);
  const counted = { records: 0, values: 0, rows: 0, tags: 0, leaves: 0 };
  const ground: Ground = { db, keys, ...publishedProfiles(db, keys), counted, onProgress };
  await ground.renewProfiles();
  const flaw =
    // Policies among them, which what follows goes by.
    (await sweepRows(ground)) ??
    (await (sample === undefined
      ? sweepCustomers(ground, { from: rowsShare, share: customersShare })
      : sweepSample(ground, sample, { from: rowsShare, share: customersShare }))) ??
    (await sweepTagsOfNobody(ground)) ??
    (await sweepLog(ground, sample, (share) => onProgress(rowsShare + customersShare + share * logShare, counted))) ??
    (await sweepOwnRecords(ground)) ??
    (await sweepAttached(ground)) ??
    (await sweepAdmissions(ground));
  return { tenantId, ...counted, flaw };
}

/** Of the versions that stand as they were published; one that does not is told with the rows. */
function publishedProfiles(db: Database, keys: TenantKeys): Pick<Ground, 'profileOf' | 'renewProfiles'> {
  const profiles = new Map<string, ReturnType<ProfileOf>>();
  return {
    profileOf: (label) => profiles.get(label),
    async renewProfiles() {
      const [rows] = await commit(db, { tenantIds: [keys.tenantId] }, [selectPolicyHistory(keys.tenantId)]);
      for (const row of rows) {
        holds(() => {
          const { label, profile } = readVersion(keys, row);
          profiles.set(label, profile);
        });
      }
    },
  };
}

const ownKinds: Readonly<Record<OwnRecords, RecordKind>> = {
  legal_orders: 'legal_order',
  exports: 'export',
  statements: 'statement',
  messages: 'message',
  incidents: 'incident',
  anomalies: 'anomaly',
  decoy_lists: 'decoys',
  webhooks: 'webhook',
  recipients: 'recipient',
  undertakings: 'undertaking',
  feedback: 'feedback',
};

async function sweepOwnRecords(ground: Ground): Promise<Flaw | undefined> {
  for (const table of ownRecordKinds) {
    const look = (after: string | undefined) => selectOwnRecords(ground.keys.tenantId, table, after, pageSize);
    const bad = await firstBad(ground, look, (row) => !opens(ground, ownKinds[table], row));
    if (bad !== undefined) return { code: 'value_does_not_open', kind: table, id: bad };
  }
  return undefined;
}

/** A page at a time, by id. */
async function firstBad<Row extends { readonly id: string }>(
  ground: Ground,
  look: (after: string | undefined) => Statement<Row>,
  isBad: (row: Row) => boolean,
): Promise<string | undefined> {
  for (let after: string | undefined; ;) {
    const page = await asked(ground, look(after));
    const bad = page.find(isBad);
    if (bad !== undefined || page.length < pageSize) return bad?.id;
    after = page.at(-1)?.id;
  }
}

/** Words in rows of their own, under the key of whom or what they concern. */
async function sweepAttached(ground: Ground): Promise<Flaw | undefined> {
  for (const table of attachedKinds) {
    const look = (after: string | undefined) => selectAttached(ground.keys.tenantId, table, after, pageSize);
    const bad = await firstBad(ground, look, (row) => !attachedOpens(ground, table, row));
    if (bad !== undefined) return { code: 'value_does_not_open', kind: table, id: bad };
  }
  return undefined;
}

function attachedOpens({ keys, counted }: Ground, table: AttachedKind, row: AttachedRow): boolean {
  // What it was sealed under has gone, and it with that.
  if (row.dataKey === null) return true;
  counted.values += 1;
  return holds(() => void openAttached(keys, table, row));
}

async function sweepRows(ground: Ground): Promise<Flaw | undefined> {
  const { db, keys, counted } = ground;
  const bad = await firstForged(db, keys, (rows, share) => {
    counted.rows += rows;
    ground.onProgress(share * rowsShare, counted);
  });
  return bad === undefined ? undefined : { code: 'row_not_genuine', ...bad };
}

/** What was recorded of recipients and undertakings, held against the rows that every process believes. */
async function sweepAdmissions(ground: Ground): Promise<Flaw | undefined> {
  const [wrong] = await asked(ground, selectWrongAdmission(ground.keys.tenantId));
  return wrong === undefined ? undefined : { code: 'admission_contradicted', kind: 'admissions', id: wrong.id };
}
