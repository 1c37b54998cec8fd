/** Bytes that arrive in pieces, read in their order. Each `yield` asks for the next piece, which is never empty. */
export interface Source<Fault> {
  piece: Buffer;
  /** Read so far of the piece. */
  at: number;
  /** What it means when nothing comes any more. */
  atEnd: () => Fault | undefined;
}

/** A walk over the bytes: suspended while it waits for a piece. */
export type Walk<Result> = Generator<undefined, Result, Buffer>;
type Bytes = Pick<Source<unknown>, 'piece' | 'at'>;

function* more(source: Bytes): Walk<void> {
  source.piece = yield;
  source.at = 0;
}

export function* byte(source: Bytes): Walk<number> {
  for (;;) {
    const next = source.piece[source.at];
    if (next !== undefined) {
      source.at += 1;
      return next;
    }
    yield* more(source);
  }
}

/** A copy of the next few bytes. */
export function* read(source: Bytes, length: number): Walk<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) bytes[i] = yield* byte(source);
  return bytes;
}

/** Told at the first byte that differs. */
export function* begins(source: Bytes, signature: Buffer): Walk<boolean> {
  for (const expected of signature) if ((yield* byte(source)) !== expected) return false;
  return true;
}

export function* skip(source: Bytes, length: number): Walk<void> {
  for (let left = length; ;) {
    const here = Math.min(left, source.piece.length - source.at);
    source.at += here;
    left -= here;
    if (left === 0) return;
    yield* more(source);
  }
}

/** To behind the next such byte. */
export function* skipPast(source: Bytes, value: number): Walk<void> {
  for (;;) {
    const at = source.piece.indexOf(value, source.at);
    if (at >= 0) {
      source.at = at + 1;
      return;
    }
    source.at = source.piece.length;
    yield* more(source);
  }
}
