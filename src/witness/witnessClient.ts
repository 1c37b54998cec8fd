import { WitnessFault, type Witness, type WitnessedLog, type WitnessRefusal } from '../vault/witness.ts';
import type { Ask, Reply } from './witnessing.ts';

/** A witness answers within this or was not reached. Milliseconds. */
const patienceMs = 5_000;
const mostBytes = 8_000_000;

const refusals: Readonly<Record<number, WitnessRefusal>> = {
  403: 'not_trusted',
  404: 'unknown_log',
  409: 'stale',
  410: 'ended',
  422: 'inconsistent',
};

/** A witness behind whatever carries a post to it and its answer back. */
export function witnessBehind(ask: Ask): Witness {
  const asked = async (path: string, body: string): Promise<Reply> => {
    const reply = await ask(path, body);
    if (reply.status === 200) return reply;
    const code = refusals[reply.status] ?? 'unusable';
    throw new WitnessFault(code, code === 'stale' ? Number(reply.body) : undefined);
  };
  return {
    read: (origin) =>
      asked('/read-log', `${origin}\n`).then(
        ({ body }) => parsed<WitnessedLog>(body, (log) => Object.values(log).every((note) => typeof note === 'string')),
        unknownIsUndefined,
      ),
    async journal(origin, after) {
      const { body } = await asked('/read-journal', `${origin}\n${after}\n`);
      return parsed<{ readonly pieces: readonly string[] }>(body, ({ pieces }) => Array.isArray(pieces)).pieces;
    },
    async addCheckpoint(oldSize, proof, note) {
      const lines = [`old ${oldSize}`, ...proof.map((hash) => hash.toString('base64'))];
      return (await asked('/add-checkpoint', `${lines.join('\n')}\n\n${note}`)).body;
    },
    addJournal: async (note) => void (await asked('/add-journal', note)),
    endLog: async (note) => void (await asked('/end-log', note)),
  };
}

function unknownIsUndefined(error: unknown): undefined {
  if (error instanceof WitnessFault && error.code === 'unknown_log') return undefined;
  throw error;
}

function parsed<T extends object>(body: string, isRight: (value: T) => boolean): T {
  try {
    const value = JSON.parse(body) as T;
    if (typeof value === 'object' && isRight(value)) return value;
  } catch {
    // What is no JSON is no answer either.
  }
  throw new WitnessFault('unusable');
}

/** Posts to a witness at its URL, once. Follows no redirect. */
export function posting(url: string): Ask {
  const prefix = url.replace(/\/+$/, '');
  return async (path, body) => {
    try {
      const response = await fetch(`${prefix}${path}`, {
        method: 'POST',
        body,
        redirect: 'error',
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
        signal: AbortSignal.timeout(patienceMs),
      });
      const type = response.headers.get('content-type') ?? '';
      return { status: response.status, type, body: await bounded(response) };
    } catch {
      throw new WitnessFault('unreachable');
    }
  };
}

async function bounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > mostBytes) throw new Error('more than any answer');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
