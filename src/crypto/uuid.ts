import { randomFillSync } from 'node:crypto';

/** Random bytes of one id; drawn for 512 ids at a time, as one runs with every request and every leaf. */
const bytesPerId = 8;
const pool = Buffer.alloc(512 * bytesPerId);
let next = pool.length;

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const counterEnd = 0x1000;
let lastTime = 0;
let counter = 0;

/** Version 8 UUID (RFC 9562 section 5.8) of the first sixteen bytes of a keyed hash. */
export function uuid8(hash: Buffer): string {
  const bytes = Buffer.from(hash.subarray(0, 16));
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const text = bytes.toString('hex');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
}

/**
 * Version 7 UUID (RFC 9562 section 5.7) of a time in milliseconds: 48 bits of time, 12 of a counter that starts anew with
 * each millisecond (section 6.2, method 1), 62 random. Ids of one process sort in the order they were made; should a
 * millisecond need more than 4,096, or the clock be set back, order within it is left to chance.
 */
export function uuid7(time: number): string {
  counter = time === lastTime ? (counter + 1) % counterEnd : 0;
  lastTime = time;
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const at = next;
  next += bytesPerId;
  const stamp = time.toString(16).padStart(12, '0');
  const byte = (i: number): string => hex[pool[at + i] ?? 0] ?? '';
  const variant = hex[0x80 | ((pool[at] ?? 0) & 0x3f)] ?? '';
  const count = counter.toString(16).padStart(3, '0');
  const head = `${stamp.slice(0, 8)}-${stamp.slice(8)}-7${count}-${variant}${byte(1)}-`;
  return head + byte(2) + byte(3) + byte(4) + byte(5) + byte(6) + byte(7);
}
