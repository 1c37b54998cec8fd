import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, type JudgedGrant, type Reader } from '../../../src/policy/judge.ts';
import { fields, grantKinds, profileOf, roles, type Profile } from '../../../src/policy/profile.ts';
import { randomProfiles, type Written } from './randomProfiles.ts';
import { allowed } from './writtenRules.ts';

/** Issue 4: for random profiles and requests, nothing is readable that no rule allows. */

const words = ['warehouse', 'courier_desk', 'support', 'courier', 'subject', '__proto__', 'constructor', undefined];
const purposes = ['support', 'shipping', 'invoice', 'payment', 'order', 'legal', 'marketing', ''];

const readers: fc.Arbitrary<Reader> = fc.record({
  // Firms see the least, so they ask the most.
  role: fc.constantFrom(
    ...roles,
    'courier' as const,
    'courier' as const,
    'courier' as const,
    'payment_processor' as const,
  ),
  department: fc.constantFrom(...words),
  carrierProfile: fc.constantFrom('default', 'post', 'tipax', 'nobodys', '__proto__', undefined),
});

/** A grant as the tables could hold one; its purpose is mostly the kind's own, as it is when a grant is opened. */
const grants = fc.option(
  fc.record({
    kind: fc.constantFrom(...grantKinds, 'shipment' as const, 'refund' as const),
    purpose: fc.option(fc.constantFrom(...purposes), { nil: undefined, freq: 3 }),
    hasOrder: fc.boolean(),
    delivered: fc.constantFrom(true, false, undefined),
    fields: fc.option(fc.subarray([...fields]), { nil: undefined, freq: 2 }),
    state: fc.constantFrom('open' as const, 'open' as const, 'expired' as const),
  }),
  { nil: undefined, freq: 8 },
);

const requests = fc.array(fc.record({ who: readers, grant: grants, frozen: fc.boolean() }), {
  minLength: 25,
  maxLength: 25,
});
type Request = typeof requests extends fc.Arbitrary<readonly (infer One)[]> ? One : never;

const width = { withheld: 0, masked: 1, full: 2 } as const;
type Judging = (
  profile: Profile,
  who: Reader,
  grant: JudgedGrant | undefined,
  frozen: boolean,
) => ReturnType<typeof decide>;
const theJudge: Judging = (profile, who, grant, frozen) => decide(profile, who, grant, fields, frozen);

/** How many cells were judged and shown in full. Throws for one that shows more, or less, than the text allows. */
function compare(judging: Judging, written: Written, asked: readonly Request[]): { full: number; cells: number } {
  const profile = profileOf(written);
  const counted = { full: 0, cells: 0 };
  for (const { who, grant: drawn, frozen } of asked) {
    const grant: JudgedGrant | undefined = drawn && {
      ...drawn,
      purpose: drawn.purpose ?? profile.grantKinds[drawn.kind as 'ticket']?.purpose ?? '',
    };
    const { verdicts, full } = judging(profile, who, grant, frozen);
    for (const field of fields) {
      const may = allowed(written, { who, grant, field, frozen });
      const { state } = verdicts[field];
      if (width[state] > width[may]) throw new Error(`${field} is ${state}, allowed is ${may}`);
      // A control is found out by what it shows, not by what it hides.
      if (judging === theJudge && state !== may) throw new Error(`${field} is only ${state}`);
      counted.cells += 1;
    }
    counted.full += full.length;
  }
  return counted;
}

/** Draws profiles and requests until one is found that shows more than the text allows. */
function finds(judging: Judging, numRuns: number): boolean {
  const property = fc.property(randomProfiles, requests, (written, asked) => {
    compare(judging, written, asked);
  });
  return fc.check(property, { numRuns, endOnFailure: true }).failed;
}

describe('for random profiles and requests', () => {
  test('the drawn profiles can be loaded, and differ', () => {
    const drawn = fc.sample(randomProfiles, 20);
    for (const written of drawn) profileOf(written);
    expect(new Set(drawn.map((written) => JSON.stringify(written))).size).toBe(20);
  });

  test('nothing is readable that no rule allows, and what one allows is', () => {
    const counted = { full: 0, cells: 0 };
    fc.assert(
      fc.property(randomProfiles, requests, (written, asked) => {
        const { full, cells } = compare(theJudge, written, asked);
        counted.full += full;
        counted.cells += cells;
      }),
      { numRuns: 80 },
    );
    // Enough was open for closed doors to mean something.
    expect(counted.full / counted.cells).toBeGreaterThan(0.01);
  });

  const opened: readonly (readonly [string, Judging])[] = [
    ['closed work', (p, who, grant, frozen) => theJudge(p, who, grant && { ...grant, state: 'open' }, frozen)],
    [
      'the list of fields',
      (p, who, grant, frozen) => theJudge(p, who, grant && { ...grant, fields: undefined }, frozen),
    ],
    [
      'the order',
      (p, who, grant, frozen) =>
        theJudge(
          p,
          who,
          grant && { ...grant, hasOrder: true, delivered: grant.hasOrder ? grant.delivered : false },
          frozen,
        ),
    ],
    ['the delivery', (p, who, grant, frozen) => theJudge(p, who, grant && { ...grant, delivered: false }, frozen)],
    [
      'the purpose',
      (p, who, grant, frozen) =>
        theJudge(p, who, grant && { ...grant, purpose: p.grantKinds[grant.kind]?.purpose ?? '' }, frozen),
    ],
    ['the freeze', (p, who, grant) => theJudge(p, who, grant, false)],
    ['the carrier', (p, who, grant, frozen) => theJudge(p, { ...who, carrierProfile: 'default' }, grant, frozen)],
    [
      'a role’s name on a department',
      (p, who, grant, frozen) =>
        theJudge(
          p,
          who.role === 'department' && who.department === 'support' ? { role: 'support' } : who,
          grant,
          frozen,
        ),
    ],
    [
      'firms that may not work',
      (p, who, grant, frozen) => {
        const { courier, payment_processor: payment } = p.processors;
        const processors = { courier: { ...courier, allowed: true }, payment_processor: { ...payment, allowed: true } };
        return theJudge({ ...p, processors }, who, grant, frozen);
      },
    ],
    [
      'grantees',
      (p, who, grant, frozen) => {
        const grantees = [...Object.keys(p.departments), 'courier', 'payment_processor'];
        const all = Object.entries(p.grantKinds).map(([kind, rule]) => [kind, { ...rule, grantees }]);
        return theJudge({ ...p, grantKinds: Object.fromEntries(all) }, who, grant, frozen);
      },
    ],
    [
      'what a kind covers',
      (p, who, grant, frozen) => {
        const all = Object.entries(p.grantKinds).map(([kind, rule]) => [kind, { ...rule, fields: [...fields] }]);
        return theJudge({ ...p, grantKinds: Object.fromEntries(all) }, who, grant, frozen);
      },
    ],
  ];
  test.each(opened)('control: a judge that looks past %s is found out', (_, judging) => {
    expect(finds(judging, 400)).toBe(true);
  });
});
