import { synthetic } from '../../src/cli/synthetic.ts';
import type { Field } from '../../src/policy/vocabulary.ts';
import type { DisclosedPerson, DisclosurePack } from '../../src/vault/disclosureDocument.ts';
import { signReceipt } from '../../src/crypto/signature.ts';
import type { Minutes } from '../../src/vault/minutes.ts';
import type { TransparencyReport } from '../../src/vault/transparencyDocument.ts';
import { parseIban } from '../../src/formats/iban.ts';
import { parseLandline } from '../../src/formats/landline.ts';
import { parseMobile } from '../../src/formats/mobile.ts';
import { newKeyPair } from '../support/keyPair.ts';

const capturedAt = '2025-09-02T07:15:00.000Z';
const canonicalPhone = (kind: 'mobile' | 'landline', number: string): string => {
  const parsed = kind === 'mobile' ? parseMobile(number) : parseLandline(number);
  if (!parsed.ok) throw new RangeError('no phone');
  return parsed.canonical;
};

/** A package about made-up people, every third of them a firm. */
export function samplePack(persons: number, changes: Partial<DisclosurePack> = {}): DisclosurePack {
  const people = synthetic(persons + 1);
  const fields: readonly Field[] = [
    'givenName',
    'familyName',
    'nationalId',
    'legalName',
    'legalNationalId',
    'email',
    'iban',
    'mobile',
    'landline',
    'address',
    'postalCode',
    'location',
  ];
  return {
    controller: 'فروشگاه نمونه',
    exportId: '019a7a5e-2f10-7c3a-8d41-5b6c7d8e9f01',
    format: 'amanat-export-1',
    salt: 'b2c5f0c4f3a94b6e8d7a1c2e3f405162',
    order: {
      ground: 'judicial_order',
      authority: {
        kind: 'judicial',
        name: 'دادسرای عمومی و انقلاب',
        jurisdiction: 'تهران',
        branchKind: 'بازپرسی',
        branchNumber: '3',
        officialName: 'کاوه نوری',
        officialTitle: 'بازپرس',
      },
      letter: {
        number: '1404/123',
        date: '2025-11-11',
        dateJalali: '1404/08/20',
        caseNumber: '1404000000000000',
        archiveNumber: '0400123',
        subject: 'استعلام هویت و نشانی خریداران',
        confidentiality: 'confidential',
      },
      basis: { law: 'قانون آیین دادرسی کیفری', article: '671' },
      recipient: { name: 'کاوه نوری', title: 'بازپرس شعبه ۳', unit: 'دادسرای ناحیه ۲', as: 'named_officer' },
    },
    period: { from: '2025-01-01', fromJalali: '1403/10/12', to: '2025-11-11', toJalali: '1404/08/20' },
    fields,
    executedAt: '2025-11-12T08:00:05.000Z',
    executedAtJalali: '1404/08/21',
    records: persons,
    notFound: 1,
    outsidePeriod: 2,
    persons: Array.from({ length: persons }, (_, i) => samplePerson(people, i + 1, fields)),
    ...changes,
  };
}

function samplePerson(people: ReturnType<typeof synthetic>, number: number, asked: readonly Field[]): DisclosedPerson {
  const sent = number % 3 === 0 ? people.legalCustomer() : people.naturalCustomer();
  const held = (value: unknown) => ({ value, capturedAt });
  const phones = (kind: 'mobile' | 'landline') =>
    sent.phones
      .filter((phone) => phone.kind === kind)
      .map(({ number: phone, primary }) => ({ ...held(canonicalPhone(kind, phone)), primary }));
  const { iban, ...rest } = sent.fields;
  const account = parseIban(iban);
  const single = Object.entries({ ...rest, iban: account.ok ? account.canonical : iban });
  const lists = Object.entries({
    mobile: phones('mobile'),
    landline: phones('landline'),
    address: sent.addresses.map(({ address }, i) => ({ ...held(address), place: i + 1 })),
    postalCode: sent.addresses.map(({ postalCode }, i) => ({ ...held(postalCode), place: i + 1 })),
    location: sent.addresses.map(({ location }, i) => ({ ...held(location), place: i + 1 })),
  });
  const all = new Map<string, unknown>([
    ...single.map(([field, value]) => [field, held(value)] as const),
    ...lists.filter(([, list]) => list.length > 0),
  ]);
  return {
    number,
    kind: sent.kind,
    identifiedBy: [{ by: 'mobile', value: canonicalPhone('mobile', sent.phones[0]?.number ?? '') }],
    fields: Object.fromEntries(asked.flatMap((field) => (all.has(field) ? [[field, all.get(field)]] : []))),
    notHeld: asked.filter((field) => !all.has(field)),
  };
}

/** Minutes of a delivery, with a receipt that a made-up key signed. */
export function sampleMinutes(changes: Partial<Minutes> = {}): Minutes {
  const { order, period, fields, exportId, records, notFound, outsidePeriod, executedAt } = samplePack(7);
  const registeredBy = {
    clientId: '019a7a5e-0000-7000-8000-000000000001',
    actor: 'staff-1',
    at: '2025-11-12T05:40:00.000Z',
  };
  const decider = {
    clientId: '019a7a5e-0000-7000-8000-000000000002',
    actor: 'staff-2',
    at: '2025-11-12T07:02:00.000Z',
  };
  const sha256 = 'b35b4c25a40afdc282cdc6eecdc998e0a23b27771044c0bf8f8a52ff3219d290';
  const legalOrderId = '019a7a5d-9d00-7b21-9f00-0a1b2c3d4e5f';
  return {
    exportId,
    legalOrderId,
    controller: 'فروشگاه نمونه',
    kind: 'production',
    order,
    period,
    fields,
    records,
    notFound,
    outsidePeriod,
    registeredBy,
    approvedBy: [decider],
    executedBy: { clientId: registeredBy.clientId, actor: registeredBy.actor },
    executedAt,
    package: { form: 'json', sha256 },
    delivery: { to: order.recipient ?? { name: '' }, means: 'one_time_link', at: '2025-11-12T08:07:41.000Z' },
    receipt: signReceipt(signingKey().privateKey, {
      exportId,
      legalOrderId,
      packageSha256: sha256,
      fields,
      records,
      executedAt,
      registeredBy: 'staff-1',
      approvedBy: 'staff-2',
      executedBy: 'staff-1',
      orderSha256: sha256,
      recipientSha256: sha256,
      policyVersion: 'kalak/1',
    }),
    ...changes,
  };
}

let pair: ReturnType<typeof newSigningKey> | undefined;
const newSigningKey = () => newKeyPair('rsa', 3072);

/** One key for the whole run: making it takes a second. */
export function signingKey() {
  pair ??= newSigningKey();
  return pair;
}

export function sampleReport(): TransparencyReport {
  return {
    controller: 'فروشگاه نمونه',
    year: 1404,
    from: '2025-03-21',
    to: '2026-03-20',
    madeAt: '2026-04-04T06:30:00.000Z',
    orders: [
      { kind: 'production', authority: 'judicial', outcome: 'executed', count: 12 },
      { kind: 'production', authority: 'judicial', outcome: 'rejected', count: 3 },
      { kind: 'preservation', authority: 'officer', outcome: 'expired', count: 4 },
      { kind: 'administrative_request', authority: 'administrative', outcome: 'executed', count: 2 },
      { kind: 'statutory_duty', authority: 'statute', outcome: 'executed', count: 1 },
    ],
    disclosures: { packages: 15, persons: 41 },
  };
}
