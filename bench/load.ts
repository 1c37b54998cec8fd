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
  const times: number[] = [];
  const result = await running(
    {
      url: work.url,
      connections,
      duration: seconds,
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
    },
    (milliseconds) => times.push(milliseconds),
  );
  times.sort((a, b) => a - b);
  const percentile = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN;
  return {
    rate: (result['2xx'] / result.duration) * (work.records ?? 1),
    p50: percentile(0.5),
    p99: percentile(0.99),
    failures: result.non2xx + result.errors,
  };
}

/** The load generator's own percentiles are whole milliseconds: each answer's time is told as well. */
function running(options: autocannon.Options, onAnswer: (milliseconds: number) => void): Promise<autocannon.Result> {
  return new Promise((resolve, reject) => {
    const run = autocannon(options, (error: unknown, result) => {
      if (error instanceof Error) reject(error);
      else resolve(result);
    });
    run.on('response', (_client, _status, _bytes, milliseconds) => onAnswer(milliseconds));
  });
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
