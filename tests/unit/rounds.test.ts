import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { rounds } from '../../src/vault/rounds.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('one at a time, whatever became of the one before, until they are stopped', async () => {
  const begun: ((error?: Error) => void)[] = [];
  const stop = rounds(
    100,
    () => new Promise<void>((resolve, reject) => begun.push((e) => (e ? reject(e) : resolve()))),
  );
  await vi.advanceTimersByTimeAsync(99);
  expect(begun).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(begun, 'the first is not over').toHaveLength(1);
  begun[0]?.(new Error('in trouble'));
  await vi.advanceTimersByTimeAsync(100);
  expect(begun).toHaveLength(2);
  begun[1]?.();
  stop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(begun).toHaveLength(2);
});

test('work that throws before it gives a promise is begun again too', async () => {
  let begun = 0;
  const stop = rounds(100, () => {
    begun += 1;
    throw new Error('at once');
  });
  await vi.advanceTimersByTimeAsync(350);
  stop();
  expect(begun).toBe(3);
});
