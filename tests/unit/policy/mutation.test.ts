import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, judge } from '../../../src/policy/judge.ts';
import type { JudgedGrant, Reader } from '../../../src/policy/judge.ts';
import { fields, grantKinds } from '../../../src/policy/profile.ts';
import type { Field, GrantKind, Profile } from '../../../src/policy/profile.ts';
import { kalak } from './kalak.ts';
import { grantsFor, openGrant, purposeOf, readers } from './situations.ts';

const width = { withheld: 0, masked: 1, full: 2 } as const;

/** Everything each reader sees in the situations that open most, as one row of states a reader and grant. */
function seen(profile: Profile): readonly (keyof typeof width)[] {
  const grants = [undefined, ...grantKinds.map((kind) => openGrant(kind, { hasOrder: true, delivered: false }))];
  return readers.flatMap((who) =>
    grants.flatMap((grant) => Object.values(decide(profile, who, grant, fields).verdicts).map(({ state }) => state)),
  );
}

/** The profile with one member of one of its tables taken away. */
function without<T extends object>(table: T, key: string): T {
  return Object.fromEntries(Object.entries(table).filter(([name]) => name !== key)) as T;
}

const deletions: readonly (readonly [string, Profile])[] = [
  ...Object.entries(kalak.access).flatMap(([field, row]) =>
    Object.keys(row).map(
      (reader) =>
        [
          `the cell ${field} of ${reader}`,
          { ...kalak, access: { ...kalak.access, [field]: without(row, reader) } },
        ] as const,
    ),
  ),
  ...(['access', 'grantKinds', 'departments', 'carriers'] as const).flatMap((table) =>
    Object.keys(kalak[table]).map(
      (key) => [`${table}.${key}`, { ...kalak, [table]: without(kalak[table], key) }] as const,
    ),
  ),
  ...Object.entries(kalak.grantKinds).flatMap(([kind, rule]) => [
    [
      `the grantees of ${kind}`,
      { ...kalak, grantKinds: { ...kalak.grantKinds, [kind]: { ...rule, grantees: [] } } },
    ] as const,
    [
      `the fields of ${kind}`,
      { ...kalak, grantKinds: { ...kalak.grantKinds, [kind]: { ...rule, fields: [] } } },
    ] as const,
  ]),
];

describe('P7: a missing rule is a refusal', () => {
  const before = seen(kalak);

  test.each(deletions)('without %s less is seen, and nothing more', (what, profile) => {
    const after = seen(profile);
    const wider = after.filter((state, n) => width[state] > width[before[n] ?? 'withheld']);
    const narrower = after.filter((state, n) => width[state] < width[before[n] ?? 'withheld']);
    expect(wider).toEqual([]);
    expect(narrower.length > 0).toBe(!redundant(what));
  });

  test('control: adding a cell is seen as more', () => {
    const cell = { base: 'masked', full: [], clauses: ['E20'] } as const;
    const wide: Profile = { ...kalak, access: { ...kalak.access, iban: { ...kalak.access.iban, marketing: cell } } };
    expect(seen(wide).some((state, n) => width[state] > width[before[n] ?? 'withheld'])).toBe(true);
  });
});

/** Departments that see no value, and carriers that no reader of the situations names, take nothing with them. */
function redundant(what: string): boolean {
  return ['departments.marketing', 'departments.system_admin', 'carriers.mahex', 'carriers.snappbox'].includes(what);
}

// A small world, so that a random grant often meets a random cell.
const smallFields = ['mobile', 'address', 'legalName'] as const satisfies readonly Field[];
const smallKinds = ['ticket', 'invoice', 'shipment'] as const satisfies readonly GrantKind[];
const columns = ['support', 'accounting', 'courier', 'payment_processor', 'warehouse', 'constructor', '__proto__'];
const smallReaders: readonly Reader[] = [
  { role: 'support' },
  { role: 'accounting' },
  { role: 'marketing' },
  { role: 'courier' },
  { role: 'courier', carrierProfile: 'tipax' },
  { role: 'payment_processor' },
  ...['warehouse', 'support', 'constructor', '__proto__'].map((department) => ({
    role: 'department' as const,
    department,
  })),
];

const anyReader = fc.constantFrom(...smallReaders);
const anyField = fc.constantFrom(...smallFields);
const anyKind = fc.constantFrom(...smallKinds);
const someFields = fc.uniqueArray(anyField);
const someKinds = fc.uniqueArray(anyKind);

const anyGrant: fc.Arbitrary<JudgedGrant> = fc.record({
  kind: anyKind,
  purpose: fc.constantFrom(...smallKinds.map(purposeOf)),
  hasOrder: fc.boolean(),
  delivered: fc.constantFrom(undefined, true, false),
  fields: fc.option(someFields, { nil: undefined }),
  state: fc.constantFrom('open' as const, 'expired' as const),
});

const anyCell = fc.record({
  base: fc.constantFrom('none' as const, 'masked' as const, 'full' as const),
  full: someKinds,
  onlyWithOrder: someKinds,
  onlyUndelivered: someKinds,
  clauses: fc.constant(['D']),
});

const anyRule = fc.record({
  grantees: fc.subarray(columns),
  fields: someFields,
  requiresOrder: fc.boolean(),
});

/** Small profiles that no parser has seen: random matrix, grantees, fields of kinds, departments, processors. */
const anyProfile: fc.Arbitrary<Profile> = fc
  .record({
    access: fc.dictionary(anyField, fc.dictionary(fc.constantFrom(...columns), anyCell)),
    kinds: fc.dictionary(anyKind, anyRule),
    departments: fc.subarray(columns),
    courier: fc.boolean(),
    payment: fc.boolean(),
  })
  .map(({ access, kinds, departments, courier, payment }) => ({
    ...kalak,
    access,
    grantKinds: Object.fromEntries(
      smallKinds.flatMap((kind) => {
        const [known, rule] = [kalak.grantKinds[kind], kinds[kind]];
        return known === undefined || rule === undefined ? [] : [[kind, { ...known, ...rule }]];
      }),
    ),
    departments: Object.fromEntries(
      departments.map((id) => [id, kalak.departments['support']]),
    ) as Profile['departments'],
    processors: {
      courier: { ...kalak.processors.courier, allowed: courier },
      payment_processor: { ...kalak.processors.payment_processor, allowed: payment },
    },
  }));

describe('random profiles', () => {
  test('never full without an open grant of a kind that the cell lists', () => {
    let opened = 0;
    fc.assert(
      fc.property(anyProfile, fc.array(anyGrant, { minLength: 20 }), (profile, grants) => {
        for (const who of smallReaders) {
          for (const field of smallFields) {
            for (const grant of [undefined, ...grants]) {
              if (judge(profile, who, grant, field).state !== 'full') continue;
              const column = who.role === 'department' ? who.department : who.role;
              const cell = profile.access[field]?.[column ?? ''];
              if (cell?.base === 'full' && field === 'legalName') continue;
              opened += 1;
              expect(grant?.state).toBe('open');
              expect(cell?.full).toContain(grant?.kind);
              expect(grant?.fields ?? [field]).toContain(field);
              expect(profile.grantKinds[grant?.kind ?? 'ticket']?.grantees).toContain(column);
              expect(profile.grantKinds[grant?.kind ?? 'ticket']?.fields).toContain(field);
            }
          }
        }
      }),
      { numRuns: 500, seed: 1 },
    );
    // A generator that never opens anything would prove nothing.
    expect(opened).toBeGreaterThan(300);
  });

  test('a processor that is off and a department that is not there see nothing', () => {
    fc.assert(
      fc.property(anyProfile, anyReader, anyGrant, (profile, who, grant) => {
        const id = who.role === 'department' ? who.department : who.role;
        const there =
          (who.role === 'courier' && profile.processors.courier.allowed) ||
          (who.role === 'payment_processor' && profile.processors.payment_processor.allowed) ||
          Object.hasOwn(profile.departments, id ?? '');
        if (there) return;
        expect(decide(profile, who, grant, fields)).toMatchObject({ full: [], masked: [] });
      }),
      { numRuns: 1_000, seed: 2 },
    );
  });

  test('closing a grant, shortening its list or losing its order never shows more', () => {
    const lesser = (grant: JudgedGrant, field: Field): readonly (JudgedGrant | undefined)[] => [
      undefined,
      { ...grant, state: 'expired' },
      { ...grant, hasOrder: false },
      { ...grant, delivered: true },
      { ...grant, fields: (grant.fields ?? fields).filter((listed) => listed !== field) },
    ];
    const check = (profile: Profile, who: Reader, grant: JudgedGrant, field: Field) => {
      const most = width[judge(profile, who, grant, field).state];
      for (const less of lesser(grant, field))
        expect(width[judge(profile, who, less, field).state]).toBeLessThanOrEqual(most);
    };
    fc.assert(fc.property(anyProfile, anyReader, anyGrant, anyField, check), { numRuns: 1_000, seed: 3 });
    for (const who of readers) {
      for (const grant of grantsFor('address')) if (grant !== undefined) check(kalak, who, grant, 'address');
    }
  });
});
