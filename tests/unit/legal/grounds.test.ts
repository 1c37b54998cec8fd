import { describe, expect, test } from 'vitest';
import { VaultError } from '../../../src/errors.ts';
import { fields } from '../../../src/policy/profile.ts';
import { checkLegalOrder } from '../../../src/vault/legalOrderCheck.ts';
import type { LegalOrderInput } from '../../../src/vault/legalOrderRecord.ts';
import { kalakWith, type Edits } from '../policy/kalak.ts';
import { now, policyOf, production } from './orders.ts';

const { authority: _authority, letter: _letter, basis: _basis, recipient: _recipient, ...bare } = production;

/** What each ground needs at the least, and one recipient that it may not serve. */
const grounds: Readonly<Record<string, { input: LegalOrderInput; needs: readonly string[]; wrong: string }>> = {
  judicial_order: {
    input: production,
    needs: ['/authority', '/letter', '/recipient/title'],
    wrong: 'lawyer',
  },
  administrative_order: {
    input: {
      ...production,
      kind: 'administrative_request',
      authority: { kind: 'administrative', name: 'سازمان امور مالیاتی' },
    },
    needs: ['/basis/law', '/basis/article', '/recipient'],
    wrong: 'police',
  },
  statute: {
    input: {
      ...bare,
      kind: 'statutory_duty',
      basis: { law: 'قانون پایانه‌ها', article: '۵' },
      recipient: { name: 'سازمان امور مالیاتی' },
    },
    needs: ['/basis/law', '/basis/article', '/recipient'],
    wrong: 'lawyer',
  },
  defence_of_rights: {
    input: { ...bare, ground: 'defence_of_rights', ...own('دادگاه عمومی', 'court') },
    needs: ['/case', '/reason', '/decider', '/recipient'],
    wrong: 'issuer',
  },
  legal_pursuit: {
    input: { ...bare, ground: 'legal_pursuit', ...own('پلیس فتا', 'police') },
    needs: ['/case', '/reason', '/decider'],
    wrong: 'third_party',
  },
  legal_process: {
    input: { ...bare, ground: 'legal_process', ...own('دادگاه عمومی', 'court') },
    needs: ['/case', '/reason', '/decider'],
    wrong: 'lawyer',
  },
  emergency: {
    input: {
      ...bare,
      ground: 'emergency',
      ...own('اورژانس تهران', 'emergency_service'),
      deadline: undefined,
      validUntil: '2025-11-12',
    },
    needs: ['/reason', '/decider', '/recipient'],
    wrong: 'lawyer',
  },
  consent: {
    input: {
      ...bare,
      ground: 'consent',
      recipient: { name: 'بیمهٔ نمونه', as: 'third_party' },
      permission: {
        id: '0199a9b0-0000-7000-8000-00000000abcd',
        givenAt: '2025-11-12T07:00:00Z',
        recipientName: 'بیمهٔ نمونه',
        purpose: 'بیمهٔ کالا',
        fields: ['mobile', 'givenName'],
      },
    },
    needs: ['/permission', '/recipient'],
    wrong: 'issuer',
  },
};

function own(name: string, as: 'court' | 'police' | 'emergency_service') {
  return {
    recipient: { name, as },
    case: { number: 'د/۱۴۰۴/۱۲' },
    reason: 'دفاع در برابر دعوا',
    decider: { name: 'مریم کاظمی', title: 'مدیر حقوقی' },
  };
}

const allowed: Edits = Object.fromEntries(Object.keys(grounds).map((ground) => [`/grounds/${ground}/allowed`, true]));
const policy = policyOf(kalakWith(allowed));

function faultsOf(input: LegalOrderInput, under = policy): readonly string[] {
  try {
    checkLegalOrder(under, fields, input, now);
  } catch (error) {
    if (error instanceof VaultError) return [error.code, ...error.faults.map((f) => `${f.pointer} ${f.code}`)];
  }
  return [];
}

describe.each(Object.entries(grounds))('A16 to A19, B6, D18, E15 to E17: %s', (ground, { input, needs, wrong }) => {
  test('is taken with what it needs, and is that ground', () => {
    expect(faultsOf(input)).toEqual([]);
    expect(checkLegalOrder(policy, fields, input, now).record.ground).toBe(ground);
  });

  test('is refused where the profile does not allow it', () => {
    const forbidden = policyOf(kalakWith({ ...allowed, [`/grounds/${ground}/allowed`]: false }));
    expect(faultsOf(input, forbidden)).toEqual(['ground_not_allowed']);
  });

  test.each(needs)('is refused without %s', (pointer) => {
    const [, member = '', inner] = pointer.split('/');
    const held = (input as unknown as Record<string, unknown>)[member];
    const less =
      inner === undefined ? undefined : Object.fromEntries(Object.entries(held ?? {}).filter(([n]) => n !== inner));
    const faults = faultsOf({ ...input, [member]: less });
    expect(faults[0], faults.join()).toMatch(/^(invalid_body|ground_not_allowed)$/);
  });

  test('serves nobody else', () => {
    const recipient = { ...input.recipient, name: 'سارا نوری', title: 'وکیل', as: wrong };
    expect(faultsOf({ ...input, recipient } as LegalOrderInput)).toContain('/recipient/as not_of_this_ground');
  });
});

describe('a ground that rests on no letter', () => {
  test('takes no letter in its place: a private lawyer’s and a foreign authority’s are no orders', () => {
    for (const kind of ['lawyer', 'foreign', 'judicial']) {
      const input = {
        ...grounds['defence_of_rights']!.input,
        authority: { kind, name: 'دفتر وکالت' },
        letter: production.letter,
      };
      expect(faultsOf(input)[0]).toBe('ground_not_allowed');
    }
  });

  test('an emergency is about one person and over the next day', () => {
    const { input } = grounds['emergency']!;
    const two = [...production.scope.subjects, { by: 'mobile', value: '09701234567' } as const];
    expect(faultsOf({ ...input, scope: { ...input.scope, subjects: two } })).toContain('/scope/subjects too_many');
    expect(faultsOf({ ...input, validUntil: '2025-11-15' })).toContain('/validUntil too_far');
  });

  test('a permission covers fields and recipient and came first', () => {
    const { input } = grounds['consent']!;
    const permission = input.permission!;
    expect(faultsOf({ ...input, permission: { ...permission, fields: ['givenName'] } })).toContain(
      '/permission/fields does_not_cover',
    );
    expect(faultsOf({ ...input, permission: { ...permission, recipientName: 'دیگری' } })).toContain(
      '/permission/recipientName another_recipient',
    );
    expect(faultsOf({ ...input, permission: { ...permission, givenAt: '2025-11-12T09:00:00Z' } })).toContain(
      '/permission/givenAt after_receipt',
    );
  });
});

describe('CPC 669, 671, 673', () => {
  test('C12: a profile may want both law and order', () => {
    const both = policyOf(
      kalakWith({ '/grounds/judicial_order/demands': ['order', 'law', 'article', 'issuing_authority', 'two_persons'] }),
    );
    expect(faultsOf(production, both)).toEqual([]);
    expect(faultsOf({ ...production, basis: undefined }, both)).toEqual([
      'invalid_body',
      '/basis/law required',
      '/basis/article required',
    ]);
  });

  test('data are kept for three months at most; an officer’s word holds a day', () => {
    const keep: LegalOrderInput = { ...production, kind: 'preservation', recipient: undefined, deadline: undefined };
    expect(faultsOf({ ...keep, validUntil: '2026-02-12' })).toEqual([]);
    expect(faultsOf({ ...keep, validUntil: '2026-02-13' })).toEqual(['invalid_body', '/validUntil too_far']);
    const officer = { ...keep, authority: { ...production.authority, kind: 'officer' } };
    expect(faultsOf({ ...officer, validUntil: '2025-11-13' })).toEqual([]);
    expect(faultsOf({ ...officer, validUntil: '2025-11-15' })).toEqual(['invalid_body', '/validUntil too_far']);
  });

  test('a search says where', () => {
    const search: LegalOrderInput = { ...production, kind: 'search_seizure' };
    expect(faultsOf(search)).toEqual(['invalid_body', '/scope/place required']);
    expect(faultsOf({ ...search, scope: { ...search.scope, place: 'سامانهٔ فروشگاه' } })).toEqual([]);
  });

  test('an order serves its issuer, or the officer whom it names by title', () => {
    expect(faultsOf({ ...production, recipient: { name: 'کاوه نوری', title: 'بازپرس', as: 'issuer' } })).toEqual([]);
    expect(faultsOf({ ...production, recipient: { name: 'سارا نوری', title: 'ضابط', as: 'issuer' } })).toEqual([
      'invalid_body',
      '/recipient/name not_the_issuer',
    ]);
    const { record } = checkLegalOrder(
      policy,
      fields,
      { ...production, recipient: { name: 'سارا نوری', title: 'ضابط' } },
      now,
    );
    expect(record.recipient?.as).toBe('named_officer');
  });

  test('no profile can do without an approval', () => {
    expect(() => kalakWith({ '/grounds/judicial_order/approvals': 0 })).toThrow('invalid_body');
    expect(kalakWith({ '/grounds/judicial_order/approvals': 2 }).grounds.judicial_order.approvals).toBe(2);
  });
});
