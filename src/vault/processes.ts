/** Which processes serve, and which of the vault's keys each of them has: a key comes into use when all of them have it. */
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import {
  deleteProcesses,
  insertFileKeys,
  putProcess,
  selectFileKeys,
  selectProcesses,
  type ProcessRow,
} from '../db/processes.ts';
import type { PeriodKey } from '../keyPeriods.ts';
import type { ExportKey, KeyFolder, TokenKey } from '../keys/folder.ts';
import { clockMarginMs, maxLifetimeSeconds } from './accessToken.ts';
import { newId } from './ids.ts';
import { rounds } from './rounds.ts';

const everyMs = 5_000;
/** Who was silent for so long is gone. */
const goneMs = 30_000;
const forgottenMs = 24 * 60 * 60 * 1000;

/** As long as a token lives, and the clocks of those who take it differ. */
const tokenLifeMs = maxLifetimeSeconds * 1000 + clockMarginMs;

/** The other processes, as one process knows them. */
export interface Peers {
  /**
   * The keys in the order in which this process uses them: the newest that every process has, so that nobody is given a token that
   * another process does not know. As they were given while nothing is known of others.
   */
  signing(keys: readonly TokenKey[]): readonly TokenKey[];
  /** The same of what signs exports, receipts and certificates: whoever asks any process for its public keys finds it. */
  exporting(): ExportKey;
  /** Tells the others of this one, and looks who they are. */
  round(): Promise<void>;
  /** The same from now on every few seconds. Returns how to leave. */
  join(): Promise<() => Promise<void>>;
}

export function openPeers(db: Database, keys: KeyFolder, now: () => number): Peers {
  const id = newId(now());
  /** Token keys that this process signed with, and when it last did. */
  const signed = new Map<string, number>();
  let common: ReadonlySet<string> | undefined;

  const inUse = <Key extends { readonly kid: string }>(own: readonly Key[], name: (key: Key) => string) => {
    const known = common;
    if (known === undefined) return own;
    return own.toSorted((a, b) => Number(known.has(name(b))) - Number(known.has(name(a))));
  };
  const signing: Peers['signing'] = (own) => inUse(own, nameOf.token);
  async function put(names: readonly string[]): Promise<void> {
    const seenAt = new Date(now());
    const held = names.filter((name) => isFileKey.test(name));
    await commit(db, 'directory', [putProcess({ id, seenAt, keys: names }), insertFileKeys(held, seenAt)]);
  }
  async function round(): Promise<void> {
    const time = now();
    for (const { kid } of signing(keys.token).slice(0, 1)) signed.set(kid, time);
    for (const [kid, at] of signed) if (at + tokenLifeMs < time) signed.delete(kid);
    await put([...namesOf(keys), ...namesOfSigned(signed), servesName]);
    common = inCommon(await processesOf(db, time));
  }
  return {
    signing,
    exporting: () => inUse([keys.exportSigning, ...keys.formerExport], nameOf.export)[0] ?? keys.exportSigning,
    round,
    async join() {
      await round().catch(() => undefined);
      const stop = rounds(everyMs, round);
      return async () => {
        stop();
        // What it signed lives on for a while.
        await put(namesOfSigned(signed)).catch(() => undefined);
        await commit(db, 'directory', [deleteProcesses(new Date(now() - forgottenMs))]).catch(() => undefined);
      };
    },
  };
}

/**
 * Names of keys, never keys: `root:1754386df6d4071d`, `token:<kid>`; `signed:<kid>` for one whose tokens may still be valid, and
 * `until:<kid>:<milliseconds since the epoch>`, to when they may.
 */
const nameOf = {
  root: (id: string) => `root:${id}`,
  token: ({ kid }: { readonly kid: string }) => `token:${kid}`,
  export: ({ kid }: { readonly kid: string }) => `export:${kid}`,
  signed: (kid: string) => `signed:${kid}`,
  until: (kid: string) => `until:${kid}:`,
};
const servesName = 'serves';

function namesOf({ root, token, exportSigning, formerExport, checkpoint }: KeyFolder): readonly string[] {
  return [
    ...[...root.byId.keys()].map(nameOf.root),
    ...token.map(nameOf.token),
    ...[exportSigning, ...formerExport].map(nameOf.export),
    ...checkpoint.map(({ kid }) => `checkpoint:${kid}`),
  ];
}

const namesOfSigned = (signed: ReadonlyMap<string, number>): readonly string[] =>
  [...signed].flatMap(([kid, at]) => [nameOf.signed(kid), `${nameOf.until(kid)}${at + tokenLifeMs}`]);

const isFileKey = /^(root|token|export|checkpoint):/;

/** The families of keys that are files. */
export type FileFamily = Extract<PeriodKey, 'root' | 'token' | 'export' | 'checkpoint'>;

/** The public names of a folder's keys by family, the one in use first. */
export function fileKeyNames({ root, token, exportSigning, formerExport, checkpoint }: KeyFolder) {
  const older = [...root.byId.keys()].filter((id) => id !== root.current.id);
  return {
    root: [root.current.id, ...older].map(nameOf.root),
    token: token.map(nameOf.token),
    export: [exportSigning, ...formerExport].map(nameOf.export),
    checkpoint: checkpoint.map(({ kid }) => `checkpoint:${kid}`),
  } as const satisfies Readonly<Record<FileFamily, readonly string[]>>;
}

/** Since when a key is in use, by its public name: since the first process had it. Nothing for one that none has had. */
export async function sinceOf(db: Database, names: readonly string[]): Promise<ReadonlyMap<string, Date>> {
  const [rows] = await commit(db, 'directory', [selectFileKeys(names)]);
  return new Map(rows.map(({ name, firstSeen }) => [name, firstSeen]));
}

/** Of each family, since when the key that signs or wraps is in use. */
export async function fileKeysInUse(
  db: Database,
  keys: KeyFolder,
): Promise<readonly { readonly use: FileFamily; readonly madeAt: Date }[]> {
  const names = Object.entries(fileKeyNames(keys)) as [FileFamily, readonly string[]][];
  const since = await sinceOf(
    db,
    names.flatMap(([, [first = '']]) => first),
  );
  return names.flatMap(([use, [first = '']]) => {
    const madeAt = since.get(first);
    return madeAt === undefined ? [] : [{ use, madeAt }];
  });
}

function inCommon(processes: readonly ProcessRow[]): ReadonlySet<string> | undefined {
  const [first, ...others] = processes;
  return first && new Set(first.keys.filter((name) => others.every(({ keys }) => keys.includes(name))));
}

/** Who serves at this moment. */
export async function processesOf(db: Database, now: number): Promise<readonly ProcessRow[]> {
  const [rows] = await commit(db, 'directory', [selectProcesses(new Date(now - goneMs))]);
  return rows.filter(({ keys }) => keys.includes(servesName));
}

/**
 * To when a token that was signed with this key may still be valid, if any may: milliseconds since the epoch. A process says itself
 * when it last signed; of one of a build that did not, that it was there is taken for it.
 */
export async function heldUntil(db: Database, kid: string, now: number): Promise<number | undefined> {
  const [rows] = await commit(db, 'directory', [selectProcesses(new Date(now - tokenLifeMs))]);
  const ends = rows.flatMap(({ seenAt, keys }) => {
    if (!keys.includes(nameOf.signed(kid))) return [];
    const most = seenAt.getTime() + tokenLifeMs;
    const said = keys.find((name) => name.startsWith(nameOf.until(kid)))?.slice(nameOf.until(kid).length);
    const end = /^\d{1,15}$/.test(said ?? '') ? Math.min(most, Number(said)) : most;
    return end <= now ? [] : [end];
  });
  return ends.length === 0 ? undefined : Math.max(...ends);
}
