import { expect, test } from 'vitest';
import { VaultError } from '../../src/errors.ts';
import { places } from '../../src/vault/places.ts';

/** Work that ends when it is told to. */
function held(began: string[], name: string): { readonly work: () => Promise<string>; readonly end: () => void } {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return {
    end,
    work: async () => {
      began.push(name);
      await ended;
      return name;
    },
  };
}

const codeOf = (error: unknown): unknown => (error instanceof VaultError ? error.code : error);
const turnOfAll = (): Promise<void> => new Promise((done) => void setImmediate(done));

test('two are worked on at once, and those who wait go by tenants in turn', async () => {
  const inPlace = places(2);
  const began: string[] = [];
  const all = ['a1', 'a2', 'a3', 'a4', 'b1'].map((name) => ({ name, ...held(began, name) }));
  const done = all.map(({ name, work }) => inPlace(name.slice(0, 1), work));
  await turnOfAll();
  expect(began).toEqual(['a1', 'a2']);
  for (const [at, next] of ['a3', 'b1', 'a4'].entries()) {
    all.find(({ name }) => name === began[at])?.end();
    await turnOfAll();
    expect(began.slice(at + 2)).toEqual([next]);
  }
  for (const { end } of all) end();
  await expect(Promise.all(done)).resolves.toEqual(['a1', 'a2', 'a3', 'a4', 'b1']);
});

test('work that fails gives its place back, and its reason to whoever asked for it', async () => {
  const inPlace = places(1);
  const broken = inPlace('a', async () => Promise.reject(new Error('broken')));
  const next = inPlace('a', async () => 'done');
  await expect(broken).rejects.toThrow('broken');
  await expect(next).resolves.toBe('done');
  await expect(inPlace('b', async () => 'again')).resolves.toBe('again');
});

test('whoever waited too long is refused when its turn comes, and the place is free for the next', async () => {
  // The control: with the usual patience all are done.
  for (const [inPlace, waited] of [
    [places(1, -1), 'overloaded'],
    [places(1), 'late'],
  ] as const) {
    const { work, end } = held([], 'first');
    const first = inPlace('a', work);
    const late = inPlace('a', async () => 'late').catch((error: unknown) => codeOf(error));
    end();
    await expect(first).resolves.toBe('first');
    await expect(late).resolves.toBe(waited);
    await expect(inPlace('a', async () => 'next')).resolves.toBe('next');
  }
});
