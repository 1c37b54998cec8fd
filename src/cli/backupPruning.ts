import { lstat, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigFault } from '../config.ts';
import { archiveName } from '../db/embeddedArchive.ts';
import { syncFolder } from '../syncFolder.ts';
import { damagedFiles, type Backup } from './backupFolder.ts';
import { folderName, readManifest, type ManifestRefusal, type Roots } from './backupManifest.ts';

/**
 * What of a folder for backups has had its time. Believed is only what this vault made: a folder named by the time that its
 * manifest tells, and the manifest by its MAC; everything else stays and is told of where its name is one of ours. Deleted are
 * whole folders directly below, WAL by the form of its name, and never what a manifest or a link points at.
 */
export interface Pruning {
  /** Real path. */
  readonly folder: string;
  /** The oldest first. */
  readonly due: readonly Backup[];
  /** The newest first; at least one, whatever its age. */
  readonly kept: readonly [Backup, ...Backup[]];
  /** The only whole one, kept although it has had its time. */
  readonly last: boolean;
  /** Names of folders that were cut short so long ago, or half deleted. */
  readonly drafts: readonly string[];
  /** Names of archived WAL that no kept backup is followed by, the oldest first. */
  readonly wal: readonly string[];
  /** All of it, because something that has a backup's name is not believed. */
  readonly walStays: boolean;
  /** What has a backup's name and is not believed, or should have gone and has another name. */
  readonly left: readonly { readonly name: string; readonly code: LeftCode }[];
}

export type LeftCode = ManifestRefusal | 'no_folder' | 'renamed';

const backupName = /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d\.\d{3}Z)$/;
const draftName = /^\.backup-(\d{13})-\d+$/;
const prunedPrefix = '.pruned-';
/** A segment (timeline, then its place in the WAL), a partial one, a backup's label; what is written beside it, and drafts of all these. */
const walName = /^\.?[0-9A-F]{8}([0-9A-F]{16})(?:\.partial|\.[0-9A-F]{8}\.backup)?(?:\.mac)?(?:\.new|-[0-9a-f]{16})?$/;
/** A copy that is being made is younger, whatever the time for backups. */
const draftMs = 24 * 3_600_000;

/** Throws `ConfigFault` for a folder that others may write to, or in which this vault has no backup. */
export async function pruningOf(
  at: string,
  roots: Roots,
  isOver: (madeAt: Date) => boolean,
  now: Date,
): Promise<Pruning> {
  const folder = await ownFolder(at);
  const isAbandoned = (begunAt: Date): boolean => isOver(begunAt) && begunAt.getTime() + draftMs <= now.getTime();
  const entries = await readdir(folder, { withFileTypes: true });
  const [backups, renamed, left]: [Backup[], Backup[], { name: string; code: LeftCode }[]] = [[], [], []];
  for (const { name, ...entry } of entries.map((one) => ({ name: one.name, isFolder: one.isDirectory() }))) {
    const named = timeOf(name);
    const manifest =
      entry.isFolder && !name.startsWith('.') ? await readManifest(join(folder, name), roots) : 'no_folder';
    if (typeof manifest === 'string') {
      if (named !== undefined) left.push({ name, code: manifest });
    } else if (named?.toISOString() === manifest.startedAt) backups.push({ path: join(folder, name), manifest });
    else {
      renamed.push({ path: join(folder, name), manifest });
      if (isOver(new Date(manifest.startedAt))) left.push({ name, code: 'renamed' });
    }
  }
  const [newest, ...older] = backups.toSorted((a, b) => b.manifest.startedAt.localeCompare(a.manifest.startedAt));
  if (newest === undefined)
    throw new ConfigFault([`${folder} holds no backup of this vault: nothing in it is deleted.`]);
  const over = ({ manifest }: Backup): boolean => isOver(new Date(manifest.startedAt));
  const due = older.filter(over);
  const kept = [newest, ...older.filter((one) => !over(one))] as const;
  // It may be a backup all the same, of a root key that is put back, and WAL that follows on it goes for good.
  const walStays = left.some(({ code }) => code !== 'renamed');
  return {
    folder,
    due: due.toReversed(),
    kept,
    last: over(newest),
    drafts: entries.filter((one) => one.isDirectory() && isDraft(one.name, isAbandoned)).map(({ name }) => name),
    wal: walStays ? [] : await walBefore(folder, [...kept, ...renamed]),
    walStays,
    left,
  };
}

/** Throws `ConfigFault`: whoever may write there could put something else in the place of what is deleted. */
async function ownFolder(at: string): Promise<string> {
  const folder = await realpath(at).catch(() => undefined);
  if (folder === undefined) throw new ConfigFault([`There is no folder ${at}.`]);
  if (await isOpenToOthers(folder))
    throw new ConfigFault([`Others may write to ${folder}, and nothing is deleted there: chmod go-w, chown.`]);
  return folder;
}

/** May anybody write there but this user and root? */
export async function isOpenToOthers(folder: string): Promise<boolean> {
  const { mode, uid } = await stat(folder);
  const me = process.getuid?.() ?? uid;
  return (mode & 0o022) !== 0 || (uid !== me && uid !== 0);
}

function timeOf(name: string): Date | undefined {
  const [, hour, minute, second] = backupName.exec(name) ?? [];
  const time = hour === undefined ? undefined : new Date(`${hour}:${minute}:${second}`);
  return time === undefined || Number.isNaN(time.getTime()) ? undefined : time;
}

function isDraft(name: string, isAbandoned: (begunAt: Date) => boolean): boolean {
  if (name.startsWith(prunedPrefix)) return timeOf(name.slice(prunedPrefix.length)) !== undefined;
  const [, begun] = draftName.exec(name) ?? [];
  return begun !== undefined && isAbandoned(new Date(Number(begun)));
}

/**
 * From the first segment of the oldest kept backup on everything stays, of every timeline: a restore begins a new one at a later
 * place, and histories of timelines stay for good.
 */
async function walBefore(folder: string, kept: readonly Backup[]): Promise<readonly string[]> {
  const place = join(folder, archiveName);
  const archive = await lstat(place).catch(() => undefined);
  if (archive?.isDirectory() !== true) return [];
  const needed = kept.map(({ manifest }) => manifest.firstSegment.slice(8)).toSorted()[0] ?? '';
  const positions = (await readdir(place, { withFileTypes: true })).flatMap((entry) => {
    const [, position] = walName.exec(entry.name) ?? [];
    return entry.isFile() && position !== undefined && position < needed ? [{ position, name: entry.name }] : [];
  });
  // A segment goes before what vouches for it, and none before an older one: what is left is whole from somewhere on.
  return positions.toSorted((a, b) => order(a.position, b.position) || order(a.name, b.name)).map(({ name }) => name);
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export interface PruningSteps {
  /** Before anything goes. */
  readonly record: () => Promise<unknown>;
  readonly onFile: (done: number, all: number) => void;
  readonly onGone: (done: number, all: number) => void;
}

/**
 * Deletes it, or, where files of the newest backup are not as they were written, nothing: then their paths are returned. May be
 * stopped anywhere and called again: a backup loses its name before its files, so that none is ever half there.
 */
export async function prune(pruning: Pruning, { record, onFile, onGone }: PruningSteps): Promise<readonly string[]> {
  const { folder, due, drafts, wal, kept } = pruning;
  const all = due.length + drafts.length + wal.length;
  if (all === 0) return [];
  const [{ path: newest, manifest }] = kept;
  const damaged = due.length === 0 ? [] : await damagedFiles(newest, manifest, onFile);
  if (damaged.length > 0) return damaged.map((path) => join(newest, path));
  await record();
  let done = 0;
  const gone = (): void => onGone((done += 1), all);
  for (const name of drafts) {
    await rm(join(folder, name), { recursive: true, force: true });
    gone();
  }
  for (const { path, manifest: of } of due) {
    const half = join(folder, prunedPrefix + folderName(of));
    await rename(path, half);
    await syncFolder(folder);
    await rm(half, { recursive: true, force: true });
    gone();
  }
  for (const name of wal) {
    await rm(join(folder, archiveName, name), { force: true });
    gone();
  }
  await syncFolder(folder);
  return [];
}
