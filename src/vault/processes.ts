/** Which processes serve, and which of the vault's keys each of them has: a key comes into use when all of them have it. */
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { deleteProcesses, putProcess, selectProcesses, type ProcessRow } from '../db/processes.ts';
import type { KeyFolder } from '../keys/folder.ts';
import { newId } from './ids.ts';
import type { Vault } from './vault.ts';

const everyMs = 5_000;
/** Who was silent for so long is gone. */
export const goneMs = 30_000;
const forgottenMs = 24 * 60 * 60 * 1000;

/** Names of keys, never keys: `root:1754386df6d4071d`, `token:<kid>`; `signs:<kid>` for the one it signs tokens with. */
export function namesOf({ root, token, exportSigning, checkpoint }: KeyFolder): readonly string[] {
  return [
    ...[...root.byId.keys()].map((id) => `root:${id}`),
    ...token.map(({ kid }) => `token:${kid}`),
    ...token.slice(0, 1).map(({ kid }) => `signs:${kid}`),
    `export:${exportSigning.kid}`,
    ...checkpoint.map(({ kid }) => `checkpoint:${kid}`),
  ];
}

/** Tells the others that this process serves, until the function it returns is called. A failure is made up for by the next. */
export function keepAnnounced(vault: Pick<Vault, 'db' | 'keys' | 'now'>): () => Promise<void> {
  const id = newId(vault.now());
  // Of a process that is sealed nothing is said: it has no key.
  const announce = async (): Promise<void> => {
    const row = { id, seenAt: new Date(vault.now()), keys: namesOf(vault.keys) };
    await commit(vault.db, 'directory', [putProcess(row)]);
  };
  const timer = setInterval(() => void announce().catch(() => undefined), everyMs).unref();
  void announce().catch(() => undefined);
  return async () => {
    clearInterval(timer);
    const before = new Date(vault.now() - forgottenMs);
    await commit(vault.db, 'directory', [deleteProcesses(id, before)]).catch(() => undefined);
  };
}

/** Who serves at this moment. */
export async function processesOf(db: Database, now: number): Promise<readonly ProcessRow[]> {
  const [rows] = await commit(db, 'directory', [selectProcesses(new Date(now - goneMs))]);
  return rows;
}
