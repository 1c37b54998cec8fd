import { execFileSync } from 'node:child_process';
import { createPrivateKey, hkdfSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import forge from 'node-forge';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKeyFolder, KeyFault, loadKeyFolder } from '../../../src/keys/folder.ts';
import { pkcs12RootKey } from '../../../src/keys/pkcs12RootKey.ts';
import { heldRootKey } from '../../../src/keys/rootKey.ts';
import { hasOpenssl } from '../crypto/openssl.ts';

/** PKCS#12 files made by the openssl command of this machine (OpenSSL 3), as docs/operations.md tells to. */
const folder = mkdtempSync(join(tmpdir(), 'amanat-p12-'));
const passphrase = 'correct horse battery';
const at = (name: string): string => join(folder, name);
const openssl = (...args: string[]): void =>
  void execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'ignore'] });

function made(name: string, key: string, options: readonly string[] = [], pass = passphrase): Buffer {
  openssl('pkcs12', '-export', '-inkey', key, '-out', name, '-passout', `pass:${pass}`, ...options);
  return readFileSync(at(name));
}

function fault(file: Buffer, given = passphrase): string {
  try {
    pkcs12RootKey('root-1.p12', file, given);
    return 'none';
  } catch (error) {
    if (!(error instanceof KeyFault)) throw error;
    expect(error.message).not.toContain(passphrase);
    return `${error.code}: ${error.message}`;
  }
}

let plain: Buffer;

beforeAll(() => {
  if (!hasOpenssl) return;
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'p256.pem');
  for (const [name, curve] of [
    ['p521', 'P-521'],
    ['secp256k1', 'secp256k1'],
  ])
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`, '-out', `${name}.pem`);
  for (const kind of ['X25519', 'ED25519', 'ED448']) openssl('genpkey', '-algorithm', kind, '-out', `${kind}.pem`);
  openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', 'rsa.pem');
  openssl('req', '-x509', '-key', 'p256.pem', '-subj', '/CN=root', '-days', '1', '-out', 'p256.crt');
  plain = made('plain.p12', 'p256.pem', ['-nocerts']);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.runIf(hasOpenssl)('a root key in PKCS#12, as OpenSSL 3 writes it', () => {
  test('is derived from the one private key, the same each time', () => {
    const { d = '' } = createPrivateKey(readFileSync(at('p256.pem'))).export({ format: 'jwk' });
    const info = 'amanat root key from PKCS#12 1/EC/P-256';
    const expected = heldRootKey(Buffer.from(hkdfSync('sha256', Buffer.from(d, 'base64url'), '', info, 32)));
    expect(pkcs12RootKey('x', plain, passphrase).id).toBe(expected.id);
    // Another file of the same key, with a certificate, more iterations and another passphrase, is the same root key.
    const again = made('again.p12', 'p256.pem', ['-in', 'p256.crt', '-iter', '600000'], 'another passphrase');
    expect(pkcs12RootKey('x', again, 'another passphrase').id).toBe(expected.id);
  });

  test.each(['p521', 'X25519', 'ED25519', 'ED448'])('of a key on %s', (name) => {
    const key = pkcs12RootKey('x', made(`${name}.p12`, `${name}.pem`, ['-nocerts']), passphrase);
    expect(key.id).toMatch(/^[0-9a-f]{16}$/);
    expect(key.id).not.toBe(pkcs12RootKey('x', plain, passphrase).id);
  });

  test.each(['sha384', 'sha512'])('with a MAC by %s', (digest) => {
    const file = made(`${digest}.p12`, 'p256.pem', ['-nocerts', '-macalg', digest]);
    expect(pkcs12RootKey('x', file, passphrase).id).toBe(pkcs12RootKey('x', plain, passphrase).id);
  });

  test('under a Persian passphrase', () => {
    const persian = 'گذرواژه‌ای دراز و خوب';
    const file = made('persian.p12', 'p256.pem', ['-nocerts'], persian);
    expect(pkcs12RootKey('x', file, persian).id).toBe(pkcs12RootKey('x', plain, passphrase).id);
  });

  test('stands in a keys folder in the place of root-1.key', async () => {
    const keys = at('keys');
    await createKeyFolder(keys);
    await rm(join(keys, 'root-1.key'));
    writeFileSync(join(keys, 'root-1.p12'), plain, { mode: 0o600 });
    const opening = { production: true, given: { passphrase } };
    const loaded = await loadKeyFolder(keys, opening);
    expect(loaded.root.current.id).toBe(pkcs12RootKey('x', plain, passphrase).id);
    await expect(loadKeyFolder(keys, { production: true })).rejects.toMatchObject({ code: 'keys_locked' });
    await expect(loadKeyFolder(keys, { ...opening, given: { passphrase: 'wrong' } })).rejects.toMatchObject({
      code: 'keys_passphrase_wrong',
    });
    await chmod(join(keys, 'root-1.p12'), 0o644);
    await expect(loadKeyFolder(keys, opening)).rejects.toMatchObject({ code: 'keys_world_readable' });
    await chmod(join(keys, 'root-1.p12'), 0o600);
    await createKeyFolder(at('other'));
    await rename(join(at('other'), 'root-1.key'), join(keys, 'root-1.key'));
    await expect(loadKeyFolder(keys, opening)).rejects.toMatchObject({ code: 'keys_malformed' });
  });
});

describe.runIf(hasOpenssl)('P15: PKCS#12 that is not read, with what to do about it', () => {
  test.each<[string, string, () => Buffer]>([
    [
      'another passphrase',
      'keys_passphrase_wrong: root-1.p12 does not open under this passphrase',
      () => made('w.p12', 'p256.pem', ['-nocerts'], 'other'),
    ],
    [
      'RC2 and triple DES',
      'keys_malformed: root-1.p12 has an old MAC',
      () => made('l.p12', 'p256.pem', ['-nocerts', '-legacy']),
    ],
    [
      'triple DES under a MAC of today',
      'keys_malformed: root-1.p12 has its key under an old cipher',
      () => made('d.p12', 'p256.pem', ['-nocerts', '-legacy', '-macalg', 'sha256']),
    ],
    ['no MAC', 'keys_malformed: root-1.p12 has no MAC', () => made('n.p12', 'p256.pem', ['-nocerts', '-nomac'])],
    [
      'a key in clear',
      'keys_malformed: root-1.p12 has its key in clear',
      () => made('c.p12', 'p256.pem', ['-nocerts', '-keypbe', 'NONE']),
    ],
    [
      'an RSA key',
      'keys_malformed: root-1.p12 holds a key that no root key is made of',
      () => made('r.p12', 'rsa.pem', ['-nocerts']),
    ],
    [
      'a curve nobody asked for',
      'keys_malformed: root-1.p12 holds a key that no root key is made of',
      () => made('k.p12', 'secp256k1.pem', ['-nocerts']),
    ],
    ['certificates alone', 'keys_malformed: root-1.p12 holds no private key', () => withoutKey()],
    [
      'several keys',
      'keys_malformed: root-1.p12 holds several private keys',
      () => resealed((bags) => [...bags, ...bags]),
    ],
    ['PBMAC1', 'keys_malformed: root-1.p12 has a PBMAC1', () => withMac('1.2.840.113549.1.5.14')],
    ['a MAC by MD5', 'keys_malformed: root-1.p12 has an old MAC', () => withMac('1.2.840.113549.2.5')],
    ['something else', 'keys_malformed: root-1.p12 is not a PKCS#12 file', () => readFileSync(at('p256.pem'))],
    ['nothing', 'keys_malformed: root-1.p12 is not a PKCS#12 file', () => Buffer.alloc(0)],
    ['a version that is none', 'keys_malformed: root-1.p12 is not a PKCS#12 file', () => withVersion(4)],
  ])('%s', (_, words, file) => {
    expect(fault(file())).toContain(words);
  });

  test('no passphrase at all, and an empty one', () => {
    expect(() => pkcs12RootKey('root-1.p12', plain, undefined)).toThrow('root-1.p12 is locked');
    expect(fault(plain, '')).toContain('keys_passphrase_wrong');
  });

  test('cut anywhere, or with any byte changed: a fault, and never another key', () => {
    const { id } = pkcs12RootKey('x', plain, passphrase);
    for (let length = 0; length < plain.length; length += 7) expect(fault(plain.subarray(0, length))).not.toBe('none');
    for (let i = 0; i < plain.length; i += 3) {
      const bent = Buffer.from(plain);
      bent[i] = (bent[i] ?? 0) ^ 0x10;
      let opened: string | undefined;
      try {
        opened = pkcs12RootKey('x', bent, passphrase).id;
      } catch (error) {
        if (!(error instanceof KeyFault)) throw error;
      }
      if (opened !== undefined) expect(opened, `byte ${i}`).toBe(id);
    }
  }, 120_000);
});

/** node-forge takes the file apart and puts it together; the MAC is made anew by its own hand. */
const asn1 = forge.asn1;
type Node = forge.asn1.Asn1;
const parts = (node: Node): Node[] => node.value as Node[];
const treeOf = (der: string): Node => asn1.fromDer(forge.util.createBuffer(der));
const derOf = (node: Node): Buffer => Buffer.from(asn1.toDer(node).getBytes(), 'latin1');

function changed(change: (pfx: Node) => void): Buffer {
  const pfx = treeOf(plain.toString('latin1'));
  change(pfx);
  return derOf(pfx);
}

const withMac = (oid: string): Buffer =>
  changed((pfx) => {
    const algorithm = parts(parts(parts(parts(pfx)[2]!)[0]!)[0]!)[0]!;
    algorithm.value = asn1.oidToDer(oid).getBytes();
  });
const withVersion = (version: number): Buffer =>
  changed((pfx) => void (parts(pfx)[0]!.value = String.fromCharCode(version)));

/** Other bags under a MAC that is right. */
function resealed(change: (bags: Node[]) => Node[]): Buffer {
  return changed((pfx) => {
    const [, authSafe, macData] = parts(pfx);
    const outer = parts(parts(authSafe!)[1]!)[0]!;
    const safe = treeOf(outer.value as string);
    const inner = parts(parts(parts(safe)[0]!)[1]!)[0]!;
    const bags = treeOf(inner.value as string);
    bags.value = change(parts(bags));
    inner.value = asn1.toDer(bags).getBytes();
    outer.value = asn1.toDer(safe).getBytes();
    const [info, salt, count] = parts(macData!);
    const pkcs12 = (
      forge as unknown as { pkcs12: { generateKey: (...given: unknown[]) => forge.util.ByteStringBuffer } }
    ).pkcs12;
    const iterations = Buffer.from(count!.value as string, 'latin1').readUIntBE(0, (count!.value as string).length);
    const key = pkcs12.generateKey(
      passphrase,
      forge.util.createBuffer(salt!.value as string),
      3,
      iterations,
      32,
      forge.md.sha256.create(),
    );
    const mac = forge.hmac.create();
    mac.start('sha256', key);
    mac.update(outer.value);
    parts(info!)[1]!.value = mac.digest().getBytes();
  });
}
const withoutKey = (): Buffer => resealed(() => []);

test.runIf(hasOpenssl)('control: a file that was put together again without a change opens', () => {
  expect(fault(resealed((bags) => bags))).toBe('none');
});
