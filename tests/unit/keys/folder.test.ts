import { spawnSync } from 'node:child_process';
import { createHmac, createSecretKey, hkdfSync, sign, verify, X509Certificate } from 'node:crypto';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkpointKey, openCheckpoint, signCheckpoint } from '../../../src/crypto/checkpoint.ts';
import { formerJournalKey, journalKey, openJournalContent, sealJournal } from '../../../src/crypto/journal.ts';
import { unwrapKey, wrapContext } from '../../../src/crypto/wrap.ts';
import { selfSignedCertificate } from '../../../src/crypto/x509.ts';
import {
  addCheckpointKey,
  createKeyFolder,
  keepCertificate,
  keepFormer,
  KeyFault,
  loadKeyFolder,
  removeKeyFiles,
  type KeyFaultCode,
} from '../../../src/keys/folder.ts';
import { newKeyFiles } from '../../../src/keys/keyCreation.ts';
import { heldRootKey, newRootKeyText } from '../../../src/keys/rootKey.ts';
import { logKeys } from '../../../src/vault/epochs.ts';
import { newKeyPair } from '../../support/keyPair.ts';
import { rootKeyBytes } from '../../support/rootKeyBytes.ts';

const keyFiles = ['root-1.key', 'token-1.pem', 'export-1.pem', 'export-1.crt', 'checkpoint-1.pem'];
const production = { production: true };
const exampleFolder = join(import.meta.dirname, '../../../keys.example');
let base = '';
let made = '';
let folder = '';
let count = 0;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'amanat-keys-'));
  made = join(base, 'made');
  await createKeyFolder(made);
});
afterAll(async () => rm(base, { recursive: true }));
beforeEach(async () => {
  count += 1;
  folder = join(base, `keys-${count}`);
  await cp(made, folder, { recursive: true });
  await chmod(folder, 0o700);
});

const at = (name: string): string => join(folder, name);
const put = async (name: string, text: string): Promise<void> => writeFile(at(name), text, { mode: 0o600 });

/** The fault of loading, after checking that its message names the file and gives away nothing of any key. */
async function fault(named = '', where = folder, options = production): Promise<KeyFaultCode | 'none'> {
  try {
    await loadKeyFolder(where, options);
    return 'none';
  } catch (error) {
    if (!(error instanceof KeyFault)) throw error;
    expect(error.message).toContain(join(where, named));
    expect(error.message).toMatch(/\. (Restore|Run|Make|Set|Put|Name|Remove|Store|Let)\b.+/);
    await expectNoKeyIn(error.message);
    return error.code;
  }
}

async function expectNoKeyIn(message: string): Promise<void> {
  for (const name of await readdir(made)) {
    const text = await readFile(join(made, name), 'latin1');
    for (const part of text.split(/\s/).filter((word) => /^[A-Za-z0-9+/=]{20,}$/.test(word))) {
      expect(message).not.toContain(part.slice(0, 12));
    }
  }
}

describe('a keys folder', () => {
  test('as made, loads in production', async () => {
    const keys = await loadKeyFolder(folder, production);
    expect(keys.example).toBe(false);
    expect(keys.root.current.id).toMatch(/^[0-9a-f]{16}$/);
    expect([...keys.root.byId]).toEqual([[keys.root.current.id, keys.root.current]]);
    // A root key is used and not had.
    expect(Object.values(keys.root.current).filter((part) => typeof part === 'object')).toEqual([]);
    const [token] = keys.token;
    expect(token?.jwk).toEqual({
      ...token?.publicKey.export({ format: 'jwk' }),
      kid: token?.kid,
      alg: 'ES256',
      use: 'sig',
    });
    expect(JSON.stringify(token?.jwk)).not.toContain('"d"');
    const { privateKey, certificatePem } = keys.exportSigning;
    expect(privateKey.asymmetricKeyDetails).toMatchObject({ modulusLength: 3072, publicExponent: 65537n });
    const signature = sign('sha256', Buffer.from('x'), privateKey);
    expect(verify('sha256', Buffer.from('x'), new X509Certificate(certificatePem).publicKey, signature)).toBe(true);
  });

  test('says the same each time it is loaded', async () => {
    const [one, two] = [await loadKeyFolder(folder, production), await loadKeyFolder(folder, { production: false })];
    expect(one.root.current.id).toBe(two.root.current.id);
    expect(one.token.map(({ kid }) => kid)).toEqual(two.token.map(({ kid }) => kid));
    expect(one.exportSigning.kid).toBe(two.exportSigning.kid);
  });

  test('uses the highest number, and keeps the lower ones', async () => {
    const before = await loadKeyFolder(folder, production);
    for (const n of [2, 10]) {
      await put(`root-${n}.key`, newRootKeyText());
      await put(`token-${n}.pem`, pemOf(newKeyPair('ec', 'P-256').privateKey));
      await put(`checkpoint-${n}.pem`, pemOf(newKeyPair('ed25519').privateKey));
    }
    const second = await newKeyFiles();
    for (const ending of ['pem', 'crt']) await put(`export-2.${ending}`, second.get(`export-1.${ending}`) ?? '');
    const after = await loadKeyFolder(folder, production);
    await rename(at('root-10.key'), at('root-9.key'));
    expect((await loadKeyFolder(folder, production)).root.current.id).toBe(after.root.current.id);
    expect(after.root.byId.size).toBe(3);
    expect(after.root.byId.has(before.root.current.id)).toBe(true);
    expect(after.root.current.id).not.toBe(before.root.current.id);
    expect(after.token).toHaveLength(3);
    expect(after.token[2]?.kid).toBe(before.token[0]?.kid);
    expect(after.checkpoint).toHaveLength(3);
    expect(after.checkpoint[2]?.kid).toBe(before.checkpoint[0]?.kid);
    expect(after.exportSigning.kid).not.toBe(before.exportSigning.kid);
  });

  test('an export key that signs no more is its certificate, and never one that signs', async () => {
    const { exportSigning: first } = await loadKeyFolder(folder, production);
    const second = await newKeyFiles();
    for (const ending of ['pem', 'crt']) await put(`export-2.${ending}`, second.get(`export-1.${ending}`) ?? '');
    await keepCertificate(folder, 1, first);
    expect((await loadKeyFolder(folder, production)).formerExport.map(({ kid }) => kid)).toEqual([first.kid]);
    await removeKeyFiles(folder, ['export-1.pem', 'export-1.crt']);
    const after = await loadKeyFolder(folder, production);
    expect(after.retiredExport.map(({ kid }) => kid)).toEqual([first.kid]);
    expect([after.formerExport, after.exportSigning.kid === first.kid]).toEqual([[], false]);
    expect(await readFile(at('export-1.former'), 'utf8')).not.toContain('PRIVATE');
    await chmod(at('export-1.former'), 0o644);
    expect(await fault('export-1.former')).toBe('keys_world_readable');
    await keepCertificate(folder, 1, first);
    // The one that signs is lost: the certificates that are there sign nothing in its place.
    await removeKeyFiles(folder, ['export-2.pem']);
    expect(await fault('export-2.pem')).toBe('keys_missing');
    await removeKeyFiles(folder, ['export-2.crt']);
    expect(await fault('export-1.pem')).toBe('keys_missing');
    await truncate(at('export-1.former'), 130);
    expect(await fault('export-1.former')).toBe('keys_truncated');
  });

  test('a checkpoint key that signs no more verifies what it signed, and opens the journal of its time', async () => {
    const [signed] = (await loadKeyFolder(folder, production)).checkpoint;
    const tenantId = '01900000-0000-7000-8000-000000000001';
    const signer = { key: checkpointKey(tenantId, signed.publicKey), privateKey: signed.privateKey };
    const note = signCheckpoint({ size: 1, root: Buffer.alloc(32) }, signer);
    const place = { origin: signer.key.name, from: 0, to: 1 };
    const sealed = sealJournal(journalKey(signed.privateKey), place, { at: 1, tally: {}, acts: [] });

    await put('checkpoint-2.pem', pemOf(newKeyPair('ed25519').privateKey));
    await keepFormer(folder, 1, signed);
    expect((await loadKeyFolder(folder, production)).checkpoint).toHaveLength(2);
    await removeKeyFiles(folder, ['checkpoint-1.pem']);
    const after = await loadKeyFolder(folder, production);
    expect(after.checkpoint.map(({ kid }) => kid)).not.toContain(signed.kid);
    expect(openCheckpoint(note, logKeys(after, signer.key.name))).toMatchObject({ size: 1 });
    // Control: the keys that sign do not verify it.
    expect(openCheckpoint(note, logKeys({ ...after, formerCheckpoint: [] }, signer.key.name))).toBeUndefined();
    const [former] = after.formerCheckpoint;
    const opened = openJournalContent(formerJournalKey(former?.journalSecret ?? Buffer.alloc(32)), place, sealed);
    expect(opened).toMatchObject({ at: 1 });
    expect(await readFile(at('checkpoint-1.former'), 'utf8')).not.toContain('PRIVATE');

    await truncate(at('checkpoint-1.former'), 130);
    expect(await fault('checkpoint-1.former')).toBe('keys_malformed');
    await keepFormer(folder, 1, signed);
    await chmod(at('checkpoint-1.former'), 0o644);
    expect(await fault('checkpoint-1.former')).toBe('keys_world_readable');
  });

  test('may hold other files, and symbolic links to keys elsewhere', async () => {
    await put('README.md', 'x');
    await mkdir(at('..data'));
    await rename(at('root-1.key'), at('..data/root-1.key'));
    await symlink('..data/root-1.key', at('root-1.key'));
    expect(await fault()).toBe('none');
    await chmod(at('..data/root-1.key'), 0o640);
    expect(await fault('root-1.key')).toBe('keys_world_readable');
    await rm(at('..data/root-1.key'));
    expect(await fault('root-1.key')).toBe('keys_missing');
  });

  test('derives secrets of the service, one a label and a root', async () => {
    const { current } = (await loadKeyFolder(folder, production)).root;
    const secret = await current.secret('database');
    const expected = hkdfSync('sha256', rootKeyBytes(folder), '', 'amanat root secret 1/database', 32);
    expect(secret.equals(Buffer.from(expected))).toBe(true);
    expect((await current.secret('other')).equals(secret)).toBe(false);
    expect((await heldRootKey(createHmac('sha256', 'x').digest()).secret('database')).equals(secret)).toBe(false);
  });

  test('wraps a key for its place, as crypto/wrap.ts does, and opens it nowhere else', async () => {
    const { current } = (await loadKeyFolder(folder, production)).root;
    const [context, material] = [wrapContext.tenantKey('t', 'data', 1), Buffer.alloc(32, 7)];
    const wrapped = await current.wrap(context, material);
    expect(unwrapKey(createSecretKey(rootKeyBytes(folder)), context, wrapped).equals(material)).toBe(true);
    expect((await current.unwrap(context, wrapped)).equals(material)).toBe(true);
    const elsewhere = current.unwrap(wrapContext.tenantKey('t', 'index', 1), wrapped);
    await expect(elsewhere).rejects.toMatchObject({ code: 'integrity_failure' });
    const other = heldRootKey(createHmac('sha256', 'x').digest());
    await expect(other.unwrap(context, wrapped)).rejects.toMatchObject({ code: 'integrity_failure' });
  });
});

describe('P15: a keys folder is refused', () => {
  test('missing, not a folder, empty', async () => {
    expect(await fault('', at('nowhere'))).toBe('keys_missing');
    expect(await fault('', at('root-1.key'))).toBe('keys_not_a_folder');
    expect(await fault('', join(at('root-1.key'), 'deeper'))).toBe('keys_not_a_folder');
    await mkdir(at('empty'), { mode: 0o700 });
    expect(await fault('', at('empty'))).toBe('keys_empty');
    await writeFile(at('empty/README.md'), 'no keys here');
    expect(await fault('', at('empty'))).toBe('keys_empty');
  });

  test.each(keyFiles)('%s missing', async (name) => {
    await rm(at(name));
    expect(await fault(name)).toBe('keys_missing');
  });

  test.each(keyFiles)('%s empty or cut anywhere', async (name) => {
    const whole = await readFile(at(name), 'latin1');
    await truncate(at(name), 0);
    expect(await fault(name)).toBe('keys_empty');
    const end = whole.trimEnd().length;
    const step = Math.max(1, Math.floor(end / 60));
    for (let length = 1; length < end; length += step) {
      await put(name, whole.slice(0, length));
      expect(await fault(name), `${length} of ${end}`).toBe('keys_truncated');
    }
    await put(name, whole.slice(0, end - 1));
    expect(await fault(name)).toBe('keys_truncated');
    // Control: only the last line feed may be missing.
    await put(name, whole.slice(0, end));
    expect(await fault()).toBe('none');
  });

  test.each(keyFiles)('%s open to any other user', async (name) => {
    for (const bit of [0o040, 0o020, 0o010, 0o004, 0o002, 0o001]) {
      await chmod(at(name), 0o600 | bit);
      expect(await fault(name), bit.toString(8)).toBe('keys_world_readable');
      expect(await fault(name, folder, { production: false })).toBe('keys_world_readable');
    }
    for (const mode of [0o600, 0o400]) {
      await chmod(at(name), mode);
      expect(await fault()).toBe('none');
    }
  });

  test('the folder itself open to any other user', async () => {
    for (const bit of [0o040, 0o020, 0o010, 0o004, 0o002, 0o001]) {
      await chmod(folder, 0o700 | bit);
      expect(await fault(), bit.toString(8)).toBe('keys_world_readable');
      expect(await fault('', folder, { production: false })).toBe('keys_world_readable');
    }
    await chmod(folder, 0o500);
    expect(await fault()).toBe('none');
  });

  test('a root key with any character changed', async () => {
    const text = await readFile(at('root-1.key'), 'latin1');
    for (let i = 0; i < text.trimEnd().length; i++) {
      for (const other of ['A', 'b', '0', ' ', '\n']) {
        if (text[i] === other) continue;
        await put('root-1.key', text.slice(0, i) + other + text.slice(i + 1));
        expect(await fault('root-1.key'), `character ${i}`).toBe('keys_malformed');
      }
    }
  });

  test.each<[string, string, () => string]>([
    ['text', 'root-1.key', () => 'secret'],
    ['a future format', 'root-1.key', () => newRootKeyText().replace('root-1', 'root-2')],
    ['two root keys', 'root-1.key', () => newRootKeyText() + newRootKeyText()],
    ['another curve', 'token-1.pem', () => pemOf(newKeyPair('ec', 'P-384').privateKey)],
    ['Ed25519', 'token-1.pem', () => pemOf(newKeyPair('ed25519').privateKey)],
    ['P-256', 'checkpoint-1.pem', () => pemOf(newKeyPair('ec', 'P-256').privateKey)],
    ['RSA', 'token-1.pem', () => pemOf(newKeyPair('rsa', 2048).privateKey)],
    ['EC', 'export-1.pem', () => pemOf(newKeyPair('ec', 'P-256').privateKey)],
    ['RSA-PSS', 'export-1.pem', () => pemOf(newKeyPair('rsa-pss', 3072).privateKey)],
    ['an encrypted key', 'token-1.pem', () => encryptedPem()],
    ['PKCS#1', 'export-1.pem', () => exported('rsa', 'pkcs1')],
    ['SEC 1', 'token-1.pem', () => exported('ec', 'sec1')],
    ['two keys', 'token-1.pem', () => exported('ec', 'pkcs8') + exported('ec', 'pkcs8')],
    ['a key and text after it', 'token-1.pem', () => `${exported('ec', 'pkcs8')}note\n`],
    ['a PEM of nothing', 'token-1.pem', () => '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
    [
      'a certificate of nothing',
      'export-1.crt',
      () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    ],
    ['too much', 'token-1.pem', () => 'x'.repeat(100_000)],
  ])('%s in %s', async (_what, name, text) => {
    await put(name, text());
    expect(await fault(name)).toBe('keys_malformed');
  });

  test.each([2048, 3064])('an RSA key of %i bits, with its certificate', async (modulusLength) => {
    const putExportKey = async (bits: number): Promise<void> => {
      const { privateKey, publicKey } = newKeyPair('rsa', bits);
      const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
      const terms = { commonName: 'x', days: 1, serial: '1' };
      await put('export-1.pem', pemOf(privateKey));
      await put('export-1.crt', selfSignedCertificate(pemOf(privateKey), publicPem, terms));
    };
    await putExportKey(modulusLength);
    expect(await fault('export-1.pem')).toBe('keys_malformed');
    // Control: the same with a key that is long enough.
    await putExportKey(3072);
    expect(await fault()).toBe('none');
  });

  test('a certificate of another key', async () => {
    const other = (await newKeyFiles()).get('export-1.crt') ?? '';
    await put('export-1.crt', other);
    expect(await fault('export-1.crt')).toBe('keys_malformed');
  });

  test('a private key whose halves do not fit', async () => {
    const jwk = newKeyPair('ec', 'P-256').privateKey.export({ format: 'der', type: 'pkcs8' });
    const other = newKeyPair('ec', 'P-256').privateKey.export({
      format: 'der',
      type: 'pkcs8',
    });
    // The public point is the last 65 bytes of the DER.
    const mixed = Buffer.concat([jwk.subarray(0, -65), other.subarray(-65)]);
    await put('token-1.pem', `-----BEGIN PRIVATE KEY-----\n${mixed.toString('base64')}\n-----END PRIVATE KEY-----\n`);
    expect(await fault('token-1.pem')).toBe('keys_malformed');
  });

  test.each([
    'root-01.key',
    'root-0.key',
    'root-2.key.bak',
    'Root-2.key',
    'root-.key',
    'token-2.key',
    'export-2.p12',
    'checkpoint-2.key',
  ])('a name that is nearly a key’s: %s', async (name) => {
    await put(name, 'x');
    expect(await fault(name)).toBe('keys_malformed');
  });

  test('one key under two numbers', async () => {
    await cp(at('root-1.key'), at('root-2.key'));
    expect(await fault('root-1.key')).toBe('keys_malformed');
    await put('root-2.key', newRootKeyText());
    expect(await fault()).toBe('none');
    await cp(at('token-1.pem'), at('token-2.pem'));
    expect(await fault('token-1.pem')).toBe('keys_malformed');
  });

  test('a folder or a pipe where a key should be', async () => {
    await rm(at('token-1.pem'));
    await mkdir(at('token-1.pem'));
    expect(await fault('token-1.pem')).toBe('keys_malformed');
    await rm(at('token-1.pem'), { recursive: true });
    expect(spawnSync('mkfifo', ['-m', '600', at('token-1.pem')]).status).toBe(0);
    expect(await fault('token-1.pem')).toBe('keys_malformed');
  });
});

describe('a checkpoint key is added', () => {
  test('to a folder of an older build, which says how, and to no other', async () => {
    const old = await readFile(at('checkpoint-1.pem'), 'latin1');
    await rm(at('checkpoint-1.pem'));
    await expect(loadKeyFolder(folder, production)).rejects.toThrow('npx amanat keys add checkpoint');
    const before = await readdir(folder);
    await addCheckpointKey(folder);
    expect((await readdir(folder)).sort()).toEqual([...before, 'checkpoint-1.pem'].sort());
    expect((await stat(at('checkpoint-1.pem'))).mode & 0o777).toBe(0o600);
    expect(await fault()).toBe('none');
    const first = await readFile(at('checkpoint-1.pem'), 'latin1');
    expect(first).not.toBe(old);
    await expect(addCheckpointKey(folder)).rejects.toMatchObject({ code: 'keys_not_empty' });
    expect(await readFile(at('checkpoint-1.pem'), 'latin1')).toBe(first);
  });

  test('of many at once one makes it', async () => {
    await rm(at('checkpoint-1.pem'));
    const results = await Promise.allSettled(Array.from({ length: 6 }, async () => addCheckpointKey(folder)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await readdir(folder)).filter((name) => name.includes('checkpoint'))).toEqual(['checkpoint-1.pem']);
    expect(await fault()).toBe('none');
  });

  test('to nothing that is no folder', async () => {
    await expect(addCheckpointKey(at('nowhere'))).rejects.toMatchObject({ code: 'keys_not_writable' });
    await expect(addCheckpointKey(at('root-1.key'))).rejects.toMatchObject({ code: 'keys_not_a_folder' });
  });
});

describe('the example keys', () => {
  test('load outside production, as git leaves them, and say what they are', async () => {
    const loose = join(base, `example-${count}`);
    await cp(exampleFolder, loose, { recursive: true });
    await chmod(loose, 0o755);
    for (const name of await readdir(loose)) await chmod(join(loose, name), 0o644);
    expect((await loadKeyFolder(loose, { production: false })).example).toBe(true);
    expect(await fault('root-1.key', loose)).toBe('keys_example_in_production');
  });

  test.each([['root-1.key'], ['token-1.pem'], ['export-1.pem', 'export-1.crt'], ['checkpoint-1.pem']])(
    'are refused in production one by one: %s',
    async (...names) => {
      for (const name of names) await put(name, await readFile(join(exampleFolder, name), 'latin1'));
      expect(await fault(names[0])).toBe('keys_example_in_production');
      expect((await loadKeyFolder(folder, { production: false })).example).toBe(true);
      // Beside real keys the folder stays closed to others.
      await chmod(folder, 0o755);
      expect(await fault('', folder, { production: false })).toBe('keys_world_readable');
    },
  );

  test('are refused in production as an older version too', async () => {
    await rename(at('root-1.key'), at('root-2.key'));
    await put('root-1.key', await readFile(join(exampleFolder, 'root-1.key'), 'latin1'));
    expect(await fault('root-1.key')).toBe('keys_example_in_production');
  });
});

test('loading changes nothing and makes nothing', async () => {
  const state = async (): Promise<unknown[]> =>
    Promise.all(
      (await readdir(folder)).map(async (name) => [name, await readFile(at(name)), (await stat(at(name))).mode]),
    );
  const before = await state();
  await loadKeyFolder(folder, production);
  await rm(at('root-1.key'));
  await expect(loadKeyFolder(folder, production)).rejects.toMatchObject({ code: 'keys_missing' });
  expect(await state()).toEqual(before.filter((entry) => !String(entry).startsWith('root')));
});

interface Exportable {
  export(options: { type: 'pkcs8'; format: 'pem' }): string | Buffer;
}
function pemOf(key: Exportable): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function exported(kind: 'rsa' | 'ec', type: 'pkcs1' | 'pkcs8' | 'sec1'): string {
  const pair = kind === 'rsa' ? newKeyPair('rsa', 3072) : newKeyPair('ec', 'P-256');
  return pair.privateKey.export({ type, format: 'pem' }).toString();
}

function encryptedPem(): string {
  const { privateKey } = newKeyPair('ec', 'P-256');
  return privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
}
