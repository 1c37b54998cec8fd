import { describe, expect, test } from 'vitest';
import { checkProfile } from '../../../src/policy/check.ts';
import { citations } from '../../../src/policy/citation.ts';
import type { Field } from '../../../src/policy/profile.ts';
import { kalak, kalakWith } from './kalak.ts';
import type { Edits } from './kalak.ts';

const cell = (full: string[]) => ({ base: 'masked', full, clauses: ['E20'] });

const readByInvoice = Object.keys(kalak.access).filter(
  (field) => kalak.access[field as Field]?.['accounting']?.full.includes('invoice') === true,
);
const invoicesOff: Edits = {
  '/grantKinds/invoice': undefined,
  ...Object.fromEntries(readByInvoice.map((field) => [`/access/${field}/accounting/full`, []])),
};

describe('findings', () => {
  test('kalak has none', () => {
    expect(checkProfile(kalak)).toEqual([]);
  });

  test.each<[string, string, Edits]>([
    ['error', 'field_without_purpose', { '/items/natural/iban/purposes': [] }],
    ['error', 'mandatory_not_declared', { '/items/natural/iban': undefined }],
    ['error', 'department_without_cell', { '/departments/marketing/seesValues': true }],
    ['error', 'department_with_cell', { '/departments/support/seesValues': false }],
    ['error', 'grant_kind_without_holder', { '/grantKinds/return/grantees': ['marketing'] }],
    ['error', 'grant_kind_without_holder', { '/processors/courier/allowed': false }],
    ['error', 'cell_out_of_reach', { '/access/location/support': cell(['ticket']) }],
    ['error', 'cell_out_of_reach', { '/access/iban/dpo': cell(['refund']) }],
    ['error', 'grantee_without_purpose', { '/departments/after_sales/purposes': ['support'] }],
    ['error', 'mask_missing', { '/masks/iban': undefined }],
    ['error', 'carrier_item_without_cell', { '/access/location/courier': undefined }],
    [
      'error',
      'notice_without_channel',
      {
        '/notice/channels/site/counts': false,
        '/notice/channels/email/counts': false,
        '/notice/channels/version_date/counts': false,
      },
    ],
    [
      'error',
      'telling_out_of_reach',
      {
        '/tells/request_step/purpose': 'payment',
        '/items/natural/mobile/purposes': ['order'],
        '/items/legal/mobile/purposes': ['order'],
      },
    ],
    ['error', 'keep_beyond_most', { '/retention/alternate_recipient/keep': 'P91D' }],
    ['contradiction', 'courier_off', { '/processors/courier/allowed': false }],
    ['contradiction', 'payment_processor_off', { '/processors/payment_processor/allowed': false }],
    ['contradiction', 'invoice_off', invoicesOff],
    ['contradiction', 'order_beside_permission', { '/grounds/consent/allowed': true }],
    ['contradiction', 'implied_consent_sends', { '/consent/impliedOpensSending': true }],
    ['contradiction', 'withdrawal_overridden', { '/consent/withdrawal/impliedConsentOverrides': true }],
    ['contradiction', 'judicial_order_off', { '/grounds/judicial_order/allowed': false }],
    ['contradiction', 'processors_beside_permission', { '/grounds/consent/allowed': true }],
    ['contradiction', 'withdrawal_window', { '/retention/order_shipping/keep': 'P7D' }],
    ['contradiction', 'hold_too_long', { '/retention/preservation_hold/most/length': 'P4M' }],
    ['contradiction', 'hold_too_long', { '/retention/preservation_hold/most': undefined }],
    ['note', 'version_unannounced', { '/notice/requiredBeforeEffect': false }],
    ['note', 'complaint_contact_silent', { '/complaintContact': undefined }],
    ['note', 'disclosure_notice_silent', { '/disclosureNotice': undefined }],
    ['note', 'processor_cells_closed', { '/processors/courier/allowed': false }],
    ['note', 'cell_of_undeclared_field', { '/items/recipient/recipientName': undefined }],
    ['note', 'purpose_unused', { '/purposes/survey': kalak.purposes['inquiry'] }],
    ['note', 'field_without_reader', { '/access/recipientName': undefined }],
  ])('%s %s', (severity, code, edits) => {
    const found = checkProfile(kalakWith(edits)).filter((finding) => finding.code === code);
    expect(found.length).toBeGreaterThan(0);
    for (const finding of found) {
      expect(finding.severity).toBe(severity);
      expect(finding.message).toMatch(/^[\x20-\x7E]+$/);
      expect(finding.messageFa).toMatch(/\p{Script=Arabic}/u);
    }
  });
});

describe('work that no firm may do for the shop', () => {
  const courierOff = (edits: Edits): string[] =>
    checkProfile(kalakWith({ '/processors/courier': { ...kalak.processors.courier, allowed: false }, ...edits }))
      .filter(({ code }) => code === 'courier_off')
      .map(({ message }) => message);

  test('is promised by a purpose, and both sentences are named', () => {
    const rule = { ...kalak.processors.courier, allowed: false, clauses: ['E12'] };
    const [message] = courierOff({ '/processors/courier': rule });
    expect(message).toMatch(/purpose shipping .*\(E8, E14\).*\(E12\)/);
  });

  // A closed list of purposes (C3) may not name shipping, and the order form asks for the address all the same.
  const withoutShipping = (): Edits => {
    const items = Object.entries(kalak.items).flatMap(([party, byField]) =>
      Object.entries(byField).map(([field, { purposes }]) => [
        `/items/${party}/${field}/purposes`,
        purposes.map((purpose) => (purpose === 'shipping' ? 'order' : purpose)),
      ]),
    );
    return {
      ...Object.fromEntries(items),
      '/purposes/shipping': undefined,
      '/processors/courier': { ...kalak.processors.courier, allowed: false, purposes: ['order'] },
      '/grantKinds/shipment/purpose': 'order',
      '/tells/delivery_code/purpose': 'order',
      '/rights/object/refused/shipping': undefined,
    };
  };

  test('or by the order form, where no such purpose is declared', () => {
    expect(courierOff(withoutShipping())).toEqual([expect.stringMatching(/form order .*\(E6, E8\)/)]);
  });

  test('control: who asks for no address promises nothing', () => {
    expect(courierOff({ ...withoutShipping(), '/forms/order': {} })).toEqual([]);
  });
});

describe('clauses', () => {
  const ids = [...new Set(citations(kalak).flatMap(({ clauses }) => clauses))].filter((id) => id !== 'D');

  test('all answered', () => {
    expect(checkProfile(kalak, { clauseIds: ids })).toEqual([]);
  });

  test('one that no rule answers, and one that nobody wrote', () => {
    const codes = (clauseIds: string[]) =>
      checkProfile(kalak, { clauseIds }).map(({ code, message }) => [code, message]);
    expect(codes([...ids, 'E99'])).toEqual([['clause_without_rule', expect.stringContaining('E99')]]);
    expect(codes(ids.filter((id) => id !== 'E26'))).toEqual([['clause_unknown', expect.stringContaining('E26')]]);
  });

  test('taking a rule away leaves its clause unanswered', () => {
    const bare = kalakWith({ '/attestation/clauses': ['D'], '/attestation/why': 'a test' });
    expect(checkProfile(bare, { clauseIds: ids }).map(({ code }) => code)).toEqual(['clause_without_rule']);
  });
});
