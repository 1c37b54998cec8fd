import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { UsageFault } from './command.ts';

/** What a later run needs to go on: the Idempotency-Key of the import, and since when the vault remembers under it. */
interface State {
  readonly resumeKey: string;
  readonly startedAt: string;
}

/** The vault forgets after 24 hours which lines it has written; an hour is left for the run itself. */
const rememberedMs = 23 * 60 * 60 * 1000;

export const stateFile = (path: string): string => `${path}.import.json`;

/**
 * The Idempotency-Key of this import: the one asked for, the one an earlier run left beside the file, or a new one, on disk
 * before anything is sent. Throws `UsageFault` for one so old that lines could be written twice under it.
 */
export async function resumeKeyFor(
  path: string,
  asked: string | undefined,
): Promise<{ key: string; resumed: boolean }> {
  if (asked !== undefined && !/^[\x21-\x7e]{1,255}$/.test(asked))
    throw new UsageFault('--resume-key must be 1 to 255 ASCII characters');
  const kept = await readState(path);
  if (asked === undefined && kept !== undefined) {
    if (Date.now() - Date.parse(kept.startedAt) > rememberedMs) {
      throw new UsageFault(
        `this import was begun over 23 hours ago, so the vault may have forgotten which lines it wrote. ` +
          `Take the lines that are stored (status 201 in the results) out of the file, and delete ${stateFile(path)}`,
      );
    }
    return { key: kept.resumeKey, resumed: true };
  }
  const key = asked ?? randomUUID();
  if (kept?.resumeKey !== key) await writeState(path, { resumeKey: key, startedAt: new Date().toISOString() });
  return { key, resumed: asked !== undefined };
}

async function readState(path: string): Promise<State | undefined> {
  const text = await readFile(stateFile(path), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const state = JSON.parse(text) as Partial<State>;
    if (typeof state.resumeKey === 'string' && !Number.isNaN(Date.parse(state.startedAt ?? ''))) return state as State;
  } catch {
    // Told below.
  }
  throw new UsageFault(`${stateFile(path)} cannot be read; give its key with --resume-key, or delete it`);
}

async function writeState(path: string, state: State): Promise<void> {
  const draft = `${stateFile(path)}.new`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(state, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, stateFile(path));
}
