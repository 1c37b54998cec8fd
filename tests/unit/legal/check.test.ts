import { describe, expect, test } from 'vitest';
import { selfSignedCertificate } from '../../../src/crypto/x509.ts';
import { VaultError } from '../../../src/errors.ts';
import { fields, type Field } from '../../../src/policy/profile.ts';
import { checkLegalOrder } from '../../../src/vault/legalOrderCheck.ts';
import type { LegalOrderInput } from '../../../src/vault/legalOrderRecord.ts';
import { kalakWith, type Edits } from '../policy/kalak.ts';
import { now, policyOf, production } from './orders.ts';
import { newKeyPair } from '../../support/keyPair.ts';

function check(changes: Partial<LegalOrderInput> = {}, disclosable: readonly Field[] = fields) {
  return checkLegalOrder(policyOf(), disclosable, { ...production, ...changes }, now);
}

function refusal(work: () => unknown): { code: string; faults: readonly string[] } {
  try {
    work();
  } catch (error) {
    if (error instanceof VaultError) {
      return { code: error.code, faults: error.faults.map(({ pointer, code }) => `${pointer} ${code}`) };
    }
  }
  throw new Error('nothing was refused');
}

const { authority, letter, scope, recipient } = production;

describe('an order in order', () => {
  test('comes back with Gregorian days, canonical identifiers and each field once, text as sent', () => {
    const { record, warnings } = check({ letter: { ...letter, date: '۱۴۰۴/۰۸/۲۰', caseNumber: '۱۴۰۴۰۰۰۰۰۰۰۰۰۰۰۰' } });
    expect(record.letter).toEqual({ number: '1404/123', date: '2025-11-11', caseNumber: '1404000000000000' });
    expect(record.scope.fields).toEqual(['givenName', 'mobile']);
    expect(record.authority).toEqual(authority);
    expect(record.receivedAt).toBe('2025-11-12T08:00:00.000Z');
    expect(warnings).toEqual([]);
  });

  test('names its subjects in any spelling', () => {
    const subjects = [
      { by: 'nationalId', value: '۹۹۰-۱۲۳۴۵۶-۵' },
      { by: 'mobile', value: '0098 970 123 4567' },
      { by: 'email', value: 'Z@EXAMPLE.com' },
      { customerId: '01A201EE-A7F1-762C-9B9E-564EAB27C44F' },
    ] as const;
    expect(check({ scope: { ...scope, subjects } }).record.scope.subjects).toEqual([
      { by: 'nationalId', value: '9901234565' },
      { by: 'mobile', value: '+989701234567' },
      { by: 'email', value: 'z@example.com' },
      { customerId: '01a201ee-a7f1-762c-9b9e-564eab27c44f' },
    ]);
  });

  test('warns of what is unusual and takes it', () => {
    const { warnings } = check({
      letter: { ...letter, date: '1404-03-01', caseNumber: 'ک/۹۸/۱۲' },
      receivedAt: '2025-06-01T08:00:00Z',
      validUntil: '2025-11-11',
      deadline: '2025-11-12',
    });
    expect(warnings).toEqual([
      { pointer: '/letter/caseNumber', code: 'unusual_case_number' },
      { pointer: '/validUntil', code: 'already_expired' },
      { pointer: '/deadline', code: 'after_valid_until' },
    ]);
  });

  test('of an administrative body needs the law that makes it competent', () => {
    const changes = { kind: 'administrative_request', authority: { ...authority, kind: 'administrative' } };
    expect(check(changes).record.kind).toBe('administrative_request');
    expect(refusal(() => check({ ...changes, basis: undefined }))).toEqual({
      code: 'invalid_body',
      faults: ['/basis/law required', '/basis/article required'],
    });
    expect(check({ basis: undefined }).record.basis).toBeUndefined();
  });
});

const faulty: readonly (readonly [string, Partial<LegalOrderInput>, string])[] = [
  ['no subjects', { scope: { ...scope, subjects: [] } }, '/scope/subjects required'],
  ['no fields', { scope: { ...scope, fields: [] } }, '/scope/fields required'],
  ['every field', { scope: { ...scope, fields: ['all'] } }, '/scope/fields/0 not_a_field'],
  ['a member of every object', { scope: { ...scope, fields: ['constructor'] } }, '/scope/fields/0 not_a_field'],
  ['a field of a parcel', { scope: { ...scope, fields: ['recipientName'] } }, '/scope/fields/0 not_disclosable'],
  [
    'a customer id that is none',
    { scope: { ...scope, subjects: [{ customerId: '*' }] } },
    '/scope/subjects/0/customerId format',
  ],
  [
    'a faulty identifier',
    { scope: { ...scope, subjects: [{ by: 'nationalId', value: '9901234567' }] } },
    '/scope/subjects/0/value checksum',
  ],
  [
    'a period that ends before it begins',
    { scope: { ...scope, from: '2025-11-12', to: '2025-11-11' } },
    '/scope/to before_from',
  ],
  ['no such day', { letter: { ...letter, date: '1404-12-30' } }, '/letter/date date'],
  ['a letter from after its receipt', { letter: { ...letter, date: '1404-08-22' } }, '/letter/date after_receipt'],
  ['a receipt to come', { receivedAt: '2025-11-12T09:00:00Z' }, '/receivedAt in_future'],
  ['a receipt without its zone', { receivedAt: '2025-11-12T08:00:00' }, '/receivedAt date_time'],
  ['a receipt on no day', { receivedAt: '2025-02-30T08:00:00Z' }, '/receivedAt date_time'],
  ['an end before the receipt', { validUntil: '2025-11-11', deadline: undefined }, '/validUntil not_after_receipt'],
  ['an end beyond a year', { validUntil: '2026-11-14' }, '/validUntil too_far'],
  ['a deadline beyond a year', { deadline: '2026-11-14' }, '/deadline too_far'],
  ['a deadline before the receipt', { deadline: '2025-11-11' }, '/deadline not_after_receipt'],
  ['an end to no secret', { secret: { fromSubject: false, until: '2025-12-01' } }, '/secret/until not_secret'],
  [
    'an official without a letter',
    { authority: { ...authority, officialName: '123' } },
    '/authority/officialName no_letter',
  ],
  ['a formula', { letter: { ...letter, subject: '=1+1' } }, '/letter/subject formula'],
  ['a line break', { letter: { ...letter, number: '12\n3' } }, '/letter/number control_character'],
  ['a judge’s order to nobody by title', { recipient: { name: recipient.name } }, '/recipient/title required'],
  [
    'a call back at no time',
    { authenticity: { callBack: { by: 'سارا نوری', at: 'x', numberFrom: 'y', result: 'confirmed' } } },
    '/authenticity/callBack/at date_time',
  ],
  ['no certificate', { certificate: 'MIIB' }, '/certificate not_a_certificate'],
  [
    'a private key',
    { certificate: '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----' },
    '/certificate not_a_certificate',
  ],
  [
    'a certificate of nothing',
    { certificate: '-----BEGIN CERTIFICATE-----\nAAAAAAAA\n-----END CERTIFICATE-----' },
    '/certificate not_a_certificate',
  ],
];

describe('an order out of order', () => {
  test.each(faulty)('%s', (_, changes, fault) => {
    expect(refusal(() => check(changes))).toEqual({ code: 'invalid_body', faults: [fault] });
  });

  test('is told with all its faults at once', () => {
    const { faults } = refusal(() => check({ scope: { ...scope, subjects: [], fields: [] }, validUntil: 'soon' }));
    expect(faults).toEqual(['/scope/subjects required', '/scope/fields required', '/validUntil date']);
  });

  test('for a field the profile does not disclose', () => {
    expect(refusal(() => check({}, ['givenName'])).faults).toEqual([
      '/scope/fields/0 field_not_declared',
      '/scope/fields/2 field_not_declared',
    ]);
  });

  test('is valid on the day of its receipt, and for a year', () => {
    expect(check({ validUntil: '2025-11-12', deadline: undefined }).warnings).toEqual([]);
    expect(check({ validUntil: '2026-11-12' }).warnings).toEqual([]);
  });

  test('a certificate is judged when it is registered', () => {
    const { privatePem: privateKey, publicPem: publicKey } = newKeyPair('rsa', 2048);
    const terms = { commonName: 'شعبه', days: 30, serial: '01', notBefore: new Date(now - 1000) };
    const pem = selfSignedCertificate(privateKey, publicKey, terms).trim();
    // One that only signs is for nobody to seal to.
    expect(refusal(() => check({ certificate: pem })).faults).toEqual(['/certificate certificate_key_usage']);
  });
});

const noGround: readonly (readonly [string, string])[] = [
  ['preservation', 'administrative'],
  ['search_seizure', 'officer'],
  ['statutory_duty', 'officer'],
  ['production', 'officer'],
  ['production', 'administrative'],
  ['administrative_request', 'judicial'],
  ['production', 'foreign'],
  ['production', 'private'],
  ['production', 'toString'],
  ['defence_of_rights', 'judicial'],
  ['emergency', 'judicial'],
  ['constructor', 'judicial'],
  ['', ''],
];

describe('E15, E16, E17: a ground', () => {
  test.each(noGround)('%s by a %s authority is none', (kind, authorityKind) => {
    expect(refusal(() => check({ kind, authority: { ...authority, kind: authorityKind } })).code).toBe(
      'ground_not_allowed',
    );
  });

  const profiles: readonly (readonly [string, Edits, string])[] = [
    ['switched off', { '/grounds/judicial_order/allowed': false }, 'ground_not_allowed'],
    [
      'that asks for the person’s permission',
      { '/grounds/judicial_order/demands': ['order', 'subject_permission'] },
      'invalid_body',
    ],
    ['that asks for law and order', { '/grounds/judicial_order/demands': ['order', 'law', 'article'] }, 'invalid_body'],
    ['that asks for a case', { '/grounds/judicial_order/demands': ['order', 'case_reference'] }, 'invalid_body'],
  ];
  test.each(profiles)('of a profile %s', (_, edits, code) => {
    const bare = { ...production, basis: undefined, letter: { number: '1', date: '1404-08-20' } };
    const policy = policyOf(kalakWith(edits));
    expect(refusal(() => checkLegalOrder(policy, fields, bare, now)).code).toBe(code);
    expect(checkLegalOrder(policyOf(), fields, bare, now).record.kind).toBe('production');
  });
});
