import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { signedManifest } from '../../src/cli/backupManifest.ts';
import { prune, pruningOf } from '../../src/cli/backupPruning.ts';
import { ConfigFault } from '../../src/config.ts';
import { newRootKeyText, parseRootKey } from '../../src/keys/rootKey.ts';

/** What had its time goes, and nothing else does, whatever somebody puts beside it. */

const root = mkdtempSync(join(tmpdir(), 'amanat-prune-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const key = parseRootKey('root-1.key', newRootKeyText());
const roots = { current: key, byId: new Map([[key.id, key]]) };
const limit = new Date('2026-03-01T00:00:00Z');
const isOver = (madeAt: Date): boolean => madeAt < limit;
const now = new Date('2026-04-05T00:00:00Z');
let [folder, wal, outside] = ['', '', ''];

beforeEach(() => {
  folder = mkdtempSync(join(root, 'backups-'));
  [wal, outside] = [join(folder, 'wal'), mkdtempSync(join(root, 'outside-'))];
  mkdirSync(wal, { mode: 0o700 });
  writeFileSync(join(outside, 'precious'), 'x');
});

const nameAt = (day: string): string => `${day}T02-00-00.000Z`;
const segment = (position: number, timeline = 1): string =>
  `${timeline.toString(16).padStart(8, '0')}${position.toString(16).padStart(16, '0')}`.toUpperCase();

/** One backup of that day, whose WAL begins there; its manifest says what is told, and is signed by that key. */
async function backup(
  day: string,
  position: number,
  { by = key, files = ['a'] }: { by?: typeof key; files?: string[] } = {},
) {
  const path = join(folder, nameAt(day));
  mkdirSync(join(path, 'postgres', 'cluster'), { recursive: true, mode: 0o700 });
  writeFileSync(join(path, 'postgres', 'cluster', 'a'), day);
  const manifest = await signedManifest(by, {
    format: 2,
    startedAt: `${day}T02:00:00.000Z`,
    endedAt: `${day}T02:01:00.000Z`,
    systemId: '7',
    firstSegment: segment(position),
    lastSegment: segment(position),
    schema: 1,
    rootKeyIds: [by.id],
    folders: ['postgres/cluster'],
    files: files.map((file) => ({
      path: file === 'a' ? 'postgres/cluster/a' : file,
      bytes: day.length,
      sha256: createHash('sha256').update(day).digest('hex'),
    })),
  });
  writeFileSync(join(path, 'manifest.json'), JSON.stringify(manifest));
  return path;
}
const archive = (...names: string[]): void => names.forEach((name) => writeFileSync(join(wal, name), name));
const there = (): string[] =>
  readdirSync(folder)
    .filter((name) => name !== 'wal')
    .toSorted();

let records = 0;
const steps = {
  record: () => Promise.resolve((records += 1)),
  onFile: () => undefined,
  onGone: () => undefined,
};

async function pruned() {
  const found = await pruningOf(folder, roots, isOver, now);
  expect(await prune(found, steps)).toEqual([]);
  return found;
}

describe('what had its time', () => {
  test('goes, with the WAL before the oldest that stays, of every timeline; histories stay', async () => {
    await backup('2026-01-10', 3);
    await backup('2026-02-10', 8);
    await backup('2026-03-10', 20);
    await backup('2026-03-20', 30);
    const gone = [
      segment(3),
      `${segment(3)}.mac`,
      segment(19),
      segment(12, 2),
      `.${segment(4)}.new`,
      `${segment(8)}.00000028.backup`,
    ];
    const stays = [
      segment(20),
      `${segment(20)}.mac`,
      segment(31, 2),
      '00000002.history',
      'notes.txt',
      '00000002.history.mac',
    ];
    archive(...gone, ...stays);
    const found = await pruned();
    expect(found.due.map(({ manifest }) => manifest.startedAt.slice(0, 10))).toEqual(['2026-01-10', '2026-02-10']);
    expect([found.last, found.left]).toEqual([false, []]);
    expect(there()).toEqual([nameAt('2026-03-10'), nameAt('2026-03-20')]);
    expect(readdirSync(wal).toSorted()).toEqual(stays.toSorted());
    expect(found.wal.indexOf(segment(3)), 'before its proof').toBeLessThan(found.wal.indexOf(`${segment(3)}.mac`));
    const again = await pruned();
    expect([again.due, again.drafts, again.wal]).toEqual([[], [], []]);
  });

  test('stays where it is the only one, also beside others that are not believed', async () => {
    await backup('2026-01-10', 3);
    const last = await backup('2026-01-20', 5);
    const stranger = parseRootKey('root-1.key', newRootKeyText());
    await backup('2026-03-20', 90, { by: stranger });
    archive(segment(4), segment(5), segment(89));
    const found = await pruned();
    expect([found.last, found.kept.map(({ path }) => path)]).toEqual([true, [last]]);
    expect(there()).toEqual([nameAt('2026-01-20'), nameAt('2026-03-20')]);
    // Control: one that is believed takes its place.
    await backup('2026-03-21', 91);
    await pruned();
    expect(there()).toEqual([nameAt('2026-03-20'), nameAt('2026-03-21')]);
  });

  test('goes after a run that was stopped in the middle; copies cut short go in their time', async () => {
    await backup('2026-01-10', 3);
    await backup('2026-03-20', 30);
    renameSync(join(folder, nameAt('2026-01-10')), join(folder, `.pruned-${nameAt('2026-01-10')}`));
    const [old, young] = [`.backup-${limit.getTime() - 1}-7`, `.backup-${limit.getTime()}-7`];
    for (const name of [old, young]) mkdirSync(join(folder, name, 'postgres'), { recursive: true });
    const found = await pruned();
    expect(found.drafts.toSorted()).toEqual([old, `.pruned-${nameAt('2026-01-10')}`].toSorted());
    expect(there()).toEqual([young, nameAt('2026-03-20')]);
  });

  test('is at least a day old where it is a copy cut short, however short the time for backups', async () => {
    await backup('2026-03-20', 30);
    const day = 24 * 3_600_000;
    const [dayOld, running] = [`.backup-${now.getTime() - day}-7`, `.backup-${now.getTime() - day + 1}-7`];
    for (const name of [dayOld, running]) mkdirSync(join(folder, name));
    const found = await pruningOf(folder, roots, (madeAt) => madeAt < now, now);
    expect(await prune(found, steps)).toEqual([]);
    expect(there()).toEqual([running, nameAt('2026-03-20')]);
  });
});

describe('nothing else goes', () => {
  test('not while the newest is damaged, nor without a record', async () => {
    await backup('2026-01-10', 3);
    const newest = join(await backup('2026-03-20', 30), 'postgres', 'cluster', 'a');
    archive(segment(4));
    writeFileSync(newest, '2026-03-21');
    const found = await pruningOf(folder, roots, isOver, now);
    const before = [records, there(), readdirSync(wal)];
    expect(await prune(found, steps)).toEqual([newest]);
    writeFileSync(newest, '2026-03-20');
    const failing = { ...steps, record: () => Promise.reject(new Error('no database')) };
    await expect(prune(found, failing)).rejects.toThrow('no database');
    expect([records, there(), readdirSync(wal)]).toEqual(before);
    expect(await prune(found, steps), 'control').toEqual([]);
    expect([there(), readdirSync(wal)]).toEqual([[nameAt('2026-03-20')], []]);
    await pruned();
    expect(records, 'where nothing goes nothing is recorded').toBe(Number(before[0]) + 1);
  });

  test('not through links, nor by what a manifest lists', async () => {
    const victim = await backup('2026-01-10', 3, { files: [`../../../${outside.split('/').at(-1)}/precious`] });
    await backup('2026-03-20', 30);
    symlinkSync(outside, join(victim, 'postgres', 'cluster', 'link'));
    symlinkSync(join(outside, 'precious'), join(victim, 'postgres', 'precious'));
    symlinkSync(outside, join(folder, nameAt('2026-01-11')));
    symlinkSync(outside, join(folder, '.backup-1000000000000-1'));
    symlinkSync(outside, join(folder, `.pruned-${nameAt('2026-01-12')}`));
    symlinkSync(join(outside, 'precious'), join(wal, segment(1)));
    mkdirSync(join(wal, segment(2)));
    archive(segment(3));
    const found = await pruned();
    rmSync(join(folder, nameAt('2026-01-11')));
    await pruned();
    expect(existsSync(victim), 'control: what is ours went').toBe(false);
    expect(existsSync(join(wal, segment(3)))).toBe(false);
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('x');
    expect(readdirSync(wal).toSorted()).toEqual([segment(1), segment(2)]);
    expect(found.left).toEqual([{ name: nameAt('2026-01-11'), code: 'no_folder' }]);
    rmSync(wal, { recursive: true });
    symlinkSync(outside, wal);
    writeFileSync(join(outside, segment(3)), 'x');
    await pruned();
    expect(readdirSync(outside).toSorted(), 'an archive that is a link is none').toEqual([segment(3), 'precious']);
  });

  test('not what this vault did not make, or somebody changed, renamed or emptied: it is told', async () => {
    const stranger = parseRootKey('root-1.key', newRootKeyText());
    await backup('2026-01-01', 1, { by: stranger });
    const altered = join(await backup('2026-01-02', 2), 'manifest.json');
    writeFileSync(altered, readFileSync(altered, 'utf8').replace('"schema":1', '"schema":2'));
    renameSync(await backup('2026-01-03', 3), join(folder, 'before-the-upgrade'));
    renameSync(await backup('2026-01-04', 4), join(folder, nameAt('2026-01-05')));
    rmSync(join(await backup('2026-01-06', 6), 'manifest.json'));
    mkdirSync(join(folder, 'photos'));
    await backup('2026-03-20', 30);
    const before = there();
    const found = await pruned();
    expect(there()).toEqual(before);
    expect(Object.fromEntries(found.left.map(({ name, code }) => [name, code]))).toEqual({
      [nameAt('2026-01-01')]: 'other_keys',
      [nameAt('2026-01-02')]: 'altered',
      'before-the-upgrade': 'renamed',
      [nameAt('2026-01-05')]: 'renamed',
      [nameAt('2026-01-06')]: 'cut_short',
    });
  });

  test('no WAL while something of a backup’s name is not believed, and none that a renamed one needs', async () => {
    await backup('2026-01-03', 3);
    renameSync(join(folder, nameAt('2026-01-03')), join(folder, 'before-the-upgrade'));
    await backup('2026-03-20', 30);
    const young = nameAt('2026-04-04');
    const plants = [
      () => backup('2026-04-04', 2, { by: parseRootKey('root-1.key', newRootKeyText()) }),
      async () => mkdirSync(join(folder, young)),
      async () => symlinkSync(outside, join(folder, young)),
      async () => [mkdirSync(join(folder, young)), symlinkSync('/dev/zero', join(folder, young, 'manifest.json'))],
      async () => [mkdirSync(join(folder, young)), writeFileSync(join(folder, young, 'manifest.json'), '{"format":2,')],
    ];
    const codes: unknown[] = [];
    for (const plant of plants) {
      archive(segment(2), segment(3));
      await plant();
      const found = await pruned();
      codes.push(...found.left.filter(({ name }) => name === young).map(({ code }) => code));
      expect([found.walStays, readdirSync(wal)]).toEqual([true, [segment(2), segment(3)]]);
      rmSync(join(folder, young), { recursive: true });
    }
    expect(codes).toEqual(['other_keys', 'cut_short', 'no_folder', 'unreadable', 'altered']);
    const found = await pruned();
    expect([found.walStays, readdirSync(wal)], 'control').toEqual([false, [segment(3)]]);
  });

  test('not in a folder without a backup of this vault, nor in one that others may write to', async () => {
    archive(segment(1));
    writeFileSync(join(folder, nameAt('2026-01-01')), 'a file');
    await expect(pruned()).rejects.toThrow(ConfigFault);
    await backup('2026-03-20', 30);
    for (const mode of [0o770, 0o702]) {
      chmodSync(folder, mode);
      await expect(pruned()).rejects.toThrow(/Others may write/);
    }
    expect(existsSync(join(wal, segment(1)))).toBe(true);
    chmodSync(folder, 0o750);
    rmSync(join(folder, nameAt('2026-01-01')));
    await pruned();
    expect(existsSync(join(wal, segment(1))), 'control').toBe(false);
    await expect(pruningOf(join(folder, 'nowhere'), roots, isOver, now)).rejects.toThrow(ConfigFault);
  });
});
