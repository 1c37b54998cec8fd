import { describe, expect, it } from 'vitest';
import { turnstile, type TurnstileRules } from '../../../src/http/turnstile.ts';
import { underWay } from '../../../src/http/underWay.ts';

describe('turnstile', () => {
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  function start(rules: Partial<TurnstileRules>) {
    const door = turnstile({ perTurn: 100, share: 1_000, busy: 1_000, slowMs: 60_000, ...rules });
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const come = (tenant: string | undefined, name: string, who = tenant ?? 'somewhere'): void =>
      door.pass({ who, tenant }, (over) => {
        begun.push(name);
        ends.set(name, over);
      });
    return { door, come, begun, end: (name: string): void => ends.get(name)?.() };
  }

  it('lets nobody wait who comes among few, and a few of many in each turn, of everybody in turn', async () => {
    const { come, begun } = start({ perTurn: 3 });
    come('a', 'a0');
    come('a', 'a1');
    expect(begun).toEqual(['a0', 'a1']);
    for (let i = 2; i < 9; i += 1) come('a', `a${i}`);
    come(undefined, 'address');
    expect(begun.splice(0)).toEqual(['a0', 'a1', 'a2']);
    const turns: string[][] = [];
    while (turns.length < 3) {
      await nextTurn();
      turns.push(begun.splice(0));
    }
    expect(turns).toEqual([['a3', 'address', 'a4'], ['a5', 'a6', 'a7'], ['a8']]);
    await nextTurn();
    come('c', 'c0');
    expect(begun, 'nobody waits any more').toEqual(['c0']);
  });

  it('keeps a bounded number of each waiting, and another’s still finds room', () => {
    const { come, begun } = start({ perTurn: 1 });
    for (let i = 0; i < 1 + 1_024; i += 1) come('flood', 'flood');
    expect(() => come('flood', 'flood')).toThrow('overloaded');
    come('other', 'other');
    expect(begun).toEqual(['flood']);
  });

  it('work that comes while others wait goes behind its own, never past them', async () => {
    const { door, come, begun } = start({ perTurn: 1 });
    for (let i = 0; i < 3; i += 1) come('a', `a${i}`);
    door.pass({ who: 'a', tenant: 'a' }, () => come('a', 'last'));
    come('a', 'a4');
    for (let i = 0; i < 6; i += 1) await nextTurn();
    expect(begun).toEqual(['a0', 'a1', 'a2', 'a4', 'last']);
  });

  it('where many are under way of several, a tenant has its share of them and its others wait', async () => {
    const { come, begun, end } = start({ share: 2, busy: 4 });
    for (let i = 0; i < 6; i += 1) come('a', `a${i}`);
    expect(begun.splice(0), 'alone, all').toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'a5']);
    for (let i = 0; i < 3; i += 1) come('b', `b${i}`);
    for (let i = 6; i < 8; i += 1) come('a', `a${i}`);
    await nextTurn();
    expect(begun.splice(0), 'another has its share whatever of a is there').toEqual(['b0', 'b1']);
    for (let i = 0; i < 3; i += 1) come(undefined, `somebody${i}`);
    await nextTurn();
    expect(begun.splice(0), 'nobody known only takes turns').toEqual(['somebody0', 'somebody1', 'somebody2']);
    for (const name of ['a0', 'a1', 'a2', 'a3']) end(name);
    await nextTurn();
    expect(begun, 'four are under way').toEqual([]);
    end('b0');
    await nextTurn();
    expect(begun.splice(0), 'b has room in its share').toEqual(['b2']);
    end('b1');
    await nextTurn();
    expect(begun.splice(0), 'three are under way, for nobody known is counted').toEqual(['a6']);
  });

  it('few are under way: nobody waits, whatever the shares', () => {
    const { come, begun } = start({ share: 1, busy: 4 });
    come('b', 'b0');
    for (let i = 0; i < 4; i += 1) come('a', `a${i}`);
    expect(begun).toEqual(['b0', 'a0', 'a1', 'a2']);
  });

  it('a client with nothing under way finds room beyond its tenant’s share, in turn with those who wait', async () => {
    const { come, begun, end } = start({ share: 2, busy: 2 });
    come('b', 'b0');
    for (let i = 0; i < 5; i += 1) come('a', `one${i}`, 'one');
    for (let i = 0; i < 2; i += 1) come('a', `two${i}`, 'two');
    come('a', 'three0', 'three');
    come('a', 'four0', 'four');
    await nextTurn();
    expect(begun.splice(0), 'four, and no more').toEqual(['b0', 'one0', 'one1', 'two0', 'three0']);
    end('two0');
    await nextTurn();
    expect(begun.splice(0), 'whose turn it is of those with nothing').toEqual(['four0']);
    end('one0');
    await nextTurn();
    expect(begun.splice(0)).toEqual(['two1']);
    for (const name of ['two1', 'three0', 'four0']) end(name);
    await nextTurn();
    expect(begun.splice(0)).toEqual(['one2']);
  });

  it('more than may wait at once pass while some always wait', async () => {
    const { come, begun } = start({ perTurn: 1 });
    for (let i = 0; i < 3; i += 1) come('a', `${i}`);
    for (let i = 3; i < 2_000; i += 1) {
      come('a', `${i}`);
      await nextTurn();
    }
    expect(begun.length).toBeGreaterThan(1_900);
  });

  it('an end wakes who waits for it, also when nothing else comes, and before who comes with it', async () => {
    const { come, begun, end } = start({ share: 1, busy: 1 });
    come('b', 'b0');
    come('a', 'a0');
    come('a', 'a1');
    for (let i = 0; i < 5; i += 1) await nextTurn();
    expect(begun).toEqual(['b0', 'a0']);
    end('a0');
    come('a', 'a2');
    await nextTurn();
    expect(begun).toEqual(['b0', 'a0', 'a1']);
  });

  it('who waits for slow work of their own does so until it is known to be slow', async () => {
    const { door, come } = start({ share: 1, busy: 1, slowMs: 1 });
    come('b', 'b0');
    come('a', 'a0');
    await new Promise<void>((resolve) => door.pass({ who: 'a', tenant: 'a' }, () => resolve()));
  });
});

describe('what is under way', () => {
  const start = () => {
    const clock = { ms: 0 };
    return { clock, begun: underWay(250, () => clock.ms) };
  };

  it('is counted for each by itself, and no more when it is over', () => {
    const { begun } = start();
    const end = begun.begin('a');
    begun.begin('a');
    begun.begin('b');
    expect([begun.of('a'), begun.of('b'), begun.of('c'), begun.total()]).toEqual([2, 1, 0, 3]);
    end();
    expect([begun.of('a'), begun.total()]).toEqual([1, 2]);
  });

  it('does not count any more when it has been for long, and its end changes nothing then', () => {
    const { clock, begun } = start();
    const end = begun.begin('a');
    clock.ms = 250;
    expect([begun.of('a'), begun.total()]).toEqual([1, 1]);
    begun.begin('a');
    clock.ms = 500;
    expect([begun.of('a'), begun.total()], 'the later one').toEqual([1, 1]);
    end();
    expect([begun.of('a'), begun.total()]).toEqual([1, 1]);
    begun.begin('a');
    clock.ms = 1_000;
    expect([begun.of('a'), begun.total()], 'after a pause nothing').toEqual([0, 0]);
  });

  it('counts for twice as long at most, whenever somebody looks', () => {
    const { clock, begun } = start();
    begun.begin('a');
    clock.ms = 499;
    expect(begun.of('a')).toBe(1);
    clock.ms = 500;
    expect(begun.of('a')).toBe(0);
  });

  it('whoever began lately was there, also when it is over', () => {
    const { clock, begun } = start();
    expect(begun.isAlone('a')).toBe(true);
    begun.begin('a');
    expect([begun.isAlone('a'), begun.isAlone('b')]).toEqual([true, false]);
    begun.begin('b')();
    expect([begun.isAlone('a'), begun.isAlone('b')]).toEqual([false, false]);
    clock.ms = 250;
    begun.begin('a');
    expect(begun.isAlone('a')).toBe(false);
    clock.ms = 500;
    expect([begun.isAlone('a'), begun.isAlone('b')]).toEqual([true, false]);
  });
});
