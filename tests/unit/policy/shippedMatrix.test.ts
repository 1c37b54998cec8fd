import { describe, expect, test } from 'vitest';
import { judge } from '../../../src/policy/judge.ts';
import { fields, grantKinds } from '../../../src/policy/profile.ts';
import type { Cell, Field, Profile } from '../../../src/policy/profile.ts';
import { columns } from './matrix.ts';
import { shipped } from './shipped.ts';
import { stateFor, tables } from './shippedMatrix.ts';
import type { NewProfile } from './shippedMatrix.ts';
import { grantsFor, readers } from './situations.ts';

const names = ['khakriz', 'citra', 'ito', 'imo'] as const satisfies readonly NewProfile[];

function wrongCells(name: NewProfile, profile: Profile): string[] {
  const wrong = new Set<string>();
  for (const who of readers) {
    for (const field of fields) {
      for (const grant of grantsFor(field, tables[name].purposes)) {
        const is = judge(profile, who, grant, field).state;
        const should = stateFor(name, who, grant, field);
        if (is !== should)
          wrong.add(`${field} for ${JSON.stringify(who)} under ${grant?.kind ?? 'nothing'}: ${is}, not ${should}`);
      }
    }
  }
  return [...wrong];
}

const withCell = (profile: Profile, field: Field, reader: string, cell: Cell): Profile => ({
  ...profile,
  access: { ...profile.access, [field]: { ...profile.access[field], [reader]: cell } },
});
const mask: Cell = { base: 'masked', full: [], clauses: ['D'] };

describe('P7: nothing outside the matrix of each profile', () => {
  test('the tables have a cell for every column, and no field twice', () => {
    for (const name of names) {
      const { rows } = tables[name];
      for (const cells of Object.values(rows)) expect(cells.split(/ +/), name).toHaveLength(columns.length);
      const listed = Object.keys(rows).flatMap((row) => row.trim().split(' '));
      expect(new Set(listed).size).toBe(listed.length);
      expect(listed.filter((field) => !fields.some((known) => known === field))).toEqual([]);
    }
  });

  test.each(names)('%s gives exactly its table: reader x field x kind x purpose x state x listed x order', (name) => {
    expect(wrongCells(name, shipped[name])).toEqual([]);
  });

  test.each<[NewProfile, string, Profile]>([
    ['citra', 'accounting that sees a mask', withAccounting(shipped.citra)],
    ['khakriz', 'a courier that is let in', withCourier(shipped.khakriz)],
    ['ito', 'an address without its order', withCell(shipped.ito, 'address', 'support', { ...mask, full: ['ticket'] })],
    ['imo', 'a mask too few', withCell(shipped.imo, 'email', 'dpo', { ...mask, base: 'none' })],
    ['imo', 'a request that need not be named', withoutOrder(shipped.imo)],
  ])('control: %s, %s is found', (name, _, profile) => {
    expect(wrongCells(name, profile)).not.toEqual([]);
  });
});

describe('the kinds of work', () => {
  test.each<[NewProfile, string]>([
    ['khakriz', 'ticket return invoice inquiry legal_order'],
    ['citra', 'ticket return inquiry legal_order break_glass'],
    ['ito', 'ticket return invoice inquiry legal_order'],
    ['imo', 'ticket inquiry shipment legal_order'],
  ])('%s has %s', (name, kinds) => {
    const { grantKinds: rules } = shipped[name];
    expect(grantKinds.filter((kind) => rules[kind] !== undefined).join(' ')).toBe(kinds);
    for (const kind of grantKinds) {
      if (rules[kind] !== undefined) expect(rules[kind]?.purpose).toBe(tables[name].purposes[kind]);
    }
  });
});

function withAccounting(profile: Profile): Profile {
  const department = profile.departments['support'];
  if (department === undefined) throw new Error('no support');
  const wide = { ...profile, departments: { ...profile.departments, accounting: department } };
  return withCell(wide, 'email', 'accounting', mask);
}

function withCourier(profile: Profile): Profile {
  const { courier } = profile.processors;
  const cell: Cell = { base: 'none', full: ['shipment'], clauses: ['D'] };
  const { ticket } = profile.grantKinds;
  if (ticket === undefined) throw new Error('no ticket');
  const open: Profile = {
    ...profile,
    processors: { ...profile.processors, courier: { ...courier, allowed: true } },
    grantKinds: { ...profile.grantKinds, shipment: { ...ticket, grantees: ['courier'], purpose: 'shipping' } },
    carriers: { default: { title: courier.title, shows: ['phone'], clauses: ['D'] } },
  };
  return withCell(open, 'mobile', 'courier', cell);
}

function withoutOrder(profile: Profile): Profile {
  const { ticket } = profile.grantKinds;
  if (ticket === undefined) throw new Error('no ticket');
  return { ...profile, grantKinds: { ...profile.grantKinds, ticket: { ...ticket, requiresOrder: false } } };
}
