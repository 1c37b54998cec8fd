/** A progress bar on stderr, only where a person is looking: a terminal. */
export interface Progress {
  /** `share` of the whole, from 0 to 1, and what has been done in words. */
  at(share: number, done: string): void;
  end(): void;
}

const width = 30;
/** Redrawn at most so often. */
const everyMs = 100;

export function progress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { at: () => undefined, end: () => undefined };
  const started = Date.now();
  let drawn = 0;
  return {
    at(share, done) {
      const now = Date.now();
      if (now - drawn < everyMs && share < 1) return;
      drawn = now;
      stream.write(`\r\x1b[K${barOf(share, done, (now - started) / 1000)}`);
    },
    end() {
      if (drawn > 0) stream.write('\n');
    },
  };
}

function barOf(share: number, done: string, seconds: number): string {
  const whole = Math.max(0, Math.min(1, share));
  const bar = '█'.repeat(Math.round(whole * width)).padEnd(width, '·');
  const left = whole > 0.02 && whole < 1 ? `, about ${Math.ceil((seconds / whole) * (1 - whole))} s left` : '';
  return `${bar} ${String(Math.floor(whole * 100)).padStart(3)} %  ${done}${left}`;
}
