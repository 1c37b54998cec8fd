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
  const until = records === 1 ? { duration: seconds } : await lasting(work, connections, seconds);
  const { result, times, lasted } = await send(work, connections, until);
  times.sort((a, b) => a - b);
  const percentile = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN;
  return {
    rate: (result['2xx'] / lasted) * records,
    p50: percentile(0.5),
    p99: percentile(0.99),
    failures: result.non2xx + result.errors,
  };
}

/**
 * As many requests as last for about so long. Cut off at the end of a time, those of many records would be counted in steps: of
 * imports that take 0.7 seconds two are answered in two seconds, and the third, nearly done, is none.
 */
async function lasting(work: Work, connections: number, seconds: number): Promise<{ readonly amount: number }> {
  const { lasted } = await send(work, connections, { amount: connections });
  return { amount: connections * Math.max(1, Math.round(seconds / Math.max(lasted, 0.01))) };
}

interface Sent {
  readonly result: autocannon.Result;
  /** Of each answer, in milliseconds: the load generator's own percentiles are whole ones. */
  readonly times: number[];
  /** Seconds to the last answer: the load generator's own end is that of a second. */
  readonly lasted: number;
}

function send(
  work: Work,
  connections: number,
  until: { readonly duration: number } | { readonly amount: number },
): Promise<Sent> {
  const times: number[] = [];
  const options: autocannon.Options = {
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
  };
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let last = began;
    const run = autocannon(options, (error: unknown, result) => {
      if (error instanceof Error) reject(error);
      else resolve({ result, times, lasted: (last - began) / 1000 });
    });
    run.on('response', (_client, _status, _bytes, milliseconds) => {
      times.push(milliseconds);
      last = performance.now();
    });
  });
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
