import autocannon from 'autocannon';

export interface Request {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One kind of work on one server. */
export interface Work {
  readonly url: string;
  /** The next request to send; called once for each. */
  readonly next: () => Request;
  /** Records one request stands for (a batch). */
  readonly records?: number;
}

export interface Measured {
  /** Records a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Answers that were not 2xx, and connections that failed. */
  readonly failures: number;
}

/** Loads a server for so many seconds over so many connections; loopback only. */
export async function load(work: Work, connections: number, seconds: number): Promise<Measured> {
  if (new URL(work.url).hostname !== '127.0.0.1') throw new Error('load goes to 127.0.0.1 only');
  const { records = 1 } = work;
  const result = await send(
    work,
    connections,
    records === 1 ? { duration: seconds } : await lasting(work, connections, seconds),
  );
  return {
    rate: (result['2xx'] / result.duration) * records,
    p50: result.latency.p50,
    p99: result.latency.p99,
    failures: result.non2xx + result.errors,
  };
}

/**
 * As many requests as last for about so long. Cut off at the end of a time, those of many records would be counted in steps: of
 * imports that take 0.7 seconds two are answered in two seconds, and the third, nearly done, is none.
 */
async function lasting(work: Work, connections: number, seconds: number): Promise<{ readonly amount: number }> {
  const { duration } = await send(work, connections, { amount: connections });
  return { amount: connections * Math.max(1, Math.round(seconds / Math.max(duration, 0.01))) };
}

function send(work: Work, connections: number, until: { readonly duration: number } | { readonly amount: number }) {
  return autocannon({
    url: work.url,
    connections,
    ...until,
    timeout: 30,
    requests: [
      {
        setupRequest: (request) => {
          const { method, path, headers, body } = work.next();
          const typed = body === undefined ? {} : { 'content-type': 'application/json' };
          return {
            ...request,
            method,
            path,
            headers: { ...typed, ...headers },
            ...(body === undefined ? {} : { body }),
          };
        },
      },
    ],
  });
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
