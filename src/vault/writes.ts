import { insertLeaves, type LeafRow } from '../db/audit.ts';
import { commit } from '../db/commit.ts';
import { insertCustomers, type CustomerUpdate, type NewCustomerRow } from '../db/customers.ts';
import type { Database } from '../db/database.ts';
import { DbFault, mayBeOneOfMany } from '../db/fault.ts';
import { insertTags, type TagRow } from '../db/indexTags.ts';
import type { Statement } from '../db/statement.ts';
import { withLeaf, type Answer } from './act.ts';
import { coalesce } from './coalesce.ts';
import { editStatements } from './customerEdit.ts';
import { places, type InPlace } from './places.ts';

/** One customer to store, with everything that is stored beside it. */
export interface Creation extends Written {
  readonly row: NewCustomerRow;
  readonly tags: readonly TagRow[];
}

/** One customer to change, with everything that changes beside it. */
export interface Edit extends Written {
  readonly update: CustomerUpdate;
  readonly tags: readonly TagRow[];
}

interface Written {
  readonly leaf: LeafRow;
  readonly answer: Answer;
}

/**
 * Writes one; resolves with its answer when it is durable. Throws the database's fault, and what `prepare` throws. `prepare`
 * seals: it is called when its batch goes out, because the ciphers of many customers one after the other cost a quarter less
 * than each between two requests, and none of the requests' thread where they are enough (sealing.ts).
 */
export type Write<W extends Written> = (tenantId: string, prepare: () => Promise<W>) => Promise<Answer>;

/** Writes in flight, of each kind joined into one commit. */
export interface Writes {
  readonly create: Write<Creation>;
  readonly edit: Write<Edit>;
  /** For a batch, or as much of an import as is one commit. */
  readonly batch: InPlace;
}

const lanes = 2;
/** Measured: 12 at a time leave the event loop free often enough, and cost hardly more than 32. */
const maxBatch = 12;
const maxWaiting = 1024;
/** One is prepared while another is sealed and a third commits. */
const batchesAtOnce = 3;

export function openWrites(db: Database): Writes {
  return {
    create: joined<Creation>(db, (creations) => [
      insertCustomers(creations.map((c) => c.row)),
      insertTags(creations.flatMap((c) => c.tags)),
    ]),
    edit: joined<Edit>({ ...db, planOnce: true }, editStatements),
    batch: places(batchesAtOnce),
  };
}

interface Preparing<W> {
  readonly tenantId: string;
  readonly prepare: () => Promise<W>;
}

type Outcome<W> = { readonly written: W } | { readonly fault: unknown };

/**
 * When the commit of several fails for a reason that may be one's own (an identifier that is taken, a version that is not the one
 * that was read, a tenant that may not write), each is tried by itself in the time that is left, so that nobody fails for another's
 * reason.
 */
function joined<W extends Written>(
  db: Database,
  statementsOf: (written: readonly W[]) => readonly Statement[],
): Write<W> {
  const store = async (written: readonly W[], until: number): Promise<void> => {
    const deadlineMs = until - performance.now();
    if (deadlineMs <= 0) throw new DbFault('unavailable');
    const leaves = written.map(({ leaf }) => leaf);
    const tenantIds = [...new Set(leaves.map(({ tenantId }) => tenantId))];
    await commit({ ...db, deadlineMs }, { tenantIds }, [...statementsOf(written), insertLeaves(leaves)]);
  };
  const join = coalesce<Preparing<W>, Outcome<W>>({
    tenantOf: ({ tenantId }) => tenantId,
    lanes,
    maxBatch,
    maxWaiting,
    deadlineMs: db.deadlineMs,
    async run(preparing, leftMs) {
      const until = performance.now() + leftMs;
      const prepared = await Promise.all(preparing.map(prepareOne));
      const written = prepared.flatMap((one) => ('written' in one ? [one.written] : []));
      if (written.length > 1 && (await hasStored(() => store(written, until)))) return prepared;
      return Promise.all(
        prepared.map(async (one) =>
          'written' in one ? storeOne(one.written, () => store([one.written], until)) : one,
        ),
      );
    },
  });
  return async (tenantId, prepare) => {
    const outcome = await join({ tenantId, prepare });
    if ('fault' in outcome) throw outcome.fault;
    return withLeaf(outcome.written.answer, outcome.written.leaf);
  };
}

async function prepareOne<W>({ prepare }: Preparing<W>): Promise<Outcome<W>> {
  try {
    return { written: await prepare() };
  } catch (fault) {
    return { fault };
  }
}

async function storeOne<W>(written: W, store: () => Promise<void>): Promise<Outcome<W>> {
  try {
    await store();
    return { written };
  } catch (fault) {
    return { fault };
  }
}

/** False when nothing was stored for a reason that may be one's own; any other fault is everybody's. */
async function hasStored(store: () => Promise<void>): Promise<boolean> {
  try {
    await store();
    return true;
  } catch (error) {
    if (error instanceof DbFault && mayBeOneOfMany(error)) return false;
    throw error;
  }
}
