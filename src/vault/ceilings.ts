import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { addFullReads, selectFullReads, type ReaderDay } from '../db/fullReads.ts';
import { VaultError } from '../errors.ts';
import type { Decision } from '../policy/judge.ts';
import type { Profile } from '../policy/profile.ts';
import { readCeilingOf, type CountedBy } from '../policy/readCeiling.ts';
import { columnOf, type Reader } from '../policy/reader.ts';
import { refusalOf } from './act.ts';
import { expectUndertaking } from './admissions.ts';
import type { Caller } from './caller.ts';
import { dayMs, dayOf, endOfDay } from './tehranDay.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** So often does a process tell the others what it has counted. */
const settleEveryMs = 1_000;
/** A day's counts are of no use when it is over everywhere. */
const keptMs = 2 * dayMs;
/** Readers remembered at most; whoever falls out is looked up again. */
const mostReaders = 20_000;

/** Who is counted: what a token says. */
export type CountedReader = Reader & Pick<Caller, 'tenantId' | 'clientId' | 'actor'>;

/** A token that names nobody is a system's own. */
export const countedBy = ({ actor }: Pick<Caller, 'actor'>): CountedBy => (actor === undefined ? 'client' : 'actor');

/**
 * How many reads in full a member of staff may make in a day, by the policy's ceiling for their department: through whichever
 * client, and in any spelling of the staff id; or, where the token names nobody, the client. Counted in memory, so that no
 * read costs a query: a reader is looked up once a day and process, and every second a process adds what it counted to what all
 * have. Several processes together may so let through what they admit within a second of each other; a process that is killed
 * forgets a second's reads. What was read is in the leaves of the audit, whatever is forgotten here.
 */
export interface Ceilings {
  /**
   * Counts a read in full that is about to be made. Throws `too_many_requests` with `read_ceiling`, until the day is over in
   * Tehran, when there were as many as the policy allows.
   */
  take(policy: Policy, caller: Caller): Promise<void>;
  /** How many of today's are counted already, as far as the processes have told each other. Counts nothing. */
  taken(policy: Policy, reader: CountedReader): Promise<number>;
  /** Tells the others now. */
  settle(): Promise<void>;
}

interface Count {
  readonly of: ReaderDay;
  /** What all processes had when this one last looked, its own included. */
  shared: number;
  /** Counted here since. */
  own: number;
}

export function openCeilings(db: Database, now: () => number): Ceilings {
  const memory = openMemory(db);
  let waiting: NodeJS.Timeout | undefined;

  async function settle(): Promise<void> {
    clearTimeout(waiting);
    waiting = undefined;
    await tell(db, memory, new Date(now() + keptMs)).catch((error: unknown) => {
      settleSoon();
      throw error;
    });
  }

  function settleSoon(): void {
    waiting ??= setTimeout(() => void settle().catch(() => undefined), settleEveryMs).unref();
  }

  return {
    settle,
    async take({ profile }, caller) {
      const ceiling = readCeilingOf(profile, caller, countedBy(caller));
      if (ceiling === undefined) return;
      const time = now();
      const today = readerDayOf(profile, caller, time);
      const count = await memory.countOf(today);
      if (count.shared + count.own >= ceiling.perDay) {
        const wait = Math.ceil((endOfDay(today.day) - time) / 1000);
        throw new VaultError('too_many_requests', [{ pointer: '', code: 'read_ceiling' }], wait);
      }
      count.own += 1;
      settleSoon();
    },
    async taken({ profile }, reader) {
      const today = readerDayOf(profile, reader, now());
      const known = memory.known.get(keyOf(today));
      // Looked up anew, and without a place in memory, which is for those who read.
      const [[row]] = await commit(db, { tenantIds: [today.tenantId] }, [selectFullReads(today)]);
      return Math.max(row?.count ?? 0, known?.shared ?? 0) + (known?.own ?? 0);
    },
  };
}

/** No staff id begins with that mark (`actorPattern`), so that nobody is counted as a client. */
const clientMark = '@';

function readerDayOf(profile: Profile, { tenantId, clientId, actor, ...who }: CountedReader, time: number): ReaderDay {
  const counted = actor === undefined ? clientMark + clientId : actor.toLowerCase();
  return { tenantId, reader: columnOf(profile, who) ?? '', who: counted, day: dayOf(time) };
}

/** Who has read today, as far as this process knows. */
interface Memory {
  /** Looked up once. */
  countOf(of: ReaderDay): Promise<Count>;
  readonly known: ReadonlyMap<string, Count>;
}

function openMemory(db: Database): Memory {
  const loads = new Map<string, Promise<Count>>();
  const known = new Map<string, Count>();

  async function load(of: ReaderDay): Promise<Count> {
    const [[row]] = await commit(db, { tenantIds: [of.tenantId] }, [selectFullReads(of)]);
    const count: Count = { of, shared: row?.count ?? 0, own: 0 };
    known.set(keyOf(of), count);
    return count;
  }

  /** Only what has nothing left to tell. */
  function forgetOldest(): void {
    for (const key of loads.keys()) {
      if ((known.get(key)?.own ?? 1) > 0) continue;
      loads.delete(key);
      known.delete(key);
      return;
    }
  }

  return {
    known,
    countOf(of) {
      const key = keyOf(of);
      const loaded = loads.get(key);
      if (loaded !== undefined) return loaded;
      const loading = load(of);
      loads.set(key, loading);
      loading.catch(() => loads.delete(key));
      if (loads.size > mostReaders) forgetOldest();
      return loading;
    },
  };
}

/** Adds what was counted here to what all have, and learns of that. */
async function tell(db: Database, { known }: Memory, expiresAt: Date): Promise<void> {
  const told = [...known.values()].filter(({ own }) => own > 0).map((count) => ({ count, own: count.own }));
  if (told.length === 0) return;
  for (const { count, own } of told) {
    count.own -= own;
    count.shared += own;
  }
  const tenantIds = [...new Set(told.map(({ count }) => count.of.tenantId))];
  const sent = told.map(({ count, own }) => ({ ...count.of, count: own }));
  try {
    const [rows] = await commit(db, { tenantIds }, [addFullReads(sent, expiresAt)]);
    for (const row of rows) {
      const count = known.get(keyOf(row));
      if (count !== undefined) count.shared = Math.max(count.shared, row.count);
    }
  } catch (error) {
    // Whether it was added is not known: it is told again, and rather counted too much than too little.
    for (const { count, own } of told) {
      count.own += own;
      count.shared -= own;
    }
    throw error;
  }
}

type Seen = Pick<Decision, 'full'>;

/** Of a grant that opens more than anybody sees without it: its reader has undertaken confidentiality, and has reads left today. */
export async function admitFullRead(
  vault: Vault,
  policy: Policy,
  caller: Caller,
  open: Seen,
  closed: Seen,
): Promise<void> {
  if (open.full.length <= closed.full.length) return;
  expectUndertaking(vault, caller);
  await takeFullRead(vault, policy, caller);
}

/** Counts a read in full, and refuses as acts do. */
export async function takeFullRead(vault: Vault, policy: Policy, caller: Caller): Promise<void> {
  await vault.ceilings.take(policy, caller).catch((error: unknown) => {
    throw refusalOf(vault, error);
  });
}

const keyOf = ({ tenantId, reader, who, day }: ReaderDay): string => [tenantId, reader, day, who].join(' ');
