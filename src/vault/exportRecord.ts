import type { ExportRow } from '../db/exports.ts';
import { refuse, VaultError, type Fault } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { commitAct, type Act, type Answer } from './act.ts';
import { proofOf } from './auditProofs.ts';
import type { Caller } from './caller.ts';
import { executedOrderOf, exportOf } from './exportDelivery.ts';
import { openReceipt } from './exportSeal.ts';
import { personOf } from './fourEyes.ts';
import { approvedScope, type Acknowledgement, type LegalOrderFile } from './legalOrderSeal.ts';
import { sealStep } from './legalOrderStep.ts';
import { minutesDocument, type Minutes } from './minutes.ts';
import { permit } from './permit.ts';
import { leafHashIn } from './receipt.ts';
import { jalaliDayOf } from './tehranDay.ts';
import type { Vault } from './vault.ts';

/** One line of the register in full, with the signed receipt. */
export async function readExport(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'exports.read');
  const row = await exportOf(vault, caller, id);
  const keys = await vault.keyring.tenant(caller.tenantId);
  const receipt = openReceipt(keys, row);
  const hash = leafHashIn(receipt);
  const proof = hash === undefined ? undefined : await proofOf(vault, keys, { hash, at: row.executedAt });
  const { legalOrderId, orderStatus, records, notFound, outsidePeriod, fields, format, delivery, reissues } = row;
  const body = {
    id,
    legalOrderId,
    orderStatus,
    executedAt: row.executedAt.toISOString(),
    executedAtJalali: jalaliDayOf(row.executedAt),
    executedBy: { clientId: row.executedBy, actor: row.executedActor },
    records,
    notFound,
    outsidePeriod,
    fields,
    format,
    sha256: row.sha256.toString('hex'),
    delivery,
    expiresAt: row.expiresAt.toISOString(),
    ...(row.fetchedAt === null ? {} : { fetchedAt: row.fetchedAt.toISOString() }),
    ...(row.deliveredAt === null ? {} : { deliveredAt: row.deliveredAt.toISOString() }),
    reissues,
    receipt,
    ...(proof === undefined ? {} : { proof }),
  };
  return commitAct(vault, caller, act, { object: { kind: 'exports', id }, legalOrderId }, [], { status: 200, body });
}

/** The minutes of a disclosure, as a document to print and sign. */
export async function printMinutes(vault: Vault, caller: Caller, act: Act, id: string): Promise<string> {
  permit(caller, 'exports.minutes');
  const { row, file } = await executedOrderOf(vault, caller, id);
  const receipt = openReceipt(await vault.keyring.tenant(caller.tenantId), row);
  const policy = vault.watch.policy(caller.tenantId);
  const html = minutesDocument(minutesOf(policy.profile.controller.fa, row, file, receipt));
  const deed = { object: { kind: 'exports', id }, legalOrderId: row.legalOrderId };
  await commitAct(vault, caller, act, deed, [], { status: 200, body: undefined });
  return html;
}

function minutesOf(controller: string, row: ExportRow, file: LegalOrderFile, receipt: string): Minutes {
  const { record, registration, approvals = [], acknowledgement, reviewDue } = file;
  const { from, to, fields } = approvedScope(file);
  const { id: exportId, legalOrderId, records, notFound, outsidePeriod, format, sha256, fetchedAt } = row;
  return {
    exportId,
    legalOrderId,
    controller,
    kind: record.kind,
    order: record,
    period: { from, to },
    fields,
    records,
    notFound,
    outsidePeriod,
    registeredBy: registration,
    approvedBy: approvals,
    executedBy: { clientId: row.executedBy, actor: row.executedActor, at: row.executedAt.toISOString() },
    executedAt: row.executedAt.toISOString(),
    package: { form: format, sha256: sha256.toString('hex') },
    delivery: {
      to: acknowledgement?.receivedBy ?? record.recipient ?? { name: '' },
      means: acknowledgement?.means ?? (format === 'cms' ? 'sealed_for_certificate' : 'one_time_link'),
      at: acknowledgement?.at ?? fetchedAt?.toISOString(),
      present: acknowledgement?.present,
    },
    receipt,
    reviewDueAt: reviewDue,
  };
}

export type AcknowledgementInput = Pick<Acknowledgement, 'receivedBy' | 'means' | 'present'>;

/** Who took the package in the end, by what means, and before whom (CPC 672). Once; for the person who executed the order. */
export async function acknowledgeExport(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  input: AcknowledgementInput,
): Promise<Answer> {
  permit(caller, 'exports.acknowledge');
  const person = personOf(caller);
  checkAcknowledgement(input);
  const { row, order, file } = await executedOrderOf(vault, caller, id);
  if (row.executedBy !== person.clientId || row.executedActor !== person.actor) throw new VaultError('not_permitted');
  if (file.acknowledgement !== undefined || row.fetchedAt === null)
    throw refuse('conflict', '', row.fetchedAt === null ? 'not_fetched' : 'acknowledged');
  const keys = await vault.keyring.tenant(caller.tenantId);
  const at = new Date(vault.now()).toISOString();
  const { statement } = sealStep(keys, order, { ...file, acknowledgement: { ...input, ...person, at } }, ['executed']);
  const deed = { object: { kind: 'exports', id }, legalOrderId: row.legalOrderId };
  return commitAct(vault, caller, act, deed, [statement], { status: 200, body: { id, acknowledgedAt: at } });
}

function checkAcknowledgement({ receivedBy, present }: AcknowledgementInput): void {
  const name = { max: 100, kind: 'name' } as const;
  const text = { max: 100, kind: 'text' } as const;
  const checks = [
    ['/receivedBy/name', receivedBy.name, name],
    ['/receivedBy/title', receivedBy.title, name],
    ['/receivedBy/unit', receivedBy.unit, text],
    ['/receivedBy/card', receivedBy.card, text],
    ...present.map((one, i) => [`/present/${i}`, one, name] as const),
  ] as const;
  const faults = checks.flatMap(([pointer, value, rule]): Fault[] => {
    const code = value === undefined ? undefined : checkText(value, rule);
    return code === undefined ? [] : [{ pointer, code }];
  });
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
}
