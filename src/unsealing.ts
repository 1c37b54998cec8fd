import type { AdminAnswer, AdminRequest } from './adminSocket.ts';
import type { Config } from './config.ts';
import { givenCredentials } from './keyAccess.ts';
import { KeyFault, type Credentials } from './keys/folder.ts';
import { unsealFaultOf, type UnsealFault } from './worker.ts';

/** How long shares that were given are kept for the others to come. Milliseconds. */
const sharesKeptMs = 15 * 60 * 1000;

export type Attempt = (given: Credentials) => Promise<void>;

/** A worker's own words about why it could not be unsealed. */
export class WorkerUnsealFault extends Error {
  readonly fault: UnsealFault;

  constructor(fault: UnsealFault) {
    super(fault.code);
    this.fault = fault;
  }
}

async function tooEarly(): Promise<never> {
  throw new KeyFault('keys_unavailable', 'The service is starting. Try again in a moment.');
}

/** What the leading process does when it is asked to unseal; shares come together here, each with a command of its own. */
export function unsealing(config: Config): {
  readonly answer: (request: AdminRequest) => Promise<AdminAnswer>;
  readonly by: (attempt: Attempt) => void;
} {
  let attempt: Attempt = tooEarly;
  let shares: readonly string[] = [];
  let timer: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const keep = (kept: readonly string[]): void => {
    clearTimeout(timer);
    shares = kept;
    if (kept.length > 0) timer = setTimeout(() => (shares = []), sharesKeptMs).unref();
  };
  async function answerOne({ given }: AdminRequest): Promise<AdminAnswer> {
    const all = [...new Set([...shares, ...(given.shares ?? [])])];
    try {
      const own = await givenCredentials(config);
      await attempt({
        passphrase: given.passphrase ?? own.passphrase,
        pin: given.pin ?? own.pin,
        shares: all,
      });
      keep([]);
      return { open: true };
    } catch (error) {
      const fault = error instanceof WorkerUnsealFault ? error.fault : unsealFaultOf(error);
      // A wrong one is not kept; right ones wait for the others.
      if (fault.code === 'keys_locked') keep(all);
      return { open: false, fault };
    }
  }
  return {
    by: (next) => void (attempt = next),
    answer(request) {
      // Of two who give a share at once, the second comes to what the first has left.
      const turn = last.then(() => answerOne(request));
      last = turn.catch(() => undefined);
      return turn;
    },
  };
}
