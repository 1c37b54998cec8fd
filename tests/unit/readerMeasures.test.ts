import { expect, test } from 'vitest';
import { boundsOf, measures, type Monitoring } from '../../src/vault/readerMeasures.ts';

const hour = 3_600_000;

function monitoring(window: string, person: number, client: number): Monitoring {
  const rule = { window, person, client };
  return {
    reads: { ...rule, timesOwnPast: 5, past: 'P14D', atLeast: 40 },
    subjects: rule,
    outOfHours: { window, person, opens: '07:00', closes: '21:00', daysOff: ['friday'] },
    refused: rule,
    clauses: ['D'],
    why: 'a test',
  } as unknown as Monitoring;
}

test('each policy has its own bounds, however they take turns', () => {
  const [one, other] = [monitoring('PT1H', 10, 100), monitoring('PT2H', 20, 200)];
  for (let turn = 0; turn < 2; turn += 1) {
    for (const measure of measures) {
      const most = (client: number) => (measure === 'out_of_hours' ? Infinity : client);
      expect(boundsOf(one, measure, 'person')).toEqual({ windowMs: hour, most: 10 });
      expect(boundsOf(other, measure, 'person')).toEqual({ windowMs: 2 * hour, most: 20 });
      expect(boundsOf(one, measure, 'client')).toEqual({ windowMs: hour, most: most(100) });
      expect(boundsOf(other, measure, 'client')).toEqual({ windowMs: 2 * hour, most: most(200) });
    }
  }
});
