import { readConfig } from '../config.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { selectTenants } from '../db/tenants.ts';
import { verifyTenant, type Verification } from '../vault/auditVerification.ts';
import { breachMeanings } from '../vault/breach.ts';
import { exit, noWords, UsageFault, type Command } from './command.ts';
import { progress } from './progress.ts';
import { withDatabase } from './vaultDatabase.ts';

export const auditVerify: Command = {
  words: '',
  options: { tenant: { type: 'string' } },
  help: { tenant: 'id of one tenant; all of them when left out' },
  found: 'something does not hold; the first bad entry is named',
  more: [
    'Needs the database and no key; changes nothing; may run beside the service. Found are leaves that were changed, moved or',
    'misnamed, and customers, orders and invoices that were changed, rolled back, emptied, deleted or written past the log.',
    'Not found yet: a leaf taken away that no stored record depends on (of a read, say). That takes the Merkle tree and its',
    'checkpoints, which come with a later version; the leaves are laid out for it already.',
  ],
  async run(args, out) {
    noWords(args);
    const bar = progress();
    const verifications = await withDatabase(readConfig(process.env), (db) =>
      verifyTenants(db, args.text('tenant')?.toLowerCase(), (share, leaves, records) =>
        bar.at(share, `${leaves} leaves, ${records} records`),
      ),
    ).finally(() => bar.end());
    const holds = verifications.every((v) => v.breach === undefined);
    out.result({ holds, tenants: verifications }, () => verifications.map(readable).join('\n'));
    return holds ? exit.ok : exit.found;
  },
};

/** One after the other; a broken tenant keeps nobody else's from being looked at. */
export async function verifyTenants(
  db: Database,
  tenantId: string | undefined,
  onProgress: (share: number, leaves: number, records: number) => void,
): Promise<Verification[]> {
  const [tenants] = await commit(db, 'directory', [selectTenants()]);
  const asked = tenants.filter((t) => tenantId === undefined || t.id === tenantId);
  if (tenantId !== undefined && asked.length === 0)
    throw new UsageFault('there is no such tenant; see amanat tenants list');
  const verifications: Verification[] = [];
  for (const { id } of asked) {
    const before = verifications.length;
    verifications.push(
      await verifyTenant(db, id, (share, leaves, records) =>
        onProgress((before + share) / asked.length, leaves, records),
      ),
    );
  }
  return verifications;
}

function readable({ tenantId, leaves, records, breach }: Verification): string {
  if (breach === undefined) return `tenant ${tenantId}: ${leaves} leaves and ${records} records hold`;
  return [
    `tenant ${tenantId}: BROKEN after ${leaves} leaves and ${records} records that hold`,
    `    first bad entry: ${breach.kind} ${breach.id}`,
    `    ${breach.code}: ${breachMeanings[breach.code]}`,
  ].join('\n');
}
