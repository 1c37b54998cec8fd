import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { journalKey, openJournalContent, sealJournal } from '../../src/crypto/journal.ts';
import { openJournal, signEnd, signJournal } from '../../src/crypto/journalNote.ts';
import { signCheckpoint } from '../../src/crypto/checkpoint.ts';
import {
  consistencyPlan,
  growTree,
  makeProof,
  verifyConsistency,
  type NodeAt,
  type TreeHead,
} from '../../src/crypto/merkleTree.ts';
import { openNote, verifierKey, vkeyOf, type NoteSigner, type VerifierKey } from '../../src/crypto/signedNote.ts';
import { digestOf } from '../../src/crypto/digest.ts';
import { refuseUnwitnessed } from '../../src/cli/cosignature.ts';
import type { KeyFolder } from '../../src/keys/folder.ts';
import { openCosigned } from '../../src/vault/cosigned.ts';
import { openLogFolder } from '../../src/witness/logFolder.ts';
import { loadCosigner, makeWitness, trustedLogs, trustLogs } from '../../src/witness/witnessFolder.ts';
import { posting, witnessBehind } from '../../src/witness/witnessClient.ts';
import { answering, type Ask } from '../../src/witness/witnessing.ts';
import { serveWitness, type RunningWitness } from '../../src/witness/witnessServer.ts';
import { newKeyPair } from '../support/keyPair.ts';

/** A log with all its nodes in memory. */
function newLog(origin: string, keys = newKeyPair('ed25519')) {
  const signer: NoteSigner = { key: verifierKey(origin, keys.publicKey), privateKey: keys.privateKey };
  const tree = growTree();
  const nodes = new Map<string, Buffer>();
  const heads: TreeHead[] = [tree.head()];
  const read = (wanted: readonly NodeAt[]) =>
    Promise.resolve(wanted.map(({ level, index }) => nodes.get(`${level}/${index}`) ?? Buffer.alloc(32)));
  return {
    origin,
    signer,
    vkey: vkeyOf(signer.key),
    grow(...leaves: readonly string[]) {
      for (const leaf of leaves) {
        tree.append(digestOf(Buffer.from(`\0${leaf}`)), ({ level, index }, hash) =>
          nodes.set(`${level}/${index}`, hash),
        );
        heads.push(tree.head());
      }
      return this;
    },
    head: (size = heads.length - 1) => heads[size] as TreeHead,
    note: (size = heads.length - 1) => signCheckpoint(heads[size] as TreeHead, signer),
    proof: (from: number, to = heads.length - 1) =>
      from === 0 ? Promise.resolve([]) : makeProof(consistencyPlan(from, to), read),
  };
}
type Log = ReturnType<typeof newLog>;

let folder: string;
let running: RunningWitness;
let send: Ask;
let clock = 1_700_000_000_000;

async function start(): Promise<void> {
  const cosigner = await loadCosigner(folder);
  const ask = answering({
    folder: openLogFolder(folder),
    keysOf: async (origin) => (await trustedLogs(folder)).filter(({ name }) => name === origin),
    cosigner,
    now: () => clock,
  });
  running = await serveWitness(ask, { host: '127.0.0.1', port: 0 }, () => undefined);
  send = posting(running.url);
}

async function restart(): Promise<void> {
  await running.stop();
  await start();
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'amanat-witness-'));
  await makeWitness(folder, 'witness.example/w1');
  await start();
});
afterAll(async () => {
  await running.stop();
  rmSync(folder, { recursive: true, force: true });
});

let logs = 0;
async function knownLog(...leaves: readonly string[]): Promise<Log> {
  const log = newLog(`amanat/log-${(logs += 1)}`).grow(...leaves);
  await trustLogs(folder, [log.vkey]);
  return log;
}

const addition = (oldSize: number | string, proof: readonly Buffer[], note: string): string =>
  `old ${oldSize}\n${proof.map((hash) => `${hash.toString('base64')}\n`).join('')}\n${note}`;

const add = async (log: Log, oldSize: number, size?: number): Promise<{ status: number; body: string; type: string }> =>
  send('/add-checkpoint', addition(oldSize, await log.proof(oldSize, size), log.note(size)));

const placeOf = (log: Log): string => join(folder, 'logs', digestOf(Buffer.from(log.origin)).toString('hex'));

describe('add-checkpoint (C2SP tlog-witness)', () => {
  test('the first checkpoint of a log, and one that goes on from it, are cosigned', async () => {
    const log = await knownLog('a', 'b', 'c');
    const first = await add(log, 0);
    expect(first.status).toBe(200);
    const { key } = await loadCosigner(folder);
    const opened = openNote(log.note() + first.body, [log.signer.key, key]);
    expect(opened?.signatures.map((s) => [s.key.name, s.at])).toEqual([
      [log.origin, undefined],
      ['witness.example/w1', 1_700_000_000],
    ]);
    log.grow('d', 'e', 'f', 'g');
    clock += 60_000;
    const next = await add(log, 3);
    expect(next.status).toBe(200);
    // The same again is cosigned again, at its own time.
    clock += 60_000;
    expect((await add(log, 7)).status).toBe(200);
  });

  test('404 for a log that is not known, and nothing of it is remembered', async () => {
    const log = newLog('amanat/nobody').grow('a');
    const before = readdirSync(join(folder, 'logs')).length;
    expect((await add(log, 0)).status).toBe(404);
    expect(readdirSync(join(folder, 'logs'))).toHaveLength(before);
    // Known from the moment it is trusted, without a restart.
    await trustLogs(folder, [log.vkey]);
    expect((await add(log, 0)).status).toBe(200);
  });

  test('403 without a signature of a trusted key, whatever else has signed', async () => {
    const log = await knownLog('a');
    const forged = newLog(log.origin).grow('a');
    expect((await add(forged, 0)).status).toBe(403);
    const damaged = log.note().replace(/.{6}\n$/, 'AAAAA=\n');
    expect((await send('/add-checkpoint', addition(0, [], damaged))).status).toBe(403);
    // A signature for one log is none for another: the text names the log.
    const other = await knownLog('a');
    const swapped = other.note().replaceAll(other.origin, log.origin);
    expect((await send('/add-checkpoint', addition(0, [], swapped))).status).toBe(403);
    expect((await add(log, 0)).status).toBe(200);
  });

  test('409 with the size that was seen for any other old size, as text/x.tlog.size', async () => {
    const log = await knownLog('a', 'b', 'c', 'd', 'e');
    await add(log, 0, 3);
    for (const stale of [0, 2, 4]) {
      const reply = await add(log, stale);
      expect(reply).toEqual({ status: 409, type: 'text/x.tlog.size', body: '3\n' });
    }
    expect((await add(log, 3)).status).toBe(200);
  });

  test('400 for an old size beyond the new one and for what is no request', async () => {
    const log = await knownLog('a', 'b');
    const note = log.note();
    for (const body of [
      addition(3, [], note),
      addition('00', [], note),
      addition('-1', [], note),
      addition(0, [], '').slice(0, -1),
      `old 0\n${'A'.repeat(44)}x\n\n${note}`,
      addition(
        0,
        Array.from({ length: 64 }, () => Buffer.alloc(32)),
        note,
      ),
      '',
      note,
    ]) {
      expect((await send('/add-checkpoint', body)).status, JSON.stringify(body)).toBe(400);
    }
    expect((await send('/add-checkpoint', addition(0, [], note))).status).toBe(200);
  });

  test('422 for a tree that does not begin with the one that was seen; what was seen stays', async () => {
    const log = await knownLog('a', 'b', 'c');
    await add(log, 0);
    const forked = newLog(log.origin, { ...newKeyPair('ed25519'), ...log.signer, publicKey: log.signer.key.publicKey });
    forked.grow('a', 'b', 'X', 'd', 'e');
    // Its own proof is a good one, of its own past.
    expect(verifyConsistency(forked.head(3), forked.head(), await forked.proof(3))).toBe(true);
    expect((await add(forked, 3)).status).toBe(422);
    log.grow('d', 'e');
    const proof = await log.proof(3);
    for (const [i, hash] of proof.entries()) {
      const wrong = proof.with(i, digestOf(hash));
      expect((await send('/add-checkpoint', addition(3, wrong, log.note()))).status).toBe(422);
    }
    expect((await send('/add-checkpoint', addition(3, proof.slice(1), log.note()))).status).toBe(422);
    expect((await send('/add-checkpoint', addition(3, [...proof, Buffer.alloc(32)], log.note()))).status).toBe(422);
    expect((await add(log, 3)).status).toBe(200);
  });

  test('409 for another tree of the same size', async () => {
    const log = await knownLog('a', 'b');
    await add(log, 0);
    const forked = newLog(log.origin, { ...newKeyPair('ed25519'), ...log.signer, publicKey: log.signer.key.publicKey });
    forked.grow('a', 'X');
    expect((await add(forked, 2)).status).toBe(409);
  });

  test('lines of nobody, and the same line many times, are not kept: they would make what is kept too long to be read', async () => {
    const log = await knownLog('a', 'b');
    expect((await add(log, 0)).status).toBe(200);
    const note = log.note();
    const signature = note.split('\n').at(-2) ?? '';
    const stranger = `\u2014 ${log.origin} ${Buffer.alloc(68, 7).toString('base64')}`;
    for (const line of [signature, stranger]) {
      const most = Math.floor((65_536 - note.length) / (line.length + 1));
      const padded = note + `${line}\n`.repeat(most);
      // Control: it is a note that opens, and with one line more it would be none.
      expect(openNote(padded, [log.signer.key])?.text).toBe(
        `${log.origin}\n2\n${log.head().root.toString('base64')}\n`,
      );
      expect(openNote(`${padded}${line}\n`, [log.signer.key])).toBeUndefined();
      expect((await send('/add-checkpoint', addition(2, [], padded))).status).toBe(200);
      const kept = (await witnessBehind(send).read(log.origin))?.checkpoint ?? '';
      expect(kept.split('\n').filter((one) => one.startsWith('\u2014'))).toEqual([
        signature,
        expect.stringContaining('witness.example/w1'),
      ]);
      expect((await add(log, 2)).status).toBe(200);
    }
    const told = piece(log, 0, 1, []);
    expect(
      (await send('/add-journal', `${told}\u2014 ${log.origin} ${Buffer.alloc(68, 7).toString('base64')}\n`)).status,
    ).toBe(200);
    expect((await witnessBehind(send).read(log.origin))?.head).toBe(told);
  });

  test('two trees at once: one is signed, the other never', async () => {
    for (let round = 0; round < 8; round += 1) {
      const log = await knownLog('a');
      await add(log, 0);
      const forked = newLog(log.origin, {
        ...newKeyPair('ed25519'),
        ...log.signer,
        publicKey: log.signer.key.publicKey,
      });
      forked.grow('a', `X${round}`);
      log.grow(`Y${round}`);
      const replies = await Promise.all([add(log, 1), add(forked, 1)]);
      expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
      const kept = readFileSync(join(placeOf(log), 'checkpoint'), 'utf8');
      const winner = replies[0]?.status === 200 ? log : forked;
      expect(kept.startsWith(winner.note())).toBe(true);
    }
  });

  test('what was signed holds across a restart, in files that nobody else reads', async () => {
    const log = await knownLog('a', 'b', 'c');
    await add(log, 0);
    await restart();
    expect(await add(log, 0)).toMatchObject({ status: 409, body: '3\n' });
    expect((await witnessBehind(send).read(log.origin))?.checkpoint).toContain(log.note());
    for (const path of [join(placeOf(log), 'checkpoint'), join(folder, 'witness.pem'), join(folder, 'logs.txt')])
      expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(placeOf(log)).mode & 0o777).toBe(0o700);
  });

  test('state that somebody changed signs nothing', async () => {
    const log = await knownLog('a', 'b', 'c');
    await add(log, 0);
    const path = join(placeOf(log), 'checkpoint');
    const kept = readFileSync(path, 'utf8');
    writeFileSync(path, kept.replace('\n3\n', '\n1\n'));
    expect((await add(log, 1, 2)).status).toBe(500);
    writeFileSync(path, kept);
    expect((await add(log, 3)).status).toBe(200);
  });

  test('a state that cannot be made durable is not signed', async () => {
    const log = await knownLog('a');
    // A file where the log's folder would be.
    writeFileSync(placeOf(log), '');
    expect(await add(log, 0)).toMatchObject({ status: 500, body: '' });
    rmSync(placeOf(log));
    expect((await add(log, 0)).status).toBe(200);
  });

  test('no other path and no body beyond its bound', async () => {
    expect((await send('/metrics', '')).status).toBe(404);
    expect((await send('/__proto__', '')).status).toBe(404);
    expect((await fetch(`${running.url}/add-checkpoint`)).status).toBe(404);
    expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
    const reply = await send('/add-checkpoint', 'x'.repeat(90_000)).catch(() => ({ status: 413 }));
    expect(reply.status).toBe(413);
  });
});

function piece(log: Log, from: number, to: number, acts: readonly { index: number; leaf: Buffer }[]): string {
  const place = { origin: log.origin, from, to };
  const sealed = sealJournal(journalKey(log.signer.privateKey), place, {
    at: 1,
    tally: { 'customers.read': to },
    acts,
  });
  return signJournal({ from, to, root: log.head(to).root, acts: acts.length, sealed }, log.signer);
}

const act = (index: number) => ({ index, leaf: Buffer.from(`leaf ${index}`) });

describe('the journal', () => {
  test('is kept in its order, piece by piece, and given back from where it is asked', async () => {
    const log = await knownLog('a', 'b', 'c', 'd', 'e', 'f');
    const witness = witnessBehind(send);
    await witness.addJournal(piece(log, 0, 2, [act(1)]));
    // Pieces that tell of no act follow one another without being kept.
    await witness.addJournal(piece(log, 2, 3, []));
    await witness.addJournal(piece(log, 2, 4, []));
    await witness.addJournal(piece(log, 2, 6, [act(4), act(5)]));
    await restart();
    const pieces = await witnessBehind(send).journal(log.origin, 0);
    expect(pieces.map((note) => openJournal(note, [log.signer.key])).map((p) => [p?.from, p?.to, p?.acts])).toEqual([
      [0, 2, 1],
      [2, 6, 2],
    ]);
    expect(await witnessBehind(send).journal(log.origin, 2)).toEqual(pieces.slice(1));
    expect((await witnessBehind(send).read(log.origin))?.head).toBe(pieces[1]);
    const told = openJournal(pieces[1] ?? '', [log.signer.key]);
    const content = openJournalContent(
      journalKey(log.signer.privateKey),
      { origin: log.origin, from: 2, to: 6 },
      told?.sealed ?? Buffer.alloc(0),
    );
    expect(content.acts).toEqual([act(4), act(5)]);
    // Another log's key opens nothing, nor does another place.
    const other = journalKey(newLog('amanat/other').signer.privateKey);
    expect(() =>
      openJournalContent(other, { origin: log.origin, from: 2, to: 6 }, told?.sealed ?? Buffer.alloc(0)),
    ).toThrow();
    expect(() =>
      openJournalContent(
        journalKey(log.signer.privateKey),
        { origin: log.origin, from: 0, to: 6 },
        told?.sealed ?? Buffer.alloc(0),
      ),
    ).toThrow();
  });

  test('takes no gap, no second past, no shorter one, nobody else’s word; a repeated piece is one', async () => {
    const log = await knownLog('a', 'b', 'c', 'd');
    const ask = (note: string) => send('/add-journal', note);
    expect((await ask(piece(log, 1, 2, [act(1)]))).status).toBe(409);
    const first = piece(log, 0, 3, [act(0)]);
    expect((await ask(first)).status).toBe(200);
    expect((await ask(first)).status).toBe(200);
    expect(await ask(piece(log, 0, 4, [act(2)]))).toMatchObject({ status: 409, body: '3\n' });
    expect((await ask(piece(log, 0, 2, []))).status).toBe(409);
    expect((await ask(piece(log, 3, 3, []))).status).toBe(200);
    const forger = newLog(log.origin).grow('a', 'b', 'c', 'd');
    expect((await ask(piece(forger, 3, 4, []))).status).toBe(403);
    // A checkpoint is no piece of a journal, nor the other way.
    expect((await ask(log.note())).status).toBe(400);
    expect((await send('/add-checkpoint', addition(0, [], first))).status).toBe(404);
    expect(await witnessBehind(send).journal(log.origin, 0)).toEqual([first]);
    expect((await ask(piece(log, 3, 4, []))).status).toBe(200);
  });

  test('a piece that a power failure cut off counts for nothing, and the next one takes its place', async () => {
    const log = await knownLog('a', 'b', 'c', 'd');
    const first = piece(log, 0, 1, [act(0)]);
    await send('/add-journal', first);
    const file = join(placeOf(log), 'journal');
    for (const torn of ['9', '912\namanat jour', `${first.length}\n${first.slice(0, -5)}`]) {
      const whole = readFileSync(file);
      appendFileSync(file, torn);
      await restart();
      expect(await witnessBehind(send).journal(log.origin, 0)).toEqual([first]);
      writeFileSync(file, whole);
    }
    appendFileSync(file, '77\nhalf');
    await restart();
    const second = piece(log, 1, 3, [act(2)]);
    expect((await send('/add-journal', second)).status).toBe(200);
    expect(await witnessBehind(send).journal(log.origin, 0)).toEqual([first, second]);
  });

  test('died between the piece and its head: the same piece again is kept once', async () => {
    const log = await knownLog('a', 'b');
    const first = piece(log, 0, 1, [act(0)]);
    await send('/add-journal', first);
    rmSync(join(placeOf(log), 'head'));
    await restart();
    expect((await send('/add-journal', first)).status).toBe(200);
    expect(await witnessBehind(send).journal(log.origin, 0)).toEqual([first]);
  });
});

describe('what others are shown of it', () => {
  test('the last checkpoint with both signatures, of this log and this witness alone, and nothing while it does not answer', async () => {
    const log = await knownLog('a', 'b');
    const cosigned = (await add(log, 0)).body;
    const { key } = await loadCosigner(folder);
    let now = 0;
    const keysOf = {
      checkpoint: [{ publicKey: log.signer.key.publicKey }],
      formerCheckpoint: [],
    } as unknown as KeyFolder;
    const shownBy = (cosigner: VerifierKey, own: KeyFolder, witness = witnessBehind(send)) =>
      openCosigned({ witness, cosigner, now: () => (now += 10_000) }, () => own)(log.origin);
    expect(await shownBy(key, keysOf)).toEqual({ checkpoint: log.note() + cosigned, keys: [vkeyOf(key)] });
    const other = newKeyPair('ed25519').publicKey;
    expect(await shownBy(verifierKey(key.name, other, 'cosignature'), keysOf)).toBeUndefined();
    const stranger = { checkpoint: [{ publicKey: other }], formerCheckpoint: [] } as unknown as KeyFolder;
    expect(await shownBy(key, stranger)).toBeUndefined();
    const gone = witnessBehind(posting('http://127.0.0.1:9'));
    expect(await shownBy(key, keysOf, gone)).toBeUndefined();

    // An auditor who demands it is told where it is not.
    const file = join(folder, 'held');
    writeFileSync(file, log.note() + cosigned);
    const demanded = (vkey: string): Promise<void> =>
      refuseUnwitnessed({ words: [], text: () => file, list: () => [vkey], flag: () => false });
    await demanded(vkeyOf(key));
    await expect(demanded(vkeyOf(verifierKey(key.name, other, 'cosignature')))).rejects.toThrow('not cosigned');
    await expect(demanded(log.vkey)).rejects.toThrow('no vkey of a witness');
    writeFileSync(file, log.note());
    await expect(demanded(vkeyOf(key))).rejects.toThrow('not cosigned');
  });
});

describe('the end of a log', () => {
  test('needs a successor that is known here, by the log’s own key; then nothing goes on', async () => {
    const log = await knownLog('a', 'b');
    await add(log, 0);
    const next = newLog(`${log.origin}/2`);
    const end = signEnd({ next: next.origin, size: 1 }, log.signer);
    expect((await send('/end-log', end)).status).toBe(404);
    expect((await add(log, 2)).status).toBe(200);
    await trustLogs(folder, [next.vkey]);
    expect((await send('/end-log', signEnd({ next: next.origin, size: 1 }, newLog(log.origin).signer))).status).toBe(
      403,
    );
    expect((await send('/end-log', end)).status).toBe(200);
    expect((await send('/end-log', end)).status).toBe(200);
    log.grow('c');
    expect((await add(log, 2)).status).toBe(410);
    expect((await send('/add-journal', piece(log, 0, 1, []))).status).toBe(410);
    expect((await send('/end-log', signEnd({ next: next.origin, size: 2 }, log.signer))).status).toBe(410);
    expect((await witnessBehind(send).read(log.origin))?.end).toBe(end);
    expect(await witnessBehind(send).read('amanat/unheard-of')).toBeUndefined();
  });
});

test('a folder that others may read, that is none, or that is one already is refused', async () => {
  await expect(makeWitness(folder, 'again')).rejects.toMatchObject({ code: 'witness_not_empty' });
  await expect(loadCosigner(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'witness_missing' });
  const loose = mkdtempSync(join(tmpdir(), 'amanat-witness-'));
  await makeWitness(loose, 'w');
  const { chmodSync } = await import('node:fs');
  chmodSync(join(loose, 'witness.pem'), 0o644);
  await expect(loadCosigner(loose)).rejects.toMatchObject({ code: 'witness_loose' });
  rmSync(loose, { recursive: true });
  await expect(trustLogs(folder, ['no vkey'])).rejects.toMatchObject({ code: 'witness_malformed' });
});

test('a pipe, a link or a file without end in place of its list, name or key keeps nobody waiting, and nothing is forgotten', async () => {
  const place = mkdtempSync(join(tmpdir(), 'amanat-witness-'));
  await makeWitness(place, 'w');
  const log = newLog('amanat/listed');
  await trustLogs(place, [log.vkey]);
  const uses = {
    'logs.txt': [() => trustedLogs(place), () => trustLogs(place, [newLog('amanat/other').vkey])],
    name: [() => loadCosigner(place)],
    'witness.pem': [() => loadCosigner(place)],
  };
  for (const [name, asked] of Object.entries(uses)) {
    const path = join(place, name);
    renameSync(path, join(place, 'aside'));
    const plants = [
      () => execFileSync('mkfifo', ['-m', '600', path]),
      () => symlinkSync(join(place, 'aside'), path),
      () => [writeFileSync(path, '', { mode: 0o600 }), truncateSync(path, 2 ** 30)],
    ];
    for (const plant of plants) {
      plant();
      for (const ask of asked) await expect(ask(), name).rejects.toMatchObject({ code: 'witness_malformed' });
      rmSync(path);
    }
    renameSync(join(place, 'aside'), path);
  }
  // Control: with the files themselves back it is what it was.
  expect((await loadCosigner(place)).key.name).toBe('w');
  expect((await trustedLogs(place)).map(vkeyOf)).toEqual([log.vkey]);
  rmSync(place, { recursive: true });
});

test('what somebody plants in its folder in place of a file is neither read, waited for nor written through', async () => {
  const place = mkdtempSync(join(tmpdir(), 'amanat-witness-'));
  const kept = openLogFolder(place);
  const inLog = (name: string): string =>
    join(place, 'logs', digestOf(Buffer.from('a.example/log')).toString('hex'), name);
  await kept.putJournal('a.example/log', 'note\n', true);
  expect(await kept.read('a.example/log')).toEqual({ head: 'note\n' });
  expect(await kept.journal('a.example/log')).toEqual(['note\n']);
  const key = join(place, 'root-1.key');
  for (const file of ['journal', 'head']) {
    writeFileSync(key, 'a key');
    rmSync(inLog(file));
    symlinkSync(key, inLog(file));
    if (file === 'journal') await expect(kept.putJournal('a.example/log', 'other\n', true)).rejects.toThrow();
    await expect(file === 'head' ? kept.read('a.example/log') : kept.journal('a.example/log')).rejects.toThrow();
    rmSync(inLog(file));
    execFileSync('mkfifo', [inLog(file)]);
    await expect(file === 'head' ? kept.read('a.example/log') : kept.journal('a.example/log')).rejects.toThrow();
    rmSync(inLog(file));
    expect(readFileSync(key, 'utf8')).toBe('a key');
  }
  // What is there again as it should be is read, and written, as before.
  await kept.putJournal('a.example/log', 'other\n', true);
  expect(await kept.journal('a.example/log')).toEqual(['other\n']);
  rmSync(place, { recursive: true, force: true });
});
