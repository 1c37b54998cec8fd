import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { provenDigest } from '../archiveProof.ts';
import { digestOf } from '../crypto/digest.ts';
import { digestOfFile } from '../db/copiedFile.ts';
import type { ArchivedFile } from '../db/embeddedRestore.ts';
import { textOfRegular } from '../regularFile.ts';
import type { Manifest, Roots } from './backupManifest.ts';

/**
 * What of an archive follows on a backup. A segment is named by its timeline (8 hex digits) and its number (16, of which the last 8
 * count to 255: segments have 16 MiB); a restore begins a timeline, and `<timeline>.history` says where it left which.
 *
 * `gap`: a segment is missing and later ones are there; `unproven`: nobody with a key has vouched for it (yet); `altered`: it is
 * not what was vouched for; `timeline`: the newest timeline of the archive does not go on from this backup.
 */
export type WalTrouble = 'gap' | 'unproven' | 'altered' | 'timeline';

export const walTroubles: Readonly<Record<WalTrouble, string>> = {
  gap: 'is missing from the archive, and later WAL is there',
  unproven: 'was not vouched for by this vault',
  altered: 'is not what this vault archived: somebody changed it, or it is another vault’s',
  timeline: 'does not go on from this backup: another database archived there, or it is of an earlier restore',
};

export interface ArchivedRun {
  /** Histories and segments in their order, without one missing. */
  readonly files: readonly ArchivedFile[];
  /** The last segment of them. */
  readonly last: string | undefined;
  /** Why it ends there, and at which file; undefined where the archive ends. */
  readonly trouble: { readonly code: WalTrouble; readonly name: string } | undefined;
  /** Segments after that; and whether somebody vouched for one of them. */
  readonly beyond: number;
  readonly provenBeyond: boolean;
  /** The newest timeline whose history is there. */
  readonly newest: string | undefined;
  /** Files taken although nobody vouched for them. */
  readonly unproven: readonly string[];
}

/** The service vouches every two seconds, and a busy database fills a segment in less than one. */
export const mostWaiting = 16;

/**
 * Ends it at what was archived last and waits to be vouched for? Whoever takes proofs away can make it look so of this much and
 * no more.
 */
export function isWaiting({ trouble, beyond, provenBeyond }: ArchivedRun): boolean {
  return trouble?.code === 'unproven' && !provenBeyond && beyond <= mostWaiting;
}

/** Looks at a file of the archive, and takes it where nothing is wrong with it. */
type Take = (name: string) => Promise<ArchivedFile | WalTrouble>;

interface Search {
  readonly archive: string;
  readonly manifest: Pick<Manifest, 'systemId' | 'firstSegment' | 'lastSegment'>;
  readonly roots: Pick<Roots, 'byId'>;
  /** Takes files without a proof, and none with one that does not hold. */
  readonly takeUnproven: boolean;
  /** Is each file what was vouched for, byte for byte? Else only the vouching is looked at. */
  readonly whole: boolean;
  readonly onFile: (done: number, all: number) => void;
}

interface Timeline {
  readonly name: string;
  /** Numbers of its first segment, and of the last that counts. */
  readonly from: number;
  readonly to: number;
}

const segment = /^[0-9A-F]{24}$/;
const segmentBytes = 16 * 1024 * 1024;
const segmentsPerFile = 256;
const mostHistory = 1024 * 1024;
const timelineOf = (name: string): string => name.slice(0, 8);
const numberOf = (name: string): number =>
  Number.parseInt(name.slice(8, 16), 16) * segmentsPerFile + Number.parseInt(name.slice(16, 24), 16);
/** Segments between the two, whatever their timelines. */
export const segmentsBetween = (earlier: string, later: string): number => numberOf(later) - numberOf(earlier) - 1;
const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
const nameOf = (timeline: string, number: number): string =>
  `${timeline}${hex(Math.floor(number / segmentsPerFile))}${hex(number % segmentsPerFile)}`;

export async function archivedRun(search: Search): Promise<ArchivedRun> {
  const { archive, manifest, onFile } = search;
  const there = new Set((await readdir(archive)).filter((name) => segment.test(name) || name.endsWith('.history')));
  const files: ArchivedFile[] = [];
  const unproven: string[] = [];
  const take: Take = async (name) => {
    const found = await lookAt(search, name);
    if (typeof found === 'string') return found;
    const file = { name, sha256: found.sha256 };
    files.push(file);
    if (!found.proven) unproven.push(name);
    return file;
  };
  const lines = await timelinesOf(search, there, take);
  const ended = async (
    last: string | undefined,
    trouble: ArchivedRun['trouble'],
    from: number,
  ): Promise<ArchivedRun> => {
    const beyond = [...there].filter((name) => segment.test(name) && numberOf(name) >= from && isOfOne(lines.of, name));
    const provenBeyond = await isAnyProven(search, beyond);
    const newest = lines.of[0]?.name;
    return { files, last, trouble, beyond: beyond.length, provenBeyond, newest, unproven };
  };
  const first = numberOf(manifest.firstSegment);
  if (lines.trouble !== undefined) return ended(undefined, lines.trouble, first);
  const numbers = [...there].filter((name) => segment.test(name) && isOfOne(lines.of, name)).map(numberOf);
  const most = Math.max(first - 1, ...numbers);
  let last: string | undefined;
  for (let number = first; number <= most; number += 1) {
    const names = lines.of
      .filter(({ from, to }) => from <= number && number <= to)
      .map((line) => nameOf(line.name, number));
    const name = names.find((one) => there.has(one));
    onFile(number - first, most - first + 1);
    // What the backup needs lies in it as well.
    if (name === undefined && number <= numberOf(manifest.lastSegment)) continue;
    const lost = names[0] ?? nameOf(timelineOf(manifest.firstSegment), number);
    const found = name === undefined ? 'gap' : await take(name);
    if (typeof found === 'string') return ended(last, { code: found, name: name ?? lost }, number);
    last = name;
  }
  return ended(last, undefined, most + 1);
}

const isOfOne = (lines: readonly Timeline[], name: string): boolean =>
  lines.some((line) => line.name === timelineOf(name) && line.from <= numberOf(name) && numberOf(name) <= line.to);

async function isAnyProven({ archive, manifest, roots }: Search, names: readonly string[]): Promise<boolean> {
  for (const name of names)
    if (typeof (await provenDigest(archive, { ...manifest, name }, roots)) === 'object') return true;
  return false;
}

async function lookAt(
  { archive, manifest: { systemId }, roots, takeUnproven, whole }: Search,
  name: string,
): Promise<WalTrouble | { readonly sha256: string; readonly proven: boolean }> {
  const proof = await provenDigest(archive, { systemId, name }, roots);
  if (proof === 'broken') return 'altered';
  if (proof === 'none' && !takeUnproven) return 'unproven';
  if (proof !== 'none' && !whole) return { ...proof, proven: true };
  const found = await digestOfFile(join(archive, name), segmentBytes).catch(() => undefined);
  if (found === undefined || (proof !== 'none' && found.sha256 !== proof.sha256)) return 'altered';
  return { sha256: found.sha256, proven: proof !== 'none' };
}

/** Newest first. PostgreSQL looks for histories from the backup's own timeline on, one number after the other, and takes the last. */
async function timelinesOf(
  { archive, manifest }: Search,
  there: ReadonlySet<string>,
  take: Take,
): Promise<{ readonly of: readonly Timeline[]; readonly trouble?: ArchivedRun['trouble'] }> {
  const own = timelineOf(manifest.firstSegment);
  const alone = [{ name: own, from: 0, to: Infinity }];
  let [newest, text] = [own, ''];
  for (let number = Number.parseInt(own, 16) + 1; there.has(`${hex(number)}.history`); number += 1) {
    const name = `${hex(number)}.history`;
    const found = await take(name);
    const read = typeof found === 'string' ? found : await historyOf(archive, found);
    if (typeof read === 'string') return { of: alone, trouble: { code: read, name } };
    [newest, text] = [hex(number), read.text];
  }
  if (newest === own) return { of: alone };
  const of = parsedHistory(newest, text);
  const begins = of.find(({ name }) => name === own);
  if (begins === undefined || begins.to < numberOf(manifest.lastSegment))
    return { of: alone, trouble: { code: 'timeline', name: `${newest}.history` } };
  return { of };
}

/** What was looked at is what is read, whoever puts another in its place meanwhile. */
async function historyOf(archive: string, { name, sha256 }: ArchivedFile): Promise<{ text: string } | 'altered'> {
  const text = await textOfRegular(join(archive, name), mostHistory).catch(() => undefined);
  return text !== undefined && digestOf(Buffer.from(text)).toString('hex') === sha256 ? { text } : 'altered';
}

/** A line for each timeline that it came from: number, tab, the place where it was left (`16/B374D848`), tab, why. */
function parsedHistory(newest: string, text: string): readonly Timeline[] {
  const lines: Timeline[] = [];
  let from = 0;
  for (const line of text.split('\n')) {
    const [, number = '', high = '', low = ''] = /^\s*(\d+)\t([0-9A-F]+)\/([0-9A-F]+)\t/i.exec(line) ?? [];
    if (number === '') continue;
    const to = Number.parseInt(high, 16) * segmentsPerFile + (Number.parseInt(low, 16) >>> 24);
    lines.push({ name: hex(Number(number)), from, to });
    from = to;
  }
  return [...lines, { name: newest, from, to: Infinity }].toReversed();
}
