import { describe, expect, test } from 'vitest';
import { fieldsUnder, latestClose, matchableBy, searchableBy, writableBy } from '../../../src/policy/grants.ts';
import { checkItems, isDeclared } from '../../../src/policy/items.ts';
import { fields, grantKinds, parties, roles, searchKeys } from '../../../src/policy/profile.ts';
import type { Field, Form, Party } from '../../../src/policy/profile.ts';
import { kalak, kalakWith } from './kalak.ts';

describe('what a form demands', () => {
  test.each<[Party, Form, Field[], string[]]>([
    ['natural', 'account', [], ['givenName', 'familyName']],
    ['natural', 'account', ['givenName', 'familyName'], []],
    ['natural', 'account', ['familyName', 'nationalId'], ['givenName']],
    ['legal', 'account', [], ['legalName', 'legalNationalId', 'economicCode', 'contactGivenName', 'contactFamilyName']],
    ['natural', 'order', ['givenName', 'familyName'], ['address', 'mobile']],
    ['natural', 'order', ['address', 'landline'], []],
    ['natural', 'order', ['address', 'mobile'], []],
    ['legal', 'order', ['mobile'], ['address']],
    ['recipient', 'account', [], []],
    ['recipient', 'order', ['recipientName'], ['recipientPhone', 'recipientAddress']],
    ['natural', 'refund', ['mobile'], ['iban']],
    ['natural', 'refund', ['iban'], []],
    ['recipient', 'refund', [], []],
  ])('%s, %s with %j lacks %j', (party, form, present, lacking) => {
    expect(
      checkItems(kalak, party, form, present)
        .map(({ pointer }) => pointer)
        .sort(),
    ).toEqual([...lacking].sort());
    for (const fault of checkItems(kalak, party, form, present)) expect(fault.code).toBe('field_required');
  });

  test('national ID is mandatory where a profile says so', () => {
    const strict = kalakWith({ '/items/natural/nationalId/mandatory': true });
    expect(checkItems(strict, 'natural', 'account', ['givenName', 'familyName'])).toEqual([
      { pointer: 'nationalId', code: 'field_required' },
    ]);
  });
});

describe('an item that stands in for a mandatory one', () => {
  const either = kalakWith({
    '/items/natural/nationalId/mandatory': true,
    '/items/natural/foreignerId/standsInFor': 'nationalId',
  });
  const named: Field[] = ['givenName', 'familyName'];

  test('does as well, and the one it stands for is named where both are missing', () => {
    expect(checkItems(either, 'natural', 'account', [...named, 'foreignerId'])).toEqual([]);
    expect(checkItems(either, 'natural', 'account', [...named, 'nationalId'])).toEqual([]);
    expect(checkItems(either, 'natural', 'account', named)).toEqual([
      { pointer: 'nationalId', code: 'field_required' },
    ]);
  });
});

describe('what may be collected', () => {
  const natural =
    'givenName familyName nationalId foreignerId economicCode email iban mobile landline address postalCode location externalRef';
  const legal =
    'legalName legalNationalId economicCode contactGivenName contactFamilyName email iban mobile landline address postalCode location externalRef';
  const recipient = 'recipientName recipientPhone recipientAddress';

  test.each<[Party, string]>([
    ['natural', natural],
    ['legal', legal],
    ['recipient', recipient],
  ])('%s', (party, declared) => {
    expect(fields.filter((field) => isDeclared(kalak, party, field)).sort()).toEqual(declared.split(' ').sort());
  });

  test('an item without a purpose is not declared (clause E8, ECA 59 a)', () => {
    expect(isDeclared(kalakWith({ '/items/natural/iban/purposes': [] }), 'natural', 'iban')).toBe(false);
    expect(isDeclared(kalak, 'natural', 'iban')).toBe(true);
  });

  test('identifiers with one holder: contact points are not among them', () => {
    const unique = parties.flatMap((party) => fields.filter((field) => kalak.items[party][field]?.unique === true));
    expect(new Set(unique)).toEqual(
      new Set(['nationalId', 'foreignerId', 'legalNationalId', 'economicCode', 'externalRef']),
    );
  });

  test('every key there is to search by is indexed', () => {
    const found = (field: Field) => parties.some((party) => kalak.items[party][field]?.searchable === true);
    expect(fields.filter(found).sort()).toEqual([...searchKeys].sort());
  });
});

describe('who may ask for what', () => {
  test('support checks an ID with yes or no, and does not look for a bank account', () => {
    expect(matchableBy(kalak, { role: 'support' })).toEqual(['nationalId', 'foreignerId']);
    expect(searchableBy(kalak, { role: 'support' })).not.toContain('iban');
    expect(searchableBy(kalak, { role: 'shop_backend' })).toEqual(searchKeys);
  });

  test('nobody else, and no name that only looks like a list', () => {
    const silent = [
      'marketing',
      'courier',
      'payment_processor',
      'system_admin',
      'legal_approver',
      'subject',
      'department',
    ] as const;
    for (const role of silent) {
      expect(searchableBy(kalak, { role, department: 'constructor' })).toEqual([]);
      expect(matchableBy(kalak, { role, department: 'support' })).toEqual([]);
      expect(writableBy(kalak, { role, department: '__proto__' })).toEqual([]);
    }
    expect(roles.filter((role) => matchableBy(kalak, { role }).length > 0)).toEqual(['shop_backend', 'support']);
    expect(roles.filter((role) => writableBy(kalak, { role }).length > 0)).toEqual(['shop_backend']);
  });

  test('a grant can only give what the profile gives its grantee', () => {
    const holders = grantKinds.map((kind) => [
      kind,
      roles.filter((role) => fieldsUnder(kalak, kind, { role }).length > 0),
    ]);
    expect(Object.fromEntries(holders)).toEqual({
      ticket: ['support'],
      return: ['after_sales'],
      invoice: ['accounting'],
      refund: ['accounting', 'payment_processor'],
      inquiry: ['support'],
      shipment: ['courier'],
      legal_order: ['legal_registrar', 'legal_approver'],
      break_glass: [],
    });
    expect(fieldsUnder(kalak, 'refund', { role: 'accounting' })).toEqual(['iban']);
    expect(fieldsUnder(kalak, 'inquiry', { role: 'support' })).not.toContain('address');
    expect(fieldsUnder(kalak, 'shipment', { role: 'courier' })).not.toContain('nationalId');
    expect(fieldsUnder(kalak, 'shipment', { role: 'courier', carrierProfile: 'post' })).toContain('nationalId');
    expect(fieldsUnder(kalakWith({ '/processors/courier/allowed': false }), 'shipment', { role: 'courier' })).toEqual(
      [],
    );
  });

  test('a grant closes by itself', () => {
    const opens = new Date('2025-11-30T10:00:00Z');
    expect(latestClose(kalak, 'shipment', opens)).toEqual(new Date('2025-12-15T10:00:00Z'));
    expect(latestClose(kalak, 'ticket', opens)).toEqual(new Date('2026-02-28T10:00:00Z'));
  });
});
