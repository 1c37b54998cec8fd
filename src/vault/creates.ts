import { insertLeaves, type LeafRow } from '../db/audit.ts';
import { commit } from '../db/commit.ts';
import { insertCustomers, insertTags, type NewCustomerRow, type TagRow } from '../db/customers.ts';
import type { Database } from '../db/database.ts';
import { DbFault } from '../db/fault.ts';
import { coalesce } from './coalesce.ts';

/** One customer to store, with everything that is stored beside it. */
export interface Creation {
  readonly row: NewCustomerRow;
  readonly tags: readonly TagRow[];
  readonly leaf: LeafRow;
}

/** Stores one; resolves when it is durable. Throws the database's fault. */
export type Create = (creation: Creation) => Promise<void>;

const lanes = 4;
const maxBatch = 32;
const maxWaiting = 1024;

/**
 * Creates in flight, joined into one commit. When that commit fails (one of them holds an identifier that is taken), each
 * is tried by itself, so that nobody fails for another's reason.
 */
export function openCreates(db: Database): Create {
  const join = coalesce<Creation, { readonly fault?: unknown }>({
    lanes,
    maxBatch,
    maxWaiting,
    deadlineMs: db.deadlineMs,
    async run(creations, leftMs) {
      const within = { ...db, deadlineMs: leftMs };
      if (creations.length > 1 && (await storeAll(within, creations))) return creations.map(() => ({}));
      return Promise.all(creations.map((creation) => storeOne(within, creation)));
    },
  });
  return async (creation) => {
    const { fault } = await join(creation);
    if (fault !== undefined) throw fault;
  };
}

async function storeOne(db: Database, creation: Creation): Promise<{ readonly fault?: unknown }> {
  try {
    await store(db, [creation]);
    return {};
  } catch (fault) {
    return { fault };
  }
}

/** False when another customer holds an identifier of one of them; any other fault is everybody's. */
async function storeAll(db: Database, creations: readonly Creation[]): Promise<boolean> {
  try {
    await store(db, creations);
    return true;
  } catch (error) {
    if (error instanceof DbFault && error.kind === 'duplicate') return false;
    throw error;
  }
}

async function store(db: Database, creations: readonly Creation[]): Promise<void> {
  const tenantIds = [...new Set(creations.map((c) => c.row.tenantId))];
  await commit(db, { tenantIds }, [
    insertCustomers(creations.map((c) => c.row)),
    insertTags(creations.flatMap((c) => c.tags)),
    insertLeaves(creations.map((c) => c.leaf)),
  ]);
}
