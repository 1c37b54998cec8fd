import { describe, expect, test } from 'vitest';
import { VaultError } from '../../../src/errors.ts';
import { groundOf, type Claimed, type Ground } from '../../../src/vault/legalGround.ts';
import { shipped, shippedNames, type ShippedName } from '../policy/shipped.ts';

/** What may open the gate under each published policy, and what has to be written down for it. */

const claims: Readonly<Record<string, Claimed>> = {
  court: { kind: 'production', authorityKind: 'judicial', ground: undefined },
  office: { kind: 'administrative_request', authorityKind: 'administrative', ground: undefined },
  statute: { kind: 'statutory_duty', authorityKind: 'administrative', ground: undefined },
  process: { kind: 'production', authorityKind: undefined, ground: 'legal_process' },
  pursuit: { kind: 'production', authorityKind: undefined, ground: 'legal_pursuit' },
  defence: { kind: 'production', authorityKind: undefined, ground: 'defence_of_rights' },
  emergency: { kind: 'production', authorityKind: undefined, ground: 'emergency' },
  permission: { kind: 'production', authorityKind: undefined, ground: 'consent' },
};

function groundFor(name: ShippedName, claim: string): Ground | string {
  try {
    return groundOf(shipped[name], claims[claim] ?? { kind: '', authorityKind: undefined, ground: undefined });
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    return error.code;
  }
}

const required = (name: ShippedName, claim: string): readonly string[] => {
  const ground = groundFor(name, claim);
  if (typeof ground === 'string') throw new Error(`${name} ${claim}: ${ground}`);
  return ground.required;
};

describe('the gate', () => {
  test.each<[ShippedName, string]>([
    // E15, E16
    ['kalak', 'court office statute'],
    // D21, D18
    ['khakriz', 'court office pursuit'],
    // C12
    ['citra', 'court office'],
    // B6
    ['ito', 'court office permission'],
    // A15 to A19
    ['imo', 'court office process defence emergency'],
  ])('%s opens for %s, and for nothing else', (name, opening) => {
    const open = Object.keys(claims).filter((claim) => groundFor(name, claim) !== 'ground_not_allowed');
    expect(open.join(' ')).toBe(opening);
  });

  test('nobody opens it alone', () => {
    for (const name of shippedNames) {
      for (const { approvals } of Object.values(shipped[name].grounds)) expect(approvals).toBeGreaterThanOrEqual(1);
    }
  });

  test('C12 wants the law and its article beside the order; D21 and A15 the order', () => {
    for (const place of ['/basis/law', '/basis/article', '/letter/number', '/authority/name']) {
      expect(required('citra', 'court')).toContain(place);
    }
    for (const name of ['khakriz', 'ito', 'imo', 'kalak'] as const) {
      expect(required(name, 'court')).toContain('/letter/number');
      expect(required(name, 'court')).not.toContain('/basis/law');
    }
  });

  test('an office says which law makes it competent, everywhere', () => {
    for (const name of shippedNames) expect(required(name, 'office')).toContain('/basis/law');
  });

  test('B6: permission names recipient, fields and purpose, and a time', () => {
    for (const place of ['id', 'givenAt', 'purpose', 'recipientName', 'fields']) {
      expect(required('ito', 'permission')).toContain(`/permission/${place}`);
    }
  });

  test('A16 to A19: a reason, a decider, and a review', () => {
    for (const claim of ['process', 'defence', 'emergency']) {
      expect(groundFor('imo', claim)).toMatchObject({ needsReview: true });
      for (const place of ['/reason', '/decider/name']) expect(required('imo', claim)).toContain(place);
    }
    expect(groundFor('imo', 'emergency')).toMatchObject({ mostSubjects: 1, alarm: true });
    for (const claim of ['process', 'defence']) expect(required('imo', claim)).toContain('/case/number');
  });

  test('D18: for a case, and looked at again', () => {
    expect(groundFor('khakriz', 'pursuit')).toMatchObject({ needsReview: true });
    expect(required('khakriz', 'pursuit')).toContain('/case/number');
  });
});
