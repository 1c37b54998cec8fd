/** Keys that are files: what there is of a family, and the turn of one while processes are restarted one after the other. */
import { amountOf } from '../amount.ts';
import { addNextKey, keepCertificate, keepFormer, removeKeyFiles } from '../keys/folder.ts';
import { checkpointKey, openCheckpointOf } from '../crypto/checkpoint.ts';
import { selectTreeHead } from '../db/auditTree.ts';
import { commit } from '../db/commit.ts';
import { selectTenants } from '../db/tenants.ts';
import { operatorLeaf } from '../vault/operatorLeaf.ts';
import { heldUntil, processesOf, type FileFamily } from '../vault/processes.ts';
import { exit, UsageFault, type Exit, type Output } from './command.ts';
import { inTehran } from './inTehran.ts';
import type { KeySession } from './keyTurning.ts';

export const fileFamilies = ['root', 'token', 'export', 'checkpoint'] as const satisfies readonly FileFamily[];
export const isFileFamily = (key: string): key is FileFamily => (fileFamilies as readonly string[]).includes(key);

/** Numbers of a family's keys, newest first; what is kept of former ones is no key. */
export function numbersOf({ keys }: Pick<KeySession, 'keys'>, family: FileFamily): readonly number[] {
  const found = keys.files.map((name) => new RegExp(`^${family}-(\\d+)\\.(?!former$)`).exec(name)?.[1]);
  return [...new Set(found.flatMap((number) => (number === undefined ? [] : [Number(number)])))].sort((a, b) => b - a);
}

/** Public name of the newest key of a family, as processes announce it. */
function newestOf({ keys }: KeySession, family: FileFamily): string {
  const id = {
    root: keys.root.current.id,
    token: keys.token[0]?.kid ?? '',
    export: keys.exportSigning.kid,
    checkpoint: keys.checkpoint[0].kid,
  }[family];
  return `${family}:${id}`;
}

/** Which processes do not have the newest key of a family yet. */
export async function lackingIn(session: KeySession, family: FileFamily): Promise<readonly string[]> {
  const serving = await processesOf(session.db, Date.now());
  return serving.filter(({ keys }) => !keys.includes(newestOf(session, family))).map(({ id }) => id);
}

/**
 * Makes the next key where there is one alone, in an open folder. False where there is an older one too: that turn is not over.
 * Throws `UsageFault` for a locked folder.
 */
export async function makeNext(session: KeySession, family: FileFamily, out: Output): Promise<boolean> {
  const [newest = 0, ...older] = numbersOf(session, family);
  if (older.length > 0) return false;
  refuseLocked(session);
  refuseWeaker(session, family, newest);
  const { keysDir } = session.config;
  const files = await addNextKey(keysDir, family, newest + 1);
  out.result({ key: family, done: false, made: files, keysDir }, () =>
    [
      `Made ${files.join(' and ')} in ${keysDir}. Nothing uses it yet.`,
      'Put it into the keys folder of every machine that runs this vault, and into the backup of the keys; restart the processes one',
      `after the other; then call this again: amanat keys rotate ${family}`,
    ].join('\n'),
  );
  return true;
}

function refuseLocked({ keys }: KeySession): void {
  if (keys.lock !== undefined)
    throw new UsageFault('the keys folder is locked: amanat keys decrypt, this, and amanat keys encrypt again');
}

/** A root key that lies in a PKCS#12 file or a hardware module is not followed by one in clear. */
function refuseWeaker({ keys, config }: KeySession, family: FileFamily, number: number): void {
  if (family !== 'root' || keys.files.includes(`root-${number}.key`)) return;
  throw new UsageFault(
    `the next root key is made where this one is, not in clear: put it into ${config.keysDir} as root-${number + 1}.p12 or .hsm (docs/operations.md), and call this again`,
  );
}

export function tellLacking(out: Output, family: FileFamily, lacking: readonly string[]): Exit {
  out.result({ key: family, done: false, lacking }, () =>
    [
      `Not yet: ${amountOf(lacking.length, 'process does', 'processes do')} not have the newest ${family} key.`,
      'Put its file into their keys folder, restart them one after the other, and call this again.',
      ...lacking.map((id) => `  ${id}`),
    ].join('\n'),
  );
  return exit.found;
}

/** A signing key: in use as soon as every process has it. */
export async function rotateSigning(session: KeySession, family: FileFamily, out: Output): Promise<Exit> {
  if (await makeNext(session, family, out)) return exit.found;
  const lacking = await lackingIn(session, family);
  if (lacking.length > 0) return tellLacking(out, family, lacking);
  if (family === 'checkpoint') await growLogs(session);
  out.result({ key: family, done: true, newest: newestOf(session, family) }, () =>
    [
      `Every process that serves has ${newestOf(session, family)} and signs with it.`,
      `Take the one before away: amanat keys retire ${family}`,
    ].join('\n'),
  );
  return exit.ok;
}

/** What rests on the older keys of a family. */
export interface FileRests {
  /** In words; empty where nothing does. */
  readonly rests: readonly string[];
  /** When nothing will any more, where it ends by itself. */
  readonly until?: Date;
}

/** Takes the older keys of a family away, where nothing rests on them. */
export async function retireFiles(
  session: KeySession,
  family: FileFamily,
  { rests, until }: FileRests,
  out: Output,
): Promise<Exit> {
  const [, ...older] = numbersOf(session, family);
  const files = session.keys.files.filter(
    (name) => older.some((n) => name.startsWith(`${family}-${n}.`)) && !name.endsWith('.former'),
  );
  if (files.length === 0) {
    out.result({ key: family, removed: [] }, () => `There is one ${family} key, and it is in use.`);
    return exit.ok;
  }
  if (rests.length > 0) {
    const then = until === undefined ? [] : [`Call this again after ${until.toISOString()} (${inTehran(until)}).`];
    out.result({ key: family, removed: [], rests, until }, () =>
      [['Nothing was taken away:', ...rests].join('\n  '), ...then].join('\n'),
    );
    return exit.found;
  }
  refuseLocked(session);
  await keepPublic(session, family, older);
  await removeKeyFiles(session.config.keysDir, files);
  out.result({ key: family, removed: files }, () =>
    [
      `Took away ${files.join(', ')}. Do the same in every other keys folder of this vault.`,
      ...(family === 'checkpoint' || family === 'export' ? [keptFormer(family, older)] : []),
    ].join('\n'),
  );
  return exit.ok;
}

/** What was signed before is verified by what is kept. */
async function keepPublic({ keys, config }: KeySession, family: FileFamily, older: readonly number[]): Promise<void> {
  for (const [i, n] of older.entries()) {
    const [checkpoint, exported] = [keys.checkpoint[i + 1], keys.formerExport[i]];
    if (family === 'checkpoint' && checkpoint !== undefined) await keepFormer(config.keysDir, n, checkpoint);
    if (family === 'export' && exported !== undefined) await keepCertificate(config.keysDir, n, exported);
  }
}

const keptFormer = (family: FileFamily, numbers: readonly number[]): string =>
  `Kept ${numbers.map((n) => `${family}-${n}.former`).join(', ')}, which signs nothing: what was signed before is verified by it.`;

/** Tenants whose log has a head that the newest key has not signed. */
async function unsignedLogs({ db, keys }: KeySession): Promise<readonly string[]> {
  const [all] = await commit(db, 'directory', [selectTenants()]);
  const found: string[] = [];
  for (const { id } of all) {
    const [[head]] = await commit(db, { tenantIds: [id] }, [selectTreeHead(id)]);
    const newest = checkpointKey(id, keys.checkpoint[0].publicKey);
    if (head !== undefined && openCheckpointOf(id, head.checkpoint, [newest]) === undefined) found.push(id);
  }
  return found;
}

/** A log that nobody writes to would keep its head: a leaf of the turn makes it grow, and its next head has every key's signature. */
async function growLogs(session: KeySession): Promise<void> {
  for (const tenantId of await unsignedLogs(session)) {
    const { policyVersion } = session.turning(tenantId, () => undefined);
    const object = { kind: 'keys/checkpoint', id: tenantId };
    const leaf = operatorLeaf({ tenantId, policyVersion, action: 'keys.rotate', object }, Date.now());
    await commit(session.db, { tenantIds: [tenantId] }, [leaf]);
  }
}

/** What rests on the older keys of a family that signs. */
export async function signedRests(session: KeySession, family: FileFamily): Promise<FileRests> {
  const lacking = await lackingIn(session, family);
  const rests = lacking.map((id) => `process ${id} does not have the newest ${family} key`);
  if (family === 'checkpoint')
    for (const tenantId of await unsignedLogs(session))
      rests.push(
        `the head of the log of ${tenantId} is not signed by the newest key yet: amanat keys rotate checkpoint`,
      );
  if (family !== 'token') return { rests };
  const ends: number[] = [];
  for (const { kid } of session.keys.token.slice(1)) {
    const end = await heldUntil(session.db, kid, Date.now());
    if (end === undefined) continue;
    ends.push(end);
    rests.push(`tokens that ${kid} has signed may still be valid`);
  }
  // While one lacks the newest, the others sign with an older one.
  return ends.length === 0 || lacking.length > 0 ? { rests } : { rests, until: wholeMinute(Math.max(...ends)) };
}

/** The next but one: a process tells a few seconds later what it signed last. */
const wholeMinute = (time: number): Date => new Date((Math.floor(time / 60_000) + 2) * 60_000);
