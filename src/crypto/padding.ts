import { VaultError } from '../errors.ts';

/**
 * ISO/IEC 7816-4 padding to a multiple of 32 bytes: one byte 0x80, then as few zeros as fill the block. Every text has
 * exactly one padded form; the empty one is a block of its own.
 */
export const paddingBlock = 32;
const mark = 0x80;

export function pad(plaintext: string | Buffer): Buffer {
  const length = Buffer.byteLength(plaintext);
  const padded = Buffer.allocUnsafe(length + paddingBlock - (length % paddingBlock));
  if (typeof plaintext === 'string') padded.write(plaintext, 0, 'utf8');
  else padded.set(plaintext);
  padded[length] = mark;
  padded.fill(0, length + 1);
  return padded;
}

/** Where the text ends that stands padded from `from` up to `to`. Throws `integrity_failure`. */
export function paddedTextEnd(bytes: Buffer, from: number, to: number): number {
  const first = Math.max(from, to - paddingBlock);
  let last = to - 1;
  while (last >= first && bytes[last] === 0) last -= 1;
  if ((to - from) % paddingBlock !== 0 || last < first || bytes[last] !== mark) {
    throw new VaultError('integrity_failure');
  }
  return last;
}
