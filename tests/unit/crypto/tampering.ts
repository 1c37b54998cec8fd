/** Every value that differs from `bytes` in one bit. */
export function* bitFlips(bytes: Buffer): Generator<[string, Buffer]> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield [`bit ${bit}`, changed];
  }
}

/** Every beginning and every end of `bytes`, and up to a block more on either side. */
export function* otherLengths(bytes: Buffer): Generator<[string, Buffer]> {
  for (let length = 0; length < bytes.length; length++) {
    yield [`first ${length}`, bytes.subarray(0, length)];
    yield [`last ${length}`, bytes.subarray(bytes.length - length)];
  }
  for (let more = 1; more <= 33; more++) {
    yield [`${more} after`, Buffer.concat([bytes, Buffer.alloc(more)])];
    yield [`${more} before`, Buffer.concat([Buffer.alloc(more), bytes])];
  }
}
