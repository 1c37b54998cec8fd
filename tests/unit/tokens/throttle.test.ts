import { describe, expect, test } from 'vitest';
import { newThrottle } from '../../../src/vault/throttle.ts';

const client = '0192f0c1-2345-7000-8000-000000000001';
const source = '192.0.2.7';

function throttleAt() {
  let time = 1_000_000;
  return { throttle: newThrottle(() => time), pass: (ms: number) => void (time += ms) };
}

describe('failed client authentications', () => {
  test('the first five are answered plainly, then a delay runs that doubles with every failure in it', () => {
    const { throttle } = throttleAt();
    const waits = Array.from({ length: 9 }, () => throttle.failed(client, source));
    expect(waits).toEqual([undefined, undefined, undefined, undefined, undefined, 2, 4, 8, 16]);
  });

  test('who waits out the delay is answered plainly', () => {
    const { throttle, pass } = throttleAt();
    for (let i = 0; i < 6; i += 1) throttle.failed(client, source);
    pass(1_999);
    expect(throttle.failed(client, source)).toBe(4);
    pass(4_000);
    expect(throttle.failed(client, source)).toBeUndefined();
  });

  test('the delay has an upper end', () => {
    const { throttle } = throttleAt();
    const waits = Array.from({ length: 100 }, () => throttle.failed(client, source));
    expect(waits.at(-1)).toBe(300);
  });

  test('are forgotten after a quarter of an hour', () => {
    const { throttle, pass } = throttleAt();
    for (let i = 0; i < 20; i += 1) throttle.failed(client, source);
    pass(900_000);
    expect(throttle.failed(client, source)).toBeUndefined();
    expect(throttle.failed(client, source)).toBeUndefined();
  });

  test('of one address do not delay another, until the client as a whole has had too many', () => {
    const { throttle } = throttleAt();
    for (let i = 0; i < 20; i += 1) throttle.failed(client, source);
    expect(throttle.failed(client, '192.0.2.8')).toBeUndefined();
    for (let i = 0; i < 10; i += 1) throttle.failed(client, `198.51.100.${i}`);
    expect(throttle.failed(client, '192.0.2.9')).toBeGreaterThan(0);
    expect(throttle.failed('0192f0c1-2345-7000-8000-000000000002', '192.0.2.9')).toBeUndefined();
  });

  test('end with a success from the same address', () => {
    const { throttle } = throttleAt();
    for (let i = 0; i < 10; i += 1) throttle.failed(client, source);
    throttle.succeeded(client, source);
    expect(throttle.failed(client, source)).toBeUndefined();
  });

  test('take bounded memory: a flood of other clients pushes the oldest out', () => {
    const { throttle } = throttleAt();
    for (let i = 0; i < 10; i += 1) throttle.failed(client, source);
    for (let i = 0; i < 20_000; i += 1) throttle.failed(`client ${i}`, source);
    expect(throttle.failed(client, source)).toBeUndefined();
  });
});
