/** A progress bar on stderr, only where a person is looking: a terminal. */
export interface Progress {
  at(done: number, note?: string): void;
  end(): void;
}

const width = 30;
/** Redrawn at most so often. */
const everyMs = 100;

export function progress(total: number, unit: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { at: () => undefined, end: () => undefined };
  const started = Date.now();
  let drawn = 0;
  let line = '';
  const draw = (done: number, note: string): void => {
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const bar = '█'.repeat(Math.round(share * width)).padEnd(width, '·');
    const seconds = (Date.now() - started) / 1000;
    const left = share > 0.02 && share < 1 ? ` ${Math.ceil((seconds / share) * (1 - share))} s left` : '';
    line = `${bar} ${String(Math.floor(share * 100)).padStart(3)} % ${done} ${unit}${left} ${note}`;
    stream.write(`\r\x1b[K${line}`);
  };
  return {
    at(done, note = '') {
      const now = Date.now();
      if (now - drawn < everyMs && done < total) return;
      drawn = now;
      draw(done, note);
    },
    end() {
      if (line !== '') stream.write('\n');
    },
  };
}
