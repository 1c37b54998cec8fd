import { createHash, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkpointKey, signCheckpoint } from '../../src/crypto/checkpoint.ts';
import { signedContent } from '../../src/crypto/cms.ts';
import { growTree, nodeHash } from '../../src/crypto/merkleTree.ts';
import { vkeyOf } from '../../src/crypto/signedNote.ts';
import { signReceipt } from '../../src/crypto/signature.ts';
import { selfSignedCertificate } from '../../src/crypto/x509.ts';
import { amanat, temporaryFolder, type Ended } from './process.ts';
import { newKeyPair } from '../support/keyPair.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

function file(name: string, content: string | Buffer): string {
  const path = join(folder.path, name);
  writeFileSync(path, content);
  return path;
}

const validFrom = new Date('2025-11-01T00:00:00Z');

/** An export key of the keys folder: its private half, and the file that holds its certificate. */
function exportKey(name: string, serial: string) {
  const { privateKey, publicKey } = newKeyPair('rsa', 3072);
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const terms = { commonName: 'امانت', days: 3650, serial, notBefore: validFrom };
  const certificatePem = selfSignedCertificate(privatePem, publicPem, terms);
  return { privateKey, certificatePem, path: file(name, certificatePem) };
}

const [own, other] = [exportKey('export-1.crt', '11'), exportKey('export-2.crt', '12')];
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');
const content = Buffer.from('{"format":"amanat-export-1","persons":[{"givenName":"زهرا"}]}');

const payload = {
  exportId: '019aa001-0000-7000-8000-000000000001',
  legalOrderId: '019aa001-0000-7000-8000-000000000002',
  kind: 'production',
  authority: { kind: 'judicial', name: 'دادسرای عمومی و انقلاب', branchNumber: '3' },
  letter: { number: '1404/123', date: '2025-11-11', caseNumber: '1404000000000000' },
  packageSha256: sha256(content),
  contentSha256: sha256(content),
  fields: ['givenName', 'nationalId'],
  records: 1,
  executedAt: '2025-11-22T21:15:00.000Z',
  approvedBy: [
    { clientId: 'c1', actor: 'staff-2' },
    { clientId: 'c2', actor: 'staff-3' },
  ],
};

const receipt = (members: object = payload, key = own): string => signReceipt(key.privateKey, members);
let count = 0;

/** `amanat receipt check` on a receipt that is written to a file first. */
function check(jws: string, options: { certificate?: string; package?: string; json?: boolean } = {}): Promise<Ended> {
  const { certificate = own.path, json = false } = options;
  return amanat([
    'receipt',
    'check',
    file(`receipt-${++count}.jws`, jws),
    '--certificate',
    certificate,
    ...(options.package === undefined ? [] : ['--package', options.package]),
    ...(json ? ['--json'] : []),
  ]);
}

describe('amanat receipt check', () => {
  test('a receipt that holds is 0 and is printed for people', async () => {
    for (const jws of [receipt(), `${receipt()}\n`, `${receipt()}\r\n`]) {
      const { code, stdout, stderr } = await check(jws);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^The receipt holds\.\n/);
    }
    const { stdout } = await check(receipt());
    const fingerprint = new X509Certificate(own.certificatePem).fingerprint256.replaceAll(':', '').toLowerCase();
    expect(stdout).toContain(fingerprint);
    expect(stdout).toMatch(/^certificate of +\u2068CN=امانت\u2069$/m);
    expect(stdout).toMatch(/^fields disclosed +givenName, nationalId$/m);
    expect(stdout).toMatch(/^authority: name +\u2068دادسرای عمومی و انقلاب\u2069$/m);
    expect(stdout).toMatch(/^approved by 2: actor +staff-3$/m);
  });

  test('dates have the Jalali day beside them, in Tehran', async () => {
    const { stdout } = await check(receipt());
    expect(stdout).toMatch(/^letter: date +2025-11-11 {2}\(1404\/08\/20\)$/m);
    // 21:15 UTC is after midnight there.
    expect(stdout).toMatch(/^executed at +2025-11-22T21:15:00\.000Z {2}\(1404\/09\/02 00:45 in Tehran\)$/m);
  });

  test('members that this version does not know are printed as well', async () => {
    const later = { ...payload, delivery: { to: 'بازپرسی', means: 'by hand' }, copies: 2, nobody: [], missing: null };
    const { stdout } = await check(receipt(later));
    for (const line of [/^delivery: means +by hand$/m, /^copies +2$/m, /^nobody +none$/m, /^missing +null$/m])
      expect(stdout).toMatch(line);
    expect(stdout).toContain('بازپرسی');
  });

  test('--json holds the whole statement', async () => {
    const { code, json } = await check(receipt(), { json: true });
    expect(code).toBe(0);
    expect(json).toMatchObject({ valid: true, faults: [], warnings: [], statement: payload });
    expect(json.certificate.subject).toBe('CN=امانت');
  });

  test('text that would steer a terminal is spelled out', async () => {
    const { stdout } = await check(receipt({ ...payload, kind: 'a\u001b[2Jb\u202ec\nd', 'm\u001b': 'می\u200cشود' }));
    expect(stdout).toMatch(/^kind +a\\u\{1b\}\[2Jb\\u\{202e\}c\\u\{a\}d$/m);
    expect(stdout).toMatch(/^m\\u\{1b\} +\u2068می\u200cشود\u2069$/m);
    expect(stdout).not.toContain('\u001b');
  });

  test('one that was changed is 1, and nothing of it is printed', async () => {
    const [header = '', body = '', signature = ''] = receipt().split('.');
    const edited = Buffer.from(JSON.stringify({ ...payload, records: 9 })).toString('base64url');
    const end = signature.endsWith('A') ? 'B' : 'A';
    for (const jws of [
      `${header}.${edited}.${signature}`,
      `${header}.${body}.${signature.slice(0, -1)}${end}`,
      `${header}.${body}.${'A'.repeat(512)}`,
      receipt(payload, own).replace(header, Buffer.from('{"alg":"none"}').toString('base64url')),
    ]) {
      const { code, stdout } = await check(jws);
      expect(code).toBe(1);
      expect(stdout).toMatch(/^THE RECEIPT DOES NOT HOLD\.\n {4}signature: /);
      expect(stdout).not.toContain('legal order');
      const { json } = await check(jws, { json: true });
      expect(json).toMatchObject({ valid: false, faults: ['signature'] });
      expect(json.statement).toBeUndefined();
    }
  });

  test("another vault's, or one of another of this vault's keys, is told apart", async () => {
    const { code, stdout } = await check(receipt(payload, other));
    expect(code).toBe(1);
    expect(stdout).toContain('another_key: ');
    expect((await check(receipt(payload, other), { certificate: other.path })).code).toBe(0);
  });

  test.each([
    ['nothing', ''],
    ['text', 'no receipt'],
    ['a JSON document', '{"receipt":"…"}'],
    ['two parts', receipt().split('.').slice(0, 2).join('.')],
    ['two receipts', `${receipt()}\n${receipt()}`],
  ])('%s is no receipt: 1', async (_what, jws) => {
    const { code, json } = await check(jws, { json: true });
    expect({ code, faults: json.faults }).toEqual({ code: 1, faults: ['not_a_receipt'] });
  });

  test('a statement that is no object is refused, though it is signed', async () => {
    const { code, json } = await check(receipt([payload]), { json: true });
    expect(code).toBe(1);
    expect(json.statement).toBeUndefined();
  });

  test('signed outside the validity of the certificate: told, and still 0', async () => {
    const { code, stdout, json } = await check(receipt({ ...payload, executedAt: '2025-10-31T23:59:59Z' }));
    expect({ code, json }).toEqual({ code: 0, json: undefined });
    expect(stdout).toContain('note: it was signed at a time when the certificate was not valid');
    expect((await check(receipt())).stdout).not.toContain('note:');
  });
});

describe('with the package', () => {
  test('the one that the receipt is about is 0, any other 1', async () => {
    const same = await check(receipt(), { package: file('package.json', content), json: true });
    expect({ code: same.code, package: same.json.package }).toEqual({ code: 0, package: 'package' });
    for (let at = 0; at < content.length; at += 9) {
      const changed = Buffer.from(content);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const { code, json } = await check(receipt(), { package: file('changed.json', changed), json: true });
      expect({ code, faults: json.faults }).toEqual({ code: 1, faults: ['package_differs'] });
      expect(json.statement).toEqual(payload);
    }
    const { stdout } = await check(receipt(), { package: file('other.json', 'x') });
    expect(stdout).toMatch(/^THE RECEIPT HOLDS, AND THE PACKAGE IS NOT THE ONE IT IS ABOUT\./);
  });

  test('in CMS: as delivered, or what came out of it', async () => {
    // To this command a package is bytes: the signed layer stands for the whole.
    const delivered = signedContent(own, content, new Date('2025-11-22T21:15:00Z'));
    const jws = receipt({ ...payload, format: 'cms', packageSha256: sha256(delivered) });
    for (const [bytes, found] of [
      [delivered, 'package'],
      [content, 'content'],
    ] as const) {
      const { code, json } = await check(jws, { package: file(`${found}.bin`, bytes), json: true });
      expect({ code, package: json.package }).toEqual({ code: 0, package: found });
    }
    expect((await check(jws, { package: file('cut.bin', delivered.subarray(1)) })).code).toBe(1);
  });

  test('a receipt that names no digest proves nothing about a package: 1', async () => {
    const bare = receipt({ exportId: payload.exportId });
    const { code, json } = await check(bare, { package: file('package.json', content), json: true });
    expect({ code, faults: json.faults }).toEqual({ code: 1, faults: ['package_not_named'] });
    expect((await check(bare)).code).toBe(0);
  });

  test('a right package does not save a receipt that does not verify', async () => {
    const { code, json } = await check(receipt(payload, other), { package: file('package.json', content), json: true });
    expect({ code, package: json.package }).toEqual({ code: 1, package: undefined });
  });
});

describe('a wrong call is 64', () => {
  const ec = newKeyPair('ec', 'P-256');
  const jws = file('any.jws', receipt());
  test.each<[string, string[], string]>([
    ['no receipt', ['--certificate', own.path], 'give one receipt file'],
    ['no certificate', [jws], '--certificate is missing'],
    ['two receipts', [jws, jws, '--certificate', own.path], 'give one receipt file'],
    ['a receipt that is not there', ['/nonexistent.jws', '--certificate', own.path], 'cannot be read'],
    ['a certificate that is not there', [jws, '--certificate', '/nonexistent.crt'], 'cannot be read'],
    ['a package that is not there', [jws, '--certificate', own.path, '--package', '/nonexistent'], 'cannot be read'],
    ['a folder for a package', [jws, '--certificate', own.path, '--package', folder.path], 'cannot be read'],
    ['a receipt for a certificate', [jws, '--certificate', jws], 'one certificate in PEM'],
    [
      'two certificates',
      [jws, '--certificate', file('two.crt', own.certificatePem + other.certificatePem)],
      'one certificate in PEM',
    ],
    [
      'a key for a certificate',
      [jws, '--certificate', file('ec.pem', ec.publicKey.export({ type: 'spki', format: 'pem' }).toString())],
      'does not hold an X.509 certificate',
    ],
  ])('%s', async (_what, argv, told) => {
    const { code, stdout, stderr } = await amanat(['receipt', 'check', ...argv]);
    expect({ code, stdout }, stderr).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(told);
  });
});

describe('a receipt with its proof', () => {
  const pair = newKeyPair('ed25519');
  const key = checkpointKey('019aa001-0000-7000-8000-000000000009', pair.publicKey);
  const leaves = [0, 1, 2].map((n) => createHash('sha256').update(`leaf ${n}`).digest());
  const tree = growTree();
  for (const leaf of leaves) tree.append(leaf);
  const proof = {
    leafHash: leaves[2]!.toString('hex'),
    index: 2,
    size: 3,
    path: [nodeHash(leaves[0]!, leaves[1]!).toString('hex')],
    checkpoint: signCheckpoint(tree.head(), { key, privateKey: pair.privateKey }),
  };
  const jws = receipt({ ...payload, leafHash: proof.leafHash });
  const run = async (given: object, logKey = vkeyOf(key), text = jws): Promise<Ended> =>
    amanat([
      'receipt',
      'check',
      file('proven.jws', text),
      '--certificate',
      own.path,
      '--json',
      '--proof',
      file('proof.json', JSON.stringify(given)),
      '--log-key',
      logKey,
    ]);

  test('is in the log, by the key as text or in a file, the proof alone or in the answer', async () => {
    const log = { origin: 'amanat/019aa001-0000-7000-8000-000000000009', index: 2, size: 3 };
    for (const ended of [await run(proof), await run({ id: 'x', proof }, file('log.vkey', `${vkeyOf(key)}\n`))]) {
      expect(ended.code, ended.stderr).toBe(0);
      expect(JSON.parse(ended.stdout)).toMatchObject({ valid: true, log });
    }
  });

  test('is told apart from one that is not', async () => {
    const stranger = checkpointKey('019aa001-0000-7000-8000-000000000009', newKeyPair('ed25519').publicKey);
    for (const [ended, fault] of [
      [await run({ ...proof, index: 1 }), 'not_in_log'],
      [await run(proof, vkeyOf(stranger)), 'checkpoint'],
      [await run(proof, vkeyOf(key), receipt({ ...payload, leafHash: '00' })), 'another_entry'],
      [await run({}), 'proof_malformed'],
    ] as const) {
      expect(ended.code, fault).toBe(1);
      expect(JSON.parse(ended.stdout)).toMatchObject({ valid: false, faults: [fault] });
    }
    expect((await run(proof, 'no key')).code).toBe(64);
  });
});
