import { judgeFor } from '../../../src/policy/judge.ts';
import type { Profile } from '../../../src/policy/profile.ts';
import type { LegalOrderInput } from '../../../src/vault/legalOrderRecord.ts';
import type { Policy } from '../../../src/vault/watch.ts';
import { kalak } from '../policy/kalak.ts';

/** 2025-11-12 11:30 in Tehran. */
export const now = Date.parse('2025-11-12T08:00:00Z');

export function policyOf(profile: Profile = kalak): Policy {
  return { ...judgeFor(profile), profile, number: 1, from: 0, label: `${profile.id}/1` };
}

export const production = {
  kind: 'production',
  authority: { kind: 'judicial', name: 'دادسرای عمومی و انقلاب', jurisdiction: 'تهران', officialName: 'کاوه نوری' },
  letter: { number: '1404/123', date: '1404-08-20', caseNumber: '1404000000000000' },
  basis: { law: 'قانون آیین دادرسی کیفری', article: '671' },
  scope: {
    subjects: [{ by: 'nationalId', value: '9901234565' }],
    fields: ['mobile', 'givenName', 'mobile'],
    from: '2025-01-01',
    to: '2025-11-11',
  },
  recipient: { name: 'کاوه نوری', title: 'بازپرس شعبه ۳' },
  receivedAt: '2025-11-12T08:00:00Z',
  deadline: '2025-11-20',
  validUntil: '2025-12-20',
} satisfies LegalOrderInput;
