/** The legal desk's part of `npm run demo`: the gate, and the only way through it. */
import { X509Certificate } from 'node:crypto';
import { verifyReceipt } from '../crypto/signature.ts';
import { jalaliDayOf } from '../vault/tehranDay.ts';
import { readable, textOf, type Json, type Stage } from './demoStage.ts';
import type { Cast, Stored } from './demoStory.ts';
import { ServiceFault } from './service.ts';

const dayMs = 24 * 60 * 60 * 1000;

export async function disclose(stage: Stage, cast: Cast, stored: Stored, exportCertificate: string): Promise<void> {
  const legalOrderId = await approveOrder(stage, cast, stored);
  await handOut(stage, cast, legalOrderId, exportCertificate);
  await keepData(stage, cast, stored);
}

async function approveOrder(stage: Stage, cast: Cast, { customerId }: Stored): Promise<string> {
  const { registrar, approver, registrarElsewhere } = cast;
  stage.chapter('Somebody asks for an export. There is no legal order: refused, whoever asks');
  await stage.ask(registrar, 'POST /v1/exports', {}, [403, 'legal_order_required']);

  stage.chapter(
    'A legal order is recorded with its scan by one person, and approved by another, who leaves a part of it',
  );
  const order = await stage.ask(registrar, 'POST /v1/legal-orders', legalOrder(customerId), 201);
  const legalOrderId = textOf(order.body, 'id');
  const path = `/v1/legal-orders/${legalOrderId}`;
  await stage.upload(registrar, `POST ${path}/document`, { bytes: scan(), type: 'application/pdf' }, 201);
  await stage.ask(registrar, 'POST /v1/exports', { legalOrderId }, [403, 'legal_order_not_approved']);
  await stage.ask(registrarElsewhere, `POST ${path}/approve`, {}, [403, 'self_approval']);
  await stage.ask(approver, `POST ${path}/approve`, { scope: { fields: ['givenName', 'familyName', 'mobile'] } }, 200);
  return legalOrderId;
}

async function handOut(stage: Stage, cast: Cast, legalOrderId: string, exportCertificate: string): Promise<void> {
  const { registrar, dpo } = cast;
  stage.chapter('The export goes out: what was approved, to whom the order names, once');
  const made = await stage.ask(registrar, 'POST /v1/exports', { legalOrderId }, 201);
  const path = `/v1/exports/${textOf(made.body, 'id')}`;
  const fetched = await stage.ask(registrar, `GET ${path}/package`, undefined, 200);
  stage.rows([], packageRows(fetched.body));
  await stage.ask(registrar, `GET ${path}/package`, undefined, [403, 'legal_order_used']);
  await stage.ask(registrar, 'POST /v1/exports', { legalOrderId }, [403, 'legal_order_used']);
  const taken = { receivedBy: { name: 'کاوه نوری', title: 'بازپرس شعبه ۳' }, means: 'by_hand', present: [] };
  await stage.ask(registrar, `POST ${path}/acknowledge`, taken, 200);
  const { publicKey } = new X509Certificate(exportCertificate);
  if (verifyReceipt(publicKey, textOf(made.body, 'receipt')) === undefined)
    throw new ServiceFault('software', 'the receipt does not verify');
  stage.say('The signed receipt verifies against the export certificate, offline (amanat receipt check).');
  const register = await stage.ask(dpo, 'GET /v1/exports', undefined, 200);
  stage.say(`The register of disclosures has ${(register.body['items'] as unknown[]).length} entry.`);
}

async function keepData(stage: Stage, { registrar, approver, dpo }: Cast, { customerId }: Stored): Promise<void> {
  stage.chapter('A judge has data kept, not disclosed: nothing of this person can be lost until it ends');
  const { recipient: _recipient, deadline: _deadline, ...body } = legalOrder(customerId);
  const letter = { ...(body['letter'] as Json), number: '1404/124', subject: 'حفظ داده‌ها' };
  const order = await stage.ask(registrar, 'POST /v1/legal-orders', { ...body, kind: 'preservation', letter }, 201);
  await stage.ask(approver, `POST /v1/legal-orders/${textOf(order.body, 'id')}/approve`, {}, 200);
  await stage.ask(registrar, 'POST /v1/exports', { legalOrderId: textOf(order.body, 'id') }, [
    403,
    'ground_not_allowed',
  ]);
  const holds = await stage.ask(dpo, 'GET /v1/holds?active=true', undefined, 200);
  stage.rows(
    ['hold', 'until'],
    (holds.body['items'] as Json[]).map((hold) => [textOf(hold, 'kind'), textOf(hold, 'endsAt').slice(0, 10)]),
  );
}

/** A page with nothing on it (ISO 32000-1, 7.5). */
function scan(): Buffer {
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>',
  ];
  let text = '%PDF-1.4\n';
  const at = objects.map((object, i) => {
    const start = text.length;
    text += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return start;
  });
  const start = text.length;
  const rows = at.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  text += `xref\n0 4\n0000000000 65535 f \n${rows}trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}

function legalOrder(customerId: string): Json {
  const day = (offset: number): string => new Date(Date.now() + offset * dayMs).toISOString().slice(0, 10);
  return {
    kind: 'production',
    authority: {
      kind: 'judicial',
      name: 'دادسرای عمومی و انقلاب',
      jurisdiction: 'تهران',
      branchKind: 'بازپرسی',
      branchNumber: '3',
      officialTitle: 'بازپرس',
    },
    // Jalali, as letters are dated; Gregorian is taken as well.
    letter: {
      number: '1404/123',
      date: jalaliDayOf(new Date(Date.now() - 2 * dayMs)),
      caseNumber: '1404000000000000',
      subject: 'استعلام نشانی',
    },
    basis: { law: 'قانون آیین دادرسی کیفری', article: '671' },
    scope: {
      subjects: [{ customerId }],
      fields: ['givenName', 'familyName', 'mobile', 'address'],
      from: day(-30),
      to: day(1),
    },
    recipient: { name: 'کاوه نوری', title: 'بازپرس شعبه ۳' },
    receivedAt: new Date(Date.now() - 3_600_000).toISOString(),
    deadline: day(5),
    validUntil: day(30),
  };
}

/** Names and values of the one person in the package. */
function packageRows(body: Json): string[][] {
  const [person] = (body['persons'] ?? body['subjects'] ?? []) as { fields: Record<string, unknown> }[];
  return Object.entries(person?.fields ?? {}).map(([name, held]) => {
    const first = (Array.isArray(held) ? held[0] : held) as { value?: unknown } | undefined;
    return [name, readable(first?.value)];
  });
}
