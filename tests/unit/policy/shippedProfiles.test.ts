import { describe, expect, test } from 'vitest';
import { checkProfile } from '../../../src/policy/check.ts';
import { searchableBy, writableBy } from '../../../src/policy/grants.ts';
import { checkItems, isDeclared } from '../../../src/policy/items.ts';
import { fields, parties } from '../../../src/policy/profile.ts';
import type { Field, Form, GroundKind, Party } from '../../../src/policy/profile.ts';
import { shipped, shippedNames } from './shipped.ts';
import type { ShippedName } from './shipped.ts';

/** What sets the five policies apart, read from their sentences and not from the files. */

describe('what the check says of each', () => {
  const said: Readonly<Record<ShippedName, readonly string[]>> = {
    kalak: [],
    // D3 promises to ship, D21 lets nobody carry it.
    khakriz: ['contradiction courier_off'],
    // C12 as D21; C6 leaves accounting out.
    citra: ['contradiction courier_off', 'contradiction invoice_off'],
    // B6 against the law; B26.
    ito: ['contradiction order_beside_permission', 'note version_unannounced'],
    // A26, A27.
    imo: ['note version_unannounced'],
  };

  test.each(shippedNames)('%s', (name) => {
    const found = checkProfile(shipped[name]).map(({ severity, code }) => `${severity} ${code}`);
    expect(found.sort()).toEqual([...said[name]].sort());
  });

  test('a parcel that nobody may carry: both sentences are named, in both languages', () => {
    const of = (name: ShippedName) => checkProfile(shipped[name]).find(({ code }) => code === 'courier_off');
    expect(of('khakriz')?.message).toMatch(/shipping.*D3.*D21/);
    expect(of('khakriz')?.messageFa).toMatch(/D3.*D21/);
    expect(of('citra')?.message).toMatch(/order.*C3.*C12/);
    expect(of('kalak')).toBeUndefined();
  });
});

describe('what is demanded', () => {
  const both = ['legalNationalId', 'economicCode'];
  const contact = ['contactGivenName', 'contactFamilyName'];
  const name = ['givenName', 'familyName'];
  test.each<[ShippedName, Party, Form, string[]]>([
    // E6, E7
    ['kalak', 'natural', 'account', name],
    // D7, D8
    ['khakriz', 'natural', 'account', [...name, 'nationalId']],
    ['khakriz', 'legal', 'account', ['legalName', ...both, ...contact]],
    // D3: address, phone and e-mail
    ['khakriz', 'natural', 'order', ['email', 'mobile', 'address']],
    // D13
    ['khakriz', 'recipient', 'order', ['recipientName', 'recipientPhone', 'recipientAddress']],
    // C4
    ['citra', 'natural', 'account', name],
    ['citra', 'legal', 'account', ['legalName', ...contact]],
    ['citra', 'natural', 'order', ['mobile', 'address']],
    // B7: the name, and nothing else
    ['ito', 'natural', 'account', name],
    ['ito', 'legal', 'account', ['legalName', ...contact]],
    ['ito', 'natural', 'order', []],
    ['imo', 'natural', 'account', name],
    ['imo', 'natural', 'order', []],
  ])('%s of %s for %s', (profile, party, form, lacking) => {
    const missing = checkItems(shipped[profile], party, form, []).map(({ pointer }) => pointer);
    expect(missing.sort()).toEqual([...lacking].sort());
  });

  test('D7: a foreigner gives the ID a foreigner has', () => {
    const has = (given: Field[]) =>
      checkItems(shipped.khakriz, 'natural', 'account', ['givenName', 'familyName', ...given]);
    expect(has(['nationalId'])).toEqual([]);
    expect(has(['foreignerId'])).toEqual([]);
    expect(has([])).toEqual([{ pointer: 'nationalId', code: 'field_required' }]);
  });
});

describe('what is never collected', () => {
  const recipient: Field[] = ['recipientName', 'recipientPhone', 'recipientAddress'];
  const identity: Field[] = ['nationalId', 'foreignerId', 'legalNationalId', 'economicCode'];
  const absent: Readonly<Record<ShippedName, readonly Field[]>> = {
    kalak: [],
    khakriz: ['iban', 'location'],
    citra: ['iban', 'location', ...identity, ...recipient],
    ito: ['iban', 'location', ...recipient],
    imo: ['iban', 'location', 'economicCode', ...recipient],
  };

  test.each(shippedNames)('%s', (name) => {
    const taken = (field: Field) => parties.some((party) => isDeclared(shipped[name], party, field));
    expect(fields.filter((field) => !taken(field)).sort()).toEqual([...absent[name]].sort());
    // Nor written, nor looked for.
    const shop = { role: 'shop_backend' } as const;
    for (const field of absent[name]) expect(writableBy(shipped[name], shop)).not.toContain(field);
    for (const field of absent[name]) expect(searchableBy(shipped[name], shop)).not.toContain(field);
  });

  test('D6: a VAT certificate is for legal persons only', () => {
    const serving = (party: Party) =>
      Object.entries(shipped.khakriz.items[party]).flatMap(([field, { purposes }]) =>
        purposes.includes('vat_certificate') ? [field] : [],
      );
    expect(serving('natural')).toEqual([]);
    expect(serving('legal').sort()).toEqual(['economicCode', 'legalName', 'legalNationalId']);
  });
});

describe('why values may leave', () => {
  const order: GroundKind[] = ['judicial_order', 'administrative_order'];
  const allowed: Readonly<Record<ShippedName, readonly GroundKind[]>> = {
    kalak: [...order, 'statute'],
    khakriz: [...order, 'legal_pursuit'],
    citra: order,
    ito: [...order, 'consent'],
    imo: [...order, 'legal_process', 'defence_of_rights', 'emergency'],
  };

  test.each(shippedNames)('%s', (name) => {
    const { grounds } = shipped[name];
    const open = Object.entries(grounds).filter(([, ground]) => ground.allowed);
    expect(open.map(([kind]) => kind).sort()).toEqual([...allowed[name]].sort());
    for (const [kind, { demands }] of open) expect(demands, kind).toContain('two_persons');
  });

  test('C12: the law and the order, both', () => {
    for (const kind of order)
      expect(shipped.citra.grounds[kind].demands).toEqual(expect.arrayContaining(['order', 'law', 'article']));
    expect(shipped.khakriz.grounds.judicial_order.demands).not.toContain('law');
  });

  test('A16: what no order stands behind has its reason and is looked at again', () => {
    for (const kind of ['legal_process', 'defence_of_rights', 'emergency'] as const) {
      expect(shipped.imo.grounds[kind].demands).toEqual(expect.arrayContaining(['written_reason', 'later_review']));
    }
  });

  test('A15 tells nobody beforehand, B6 asks first, C16 is open about it', () => {
    const told = shippedNames.filter((name) => shipped[name].disclosureNotice?.default === true);
    expect(told).toEqual(['kalak', 'khakriz', 'citra', 'ito']);
    expect(shipped.ito.grounds.consent.demands).toContain('subject_permission');
  });

  test('C12, D21, B6: no firm acts for the shop; E14, A11 let one in', () => {
    const open = (kind: 'courier' | 'payment_processor') =>
      shippedNames.filter((name) => shipped[name].processors[kind].allowed);
    expect(open('courier')).toEqual(['kalak', 'imo']);
    expect(open('payment_processor')).toEqual(['kalak']);
  });
});

describe('consent and notice', () => {
  test('C3: advertising does not exist in citra, even with consent', () => {
    expect(Object.keys(shipped.citra.purposes)).not.toContain('marketing');
    expect(shipped.citra.consent.purposes).toEqual([]);
  });

  test('what is asked for, and what may be refused', () => {
    const asked = shippedNames.map((name) => [name, shipped[name].consent.purposes, shipped[name].consent.optOut]);
    expect(asked).toEqual([
      ['kalak', ['marketing'], undefined],
      ['khakriz', ['marketing'], undefined],
      ['citra', [], undefined],
      ['ito', ['offers'], undefined],
      ['imo', ['partner_mailing'], ['survey']],
    ]);
    // A1: use is no yes.
    for (const name of shippedNames) expect(shipped[name].consent.impliedOpensSending).toBe(false);
    for (const name of shippedNames) expect(shipped[name].consent.methods.feature_used.explicit).toBe(false);
  });

  test('E33 before every change, C15 on the site before one that matters, A26 and B25 with the change itself', () => {
    const waits = shippedNames.map((name) => [name, shipped[name].notice.requiredBeforeEffect]);
    expect(waits).toEqual([
      ['kalak', true],
      ['khakriz', true],
      ['citra', true],
      ['ito', false],
      ['imo', false],
    ]);
    const { onlyIfMaterial, channels } = shipped.citra.notice;
    expect(onlyIfMaterial).toBe(true);
    expect(Object.entries(channels).flatMap(([id, { counts }]) => (counts ? [id] : []))).toEqual(['site']);
    expect(shipped.kalak.notice.onlyIfMaterial).toBe(false);
  });
});

describe('dates, addresses and laws', () => {
  const jalali = new Intl.DateTimeFormat('en-u-ca-persian-nu-latn', { dateStyle: 'short', timeZone: 'UTC' });
  const day = (iso: string) => jalali.format(new Date(`${iso}T00:00:00Z`));

  test('B2: article 7 of decree 1127128 of 28 Esfand 1395', () => {
    const [decree] = shipped.ito.legalBasis;
    expect(decree).toMatchObject({ articles: ['7'], number: '1127128', clauses: ['B2'] });
    expect(day(decree?.date ?? '')).toContain('12/28/1395');
  });

  test('a date that the text does not bear is called a decision', () => {
    expect(shipped.kalak.version.clauses).toEqual(['E37']);
    for (const name of ['khakriz', 'citra', 'imo'] as const) expect(shipped[name].version.clauses).toContain('D');
    expect(day(shipped.citra.version.date)).toContain('10/11/1402');
  });

  test('each says whom to ask and where to complain', () => {
    for (const name of shippedNames) {
      expect(shipped[name].contact.email, name).toMatch(/@example\.com$/);
      expect(shipped[name].complaintContact?.email, name).toMatch(/@example\.com$/);
      expect(shipped[name].complaintContact?.email, name).not.toBe(shipped[name].contact.email);
    }
  });
});
