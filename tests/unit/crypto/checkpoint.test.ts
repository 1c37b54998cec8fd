import { createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  checkpointKey,
  checkpointText,
  openCheckpoint,
  originOf,
  parseCheckpointText,
  signCheckpoint,
} from '../../../src/crypto/checkpoint.ts';
import {
  cosignNote,
  openNote,
  parseVkey,
  signNote,
  verifierKey,
  vkeyOf,
  type VerifierKey,
} from '../../../src/crypto/signedNote.ts';
import { newKeyPair } from '../../support/keyPair.ts';

const vkey = (text: string): VerifierKey => parseVkey(text) ?? expect.fail(text);

/** The key and the note that Go's golang.org/x/mod/sumdb/note documents; its signer's seed comes with it. */
const go = {
  vkey: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  seed: 'AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz',
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  line: '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
};
/** The verifier key and the note of C2SP signed-note. */
const c2sp = {
  vkey: 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
  note:
    'This is an example message.\n\n' +
    '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n',
};
/** What a public log published on 23 May 2026: its own signature, and one of a witness among others. */
const published = {
  log: 'arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f',
  witness: 'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2',
  note: [
    'arche2025h1.staging.ct.transparency.dev',
    '1432088532',
    'U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=',
    '',
    '— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=',
    '— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=',
    '— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==',
    '— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==',
    '',
  ].join('\n'),
};

const pair = newKeyPair('ed25519');
const tenantId = '01939c1e-0000-7000-8000-000000000001';
const logKey = checkpointKey(tenantId, pair.publicKey);
const log = { key: logKey, privateKey: pair.privateKey };
const head = { size: 21, root: Buffer.alloc(32, 7) };
const note = signCheckpoint(head, log);
const other = newKeyPair('ed25519');
const witness = {
  key: verifierKey('witness.example/w1', other.publicKey, 'cosignature'),
  privateKey: other.privateKey,
};

describe('a signed note', () => {
  test('opens where others made it, and is made byte for byte as theirs', () => {
    expect(openNote(`${go.text}\n${go.line}`, [vkey(go.vkey)])?.text).toBe(go.text);
    expect(openNote(c2sp.note, [vkey(c2sp.vkey)])?.text).toBe('This is an example message.\n');
    const seed = Buffer.from(go.seed, 'base64').subarray(1);
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const key = verifierKey('PeterNeumann', createPublicKey(privateKey));
    expect(vkeyOf(key)).toBe(go.vkey);
    expect(signNote(go.text, { key, privateKey })).toBe(`${go.text}\n${go.line}`);
  });

  test('opens as a log published it, with the cosignature of a witness and its time', () => {
    const opened = openCheckpoint(published.note, [vkey(published.log), vkey(published.witness)]);
    expect(opened).toMatchObject({ origin: 'arche2025h1.staging.ct.transparency.dev', size: 1432088532 });
    expect(opened?.signatures.map(({ key, at }) => [key.kind, at])).toEqual([
      ['ed25519', undefined],
      ['cosignature', 0x6a122120],
    ]);
    for (const key of [published.log, published.witness]) {
      expect(openNote(published.note, [vkey(key)])?.signatures).toHaveLength(1);
      expect(openNote(published.note.replace('1432088532', '1432088531'), [vkey(key)])).toBeUndefined();
    }
    // The time is signed too.
    expect(openNote(published.note.replace('AAAABqEiEgPl', 'AAAABqEiEhPl'), [vkey(published.witness)])).toBeUndefined();
  });

  test('is refused when any byte of it changes, but in a line of a key that nobody asked for', () => {
    const twice = cosignNote(note, witness, 1_790_000_000);
    const keys = [logKey, witness.key];
    expect(openNote(twice, keys)?.signatures).toHaveLength(2);
    const bytes = Buffer.from(twice);
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      // A changed name or key id is an unknown key's line: the other one still holds, and its own is not counted.
      expect(openNote(changed.toString(), keys)?.signatures.length ?? 0, `byte ${i}`).toBeLessThan(2);
    }
    // One good signature does not carry a bad one of a known key.
    const forged = cosignNote(note, { key: witness.key, privateKey: pair.privateKey }, 1_790_000_000);
    expect(openNote(forged, keys)).toBeUndefined();
    expect(openNote(forged, [logKey])?.signatures).toHaveLength(1);
    expect(openNote(twice, [verifierKey('other', other.publicKey)])).toBeUndefined();
    expect(openNote(twice, [])).toBeUndefined();
  });

  test('a signature of one kind is none of the other', () => {
    const asLog = verifierKey('witness.example/w1', other.publicKey);
    expect(asLog.id.equals(witness.key.id)).toBe(false);
    const line = cosignNote(note, witness, 5).split('\n').at(-2) ?? '';
    const moved = Buffer.concat([asLog.id, Buffer.from(line.split(' ')[2] ?? '', 'base64').subarray(4)]);
    expect(openNote(`${note}— witness.example/w1 ${moved.toString('base64')}\n`, [asLog, logKey])).toBeUndefined();
  });

  test.each<[string, (whole: string) => string]>([
    ['no empty line', (whole) => whole.replace('\n\n', '\n')],
    ['no signature', (whole) => whole.slice(0, whole.indexOf('\n\n') + 2)],
    ['no last line feed', (whole) => whole.slice(0, -1)],
    ['something after it', (whole) => `${whole}x`],
    ['a line that is no signature', (whole) => `${whole}hello\n`],
    ['two spaces', (whole) => whole.replace('— ', '—  ')],
    ['a hyphen', (whole) => whole.replace('—', '-')],
    ['carriage returns', (whole) => whole.replaceAll('\n', '\r\n')],
    ['NUL', (whole) => `\0${whole}`],
    ['half a surrogate pair', (whole) => `\ud800${whole}`],
    ['base64 with spare bits', (whole) => whole.replace(/(.)==\n$/, 'z==\n').replace(/(.)=\n$/, 'z=\n')],
    ['more than a note may be', (whole) => whole + whole.split('\n').at(-2)!.concat('\n').repeat(600)],
  ])('with %s is refused', (_what, change) => {
    expect(openNote(note, [logKey])).toBeDefined();
    expect(openNote(change(note), [logKey])).toBeUndefined();
  });

  test('carries what sixteen others signed', () => {
    const line = note.split('\n').at(-2)!.replace(originOf(tenantId), 'someone.else');
    expect(openNote(note + `${line}\n`.repeat(16), [logKey])?.signatures).toHaveLength(1);
  });

  test('cannot be made of what no note can carry', () => {
    for (const text of ['', 'no line feed', 'tab\tin it\n', 'cut \ud800\n'])
      expect(() => signNote(text, log), text).toThrow('internal');
    expect(() => signNote('text\n', witness)).toThrow('internal');
    expect(() => cosignNote('no note\n', witness, 5)).toThrow('internal');
    expect(() => cosignNote(note, log, 5)).toThrow('internal');
    for (const name of ['', 'a b', 'a+b', 'a\u2003b', 'a\u0085b', 'a\nb'])
      expect(() => verifierKey(name, pair.publicKey), name).toThrow('internal');
    expect(() => verifierKey('p256', newKeyPair('ec', 'P-256').publicKey)).toThrow('internal');
  });
});

describe('a vkey', () => {
  test('comes back as it was written, of both kinds', () => {
    for (const key of [logKey, witness.key]) {
      const read = vkey(vkeyOf(key));
      expect([read.name, read.id, read.kind]).toEqual([key.name, key.id, key.kind]);
      expect(read.publicKey.equals(key.publicKey)).toBe(true);
    }
    expect(vkeyOf(logKey)).toMatch(new RegExp(`^amanat/${tenantId}\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]{44}$`));
  });

  test('is refused when any character of it changes, or it is cut', () => {
    const text = c2sp.vkey;
    for (let i = 0; i < text.length; i++) {
      const changed = text.slice(0, i) + (text[i] === 'A' ? 'B' : 'A') + text.slice(i + 1);
      expect(parseVkey(changed), changed).toBeUndefined();
      expect(parseVkey(text.slice(0, i))).toBeUndefined();
      if (i > 0) expect(parseVkey(text.slice(i))).toBeUndefined();
    }
    // An ECDSA key, whose id is made another way (signed-note, "Signature types").
    expect(
      parseVkey(
        'rekor.sigstore.dev+c0d23d6a+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwBcK5AW5i0hrZLOC96l+smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc=',
      ),
    ).toBeUndefined();
  });
});

describe('a checkpoint', () => {
  test('is a note of three lines by the log of a tenant', () => {
    expect(note).toMatch(
      /^amanat\/01939c1e-0000-7000-8000-000000000001\n21\nBwcHBwcHBwc[^\n]*=\n\n— amanat\/01939c1e\S+ \S+\n$/,
    );
    const opened = openCheckpoint(note, [logKey]);
    expect(opened).toEqual({ origin: originOf(tenantId), ...head, signatures: [{ key: logKey }] });
  });

  test.each([
    ['no origin', '\n5\n'],
    ['a zero before the size', 'x\n05\n'],
    ['a sign', 'x\n+5\n'],
    ['no size', 'x\n\n'],
    ['a size too large', 'x\n9007199254740993\n'],
    ['a size in other digits', 'x\n۵\n'],
  ])('with %s is none', (_what, start) => {
    const root = `${Buffer.alloc(32).toString('base64')}\n`;
    expect(parseCheckpointText(`x\n5\n${root}`)).toBeDefined();
    expect(parseCheckpointText(start + root)).toBeUndefined();
    // Signed or not.
    expect(openCheckpoint(signNote(start + root, log), [logKey])).toBeUndefined();
  });

  test.each([
    ['a root of 31 bytes', Buffer.alloc(31).toString('base64')],
    ['a root with spare bits', `${Buffer.alloc(32).toString('base64').slice(0, -2)}B=`],
    ['an extension line', `${Buffer.alloc(32).toString('base64')}\nextension`],
  ])('with %s is none', (_what, root) => {
    expect(parseCheckpointText(`x\n5\n${root}\n`)).toBeUndefined();
  });

  test('says what its text says', () => {
    for (const size of [0, 1, 10, Number.MAX_SAFE_INTEGER]) {
      const checkpoint = { origin: 'a', size, root: Buffer.alloc(32, size % 251) };
      expect(parseCheckpointText(checkpointText(checkpoint))).toEqual(checkpoint);
    }
  });
});
