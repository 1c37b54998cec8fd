import { listExports as listStatement, type ListedExport } from '../db/exportRegister.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { pageOf, type Page } from './page.ts';
import { permit } from './permit.ts';
import { jalaliDayOf } from './tehranDay.ts';
import type { Vault } from './vault.ts';

/** The register of disclosures, newest first: what left under which order and by whose hands, and no personal data. */
export async function listExports(vault: Vault, caller: Caller, act: Act, page: Page): Promise<Answer> {
  permit(caller, 'exports.list');
  const [rows] = await load(vault, caller.tenantId, [listStatement(caller.tenantId, page.after, page.limit + 1)]);
  const body = pageOf(rows, page.limit, (row) => row.id, viewOf);
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

function viewOf(row: ListedExport) {
  const { id, legalOrderId, orderStatus, executedAt, records, notFound, outsidePeriod, fields, fetchedAt } = row;
  return {
    id,
    legalOrderId,
    orderStatus,
    executedAt: executedAt.toISOString(),
    executedAtJalali: jalaliDayOf(executedAt),
    records,
    notFound,
    outsidePeriod,
    fields,
    sha256: row.sha256.toString('hex'),
    format: row.format,
    delivery: row.delivery,
    ...(fetchedAt === null ? {} : { fetchedAt: fetchedAt.toISOString(), fetchedAtJalali: jalaliDayOf(fetchedAt) }),
    registeredBy: { clientId: row.registeredBy, actor: row.registeredActor },
    approvedBy: { clientId: row.decidedBy, actor: row.decidedActor },
    executedBy: { clientId: row.executedBy, actor: row.executedActor },
    ...(fetchedAt === null ? {} : { fetchedBy: { clientId: row.fetchedBy, actor: row.fetchedActor } }),
  };
}
