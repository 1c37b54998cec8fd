import { describe, expect, test } from 'vitest';
import { carrierShows, decide, judge, judgeFor } from '../../../src/policy/judge.ts';
import type { JudgedGrant, Reader } from '../../../src/policy/judge.ts';
import { fields, grantKinds } from '../../../src/policy/profile.ts';
import type { Field, Profile } from '../../../src/policy/profile.ts';
import { kalak, kalakWith } from './kalak.ts';
import { grantsFor, openGrant, purposeOf, readers } from './situations.ts';

const support: Reader = { role: 'support' };
const accounting: Reader = { role: 'accounting' };
const courier: Reader = { role: 'courier' };

describe('reasons', () => {
  test.each<[string, Reader, JudgedGrant | undefined, Field, string]>([
    ['no cell at all', { role: 'marketing' }, undefined, 'email', 'withheld role'],
    ['no cell, whatever the grant', { role: 'system_admin' }, openGrant('ticket'), 'email', 'withheld role'],
    ['a cell that no grant opens', support, undefined, 'nationalId', 'masked role'],
    ['a cell that no grant opens, with one', support, openGrant('ticket'), 'nationalId', 'masked role'],
    ['could be full, no grant', support, undefined, 'mobile', 'masked no_grant'],
    ['could be full, no grant, no mask', courier, undefined, 'mobile', 'withheld no_grant'],
    ['a grant of another kind', accounting, openGrant('refund'), 'nationalId', 'masked purpose'],
    ["another reader's kind", support, openGrant('invoice'), 'mobile', 'masked purpose'],
    [
      'a purpose that is not the kind’s',
      support,
      openGrant('ticket', { purpose: 'marketing' }),
      'mobile',
      'masked purpose',
    ],
    ['a list without the field', support, openGrant('ticket', { fields: ['email'] }), 'mobile', 'masked grant_scope'],
    ['an empty list', support, openGrant('ticket', { fields: [] }), 'mobile', 'masked grant_scope'],
    ['no order where one is needed', support, openGrant('ticket'), 'address', 'masked grant_scope'],
    ['no order, processor', { role: 'payment_processor' }, openGrant('refund'), 'iban', 'withheld grant_scope'],
    ['a shipment without its order', courier, openGrant('shipment'), 'mobile', 'withheld grant_scope'],
    ['closed', support, openGrant('ticket', { state: 'expired' }), 'mobile', 'masked expired'],
    [
      'delivered',
      support,
      openGrant('ticket', { hasOrder: true, delivered: true }),
      'recipientPhone',
      'masked expired',
    ],
    [
      'delivered or not, nobody said',
      support,
      openGrant('ticket', { hasOrder: true }),
      'recipientPhone',
      'masked expired',
    ],
    [
      'a carrier that does not need it',
      courier,
      openGrant('shipment', { hasOrder: true }),
      'nationalId',
      'withheld role',
    ],
  ])('%s', (_, who, grant, field, expected) => {
    const verdict = judge(kalak, who, grant, field);
    expect(verdict.state === 'full' ? 'full' : `${verdict.state} ${verdict.reason}`).toBe(expected);
  });

  test('a grant that is of the wrong kind and closed says the first: the closing tells nothing new', () => {
    const verdict = judge(kalak, accounting, openGrant('refund', { state: 'expired' }), 'nationalId');
    expect(verdict).toMatchObject({ reason: 'purpose' });
  });
});

describe('rules', () => {
  test.each<[Reader, JudgedGrant | undefined, Field, string]>([
    [accounting, openGrant('invoice'), 'nationalId', 'nationalId.accounting.invoice'],
    [support, undefined, 'nationalId', 'nationalId.support.base'],
    [{ role: 'marketing' }, undefined, 'nationalId', 'nationalId.marketing.none'],
    [{ role: 'subject' }, undefined, 'iban', 'iban.subject.base'],
    [{ role: 'department', department: 'Ali; drop' }, undefined, 'iban', 'iban.department.none'],
  ])('%o under %o', (who, grant, field, rule) => {
    expect(judge(kalak, who, grant, field).rule).toBe(rule);
  });

  test('a decision names the widest thing it rests on', () => {
    const ask: readonly Field[] = ['givenName', 'iban'];
    expect(decide(kalak, support, openGrant('ticket'), ask).rule).toBe('support.ticket');
    expect(decide(kalak, support, undefined, ask).rule).toBe('support.base');
    expect(decide(kalak, { role: 'marketing' }, undefined, ask).rule).toBe('marketing.none');
    expect(decide(kalak, { role: 'subject' }, undefined, ask).rule).toBe('subject.base');
  });
});

describe('a decision', () => {
  test('keeps to the fields asked for and has a verdict for every field', () => {
    const decision = decide(kalak, support, openGrant('ticket'), ['mobile', 'nationalId', 'location']);
    expect(decision.full).toEqual(['mobile']);
    expect(decision.masked).toEqual(['nationalId']);
    expect(Object.keys(decision.verdicts)).toEqual([...fields]);
    expect(decision.verdicts.email.state).toBe('full');
  });

  test('is frozen through and through', () => {
    const decision = judgeFor(kalak).decide(support, openGrant('ticket'), ['mobile']);
    for (const part of [
      decision,
      decision.full,
      decision.masked,
      decision.verdicts,
      ...Object.values(decision.verdicts),
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

describe('the memory', () => {
  test('gives what the judge gives, in every situation, twice', () => {
    const remembering = judgeFor(kalak);
    for (const round of [1, 2]) {
      for (const who of readers) {
        for (const grant of grantsFor('address').filter((_, n) => n % 7 === round)) {
          expect(remembering.decide(who, grant, ['address'])).toEqual(decide(kalak, who, grant, ['address']));
          expect(remembering.judge(who, grant, 'address')).toEqual(judge(kalak, who, grant, 'address'));
        }
      }
    }
  });

  test('answers a repeated question with the same object, and a changed one anew', () => {
    const { decide: ask } = judgeFor(kalak);
    const listed: Field[] = ['mobile'];
    const first = ask(support, openGrant('ticket', { fields: listed }), ['mobile']);
    expect(ask(support, openGrant('ticket', { fields: ['mobile'] }), ['mobile'])).toBe(first);
    listed[0] = 'email';
    expect(ask(support, openGrant('ticket', { fields: listed }), ['mobile']).full).toEqual([]);
    expect(ask(support, openGrant('ticket', { fields: ['mobile'], state: 'expired' }), ['mobile']).full).toEqual([]);
  });

  test('names that look like other keys do not meet', () => {
    const { decide: ask } = judgeFor(kalak);
    const wide = ask(support, openGrant('ticket'), ['mobile']);
    for (const department of ['"],["mobile"]', 'null', '\u0000']) {
      expect(ask({ role: 'department', department }, openGrant('ticket'), ['mobile'])).not.toBe(wide);
    }
  });

  test('does not grow without end', () => {
    const { decide: ask } = judgeFor(kalak);
    const first = ask(support, undefined, ['mobile']);
    for (let n = 0; n < 3_000; n += 1) ask({ role: 'department', department: `d${n}` }, undefined, ['mobile']);
    const again = ask(support, undefined, ['mobile']);
    expect(again).toEqual(first);
    expect(again).not.toBe(first);
  });
});

describe('readers', () => {
  test('a further department sees what its own column says, by its own kinds', () => {
    const profile = kalakWith({
      '/departments/warehouse': kalak.departments['after_sales'],
      '/grantKinds/return/grantees': ['after_sales', 'warehouse'],
      '/access/recipientName/warehouse': { base: 'none', full: ['return'], clauses: ['E20'] },
      '/grantKinds/return/fields': ['recipientName'],
    });
    const warehouse: Reader = { role: 'department', department: 'warehouse' };
    expect(judge(profile, warehouse, openGrant('return'), 'recipientName')).toEqual({
      state: 'full',
      rule: 'recipientName.warehouse.return',
    });
    expect(judge(profile, warehouse, undefined, 'recipientName')).toMatchObject({
      state: 'withheld',
      reason: 'no_grant',
    });
    expect(judge(profile, warehouse, openGrant('return'), 'mobile')).toMatchObject({
      state: 'withheld',
      reason: 'role',
    });
    expect(judge(profile, { role: 'after_sales' }, openGrant('return'), 'recipientName').state).toBe('withheld');
    expect(judge(profile, { ...warehouse, department: 'other' }, openGrant('return'), 'recipientName').state).toBe(
      'withheld',
    );
  });

  test('a processor that is switched off sees nothing, whatever its cells say', () => {
    const profile = kalakWith({ '/processors/courier/allowed': false, '/processors/payment_processor/allowed': false });
    const grants = grantKinds.map((kind) => openGrant(kind, { hasOrder: true, delivered: false }));
    for (const role of ['courier', 'payment_processor'] as const) {
      for (const grant of grants) {
        expect(decide(kalak, { role }, grant, fields).full.length > 0).toBe(isOwnWork(role, grant));
        expect(decide(profile, { role }, grant, fields)).toMatchObject({ full: [], masked: [], rule: `${role}.none` });
      }
    }
  });

  test('a carrier sees the items of its profile', () => {
    const grant = openGrant('shipment', { hasOrder: true, delivered: false });
    const seen = (carrierProfile: string | undefined) =>
      decide(kalak, { role: 'courier', carrierProfile }, grant, fields).full;
    expect(seen(undefined)).toEqual(seen('default'));
    expect(seen('post')).toContain('nationalId');
    expect(seen('default')).not.toContain('nationalId');
    expect(seen('default')).toContain('location');
    expect(seen('tipax')).not.toContain('location');
    expect(seen('unheard_of')).toEqual([]);
    expect(carrierShows(kalak, 'mahex', 'postalCode')).toBe(false);
    expect(carrierShows(kalak, 'default', 'postalCode')).toBe(true);
    expect(carrierShows(kalak, 'constructor', 'address')).toBe(false);
  });

  test('the person sees everything of their own, and no grant is asked', () => {
    expect(decide(kalak, { role: 'subject' }, undefined, fields).full).toEqual([...fields]);
  });

  test('a profile built around the parser cannot open a personal value without work', () => {
    const open = { base: 'full', full: [], clauses: ['D'], why: 'a mistake' } as const;
    const profile: Profile = { ...kalak, access: { ...kalak.access, mobile: { support: open, subject: open } } };
    expect(judge(profile, support, undefined, 'mobile')).toMatchObject({ state: 'masked', reason: 'role' });
    expect(judge(profile, { role: 'subject' }, undefined, 'mobile').state).toBe('full');
  });
});

function isOwnWork(role: string, grant: JudgedGrant): boolean {
  return purposeOf(grant.kind) === (role === 'courier' ? 'shipping' : 'payment');
}
