import { randomBytes, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseVkey, verifierKey, vkeyOf, type NoteSigner, type VerifierKey } from '../crypto/signedNote.ts';
import { makeFolder } from '../makeFolder.ts';
import { textOfRegular } from '../regularFile.ts';
import { replaceDurably } from '../replaceDurably.ts';
import { syncFolder } from '../syncFolder.ts';

/**
 * The folder of a witness: `witness.pem` (its Ed25519 key, PKCS#8), `name` (the name that its cosignatures bear), `logs.txt`
 * (the logs that it knows, one vkey a line; `#` begins a remark) and `logs/` (logFolder.ts). Nobody else may read it.
 */
export type WitnessFaultCode =
  'witness_missing' | 'witness_not_empty' | 'witness_loose' | 'witness_malformed' | 'witness_name';

export class WitnessFolderFault extends Error {
  readonly code: WitnessFaultCode;

  constructor(code: WitnessFaultCode, message: string) {
    super(message);
    this.name = 'WitnessFolderFault';
    this.code = code;
  }
}

const keyFile = 'witness.pem';
const nameFile = 'name';
const logsFile = 'logs.txt';
const groupAndOthers = 0o077;
/** Ten thousand logs in a list. */
const mostBytes = 1024 * 1024;
const heading = '# One vkey of a log a line. A line that is added here holds at once, without a restart.\n';

/** Makes folder and key. Throws `WitnessFolderFault` where there is one already: a witness that forgets is none. */
export async function makeWitness(folder: string, name: string): Promise<VerifierKey> {
  await makeFolder(folder);
  if ((await stat(join(folder, keyFile)).catch(() => undefined)) !== undefined)
    throw new WitnessFolderFault('witness_not_empty', `${folder} is a witness already. Its key is never overwritten.`);
  if (!/^[!-~]{1,100}$/.test(name) || name.includes('+'))
    throw new WitnessFolderFault(
      'witness_name',
      'The name must be printable ASCII without space or +, like a host name.',
    );
  const { privateKey } = generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  await replaceDurably(folder, nameFile, `${name}\n`);
  await replaceDurably(folder, logsFile, heading);
  await replaceDurably(folder, keyFile, privateKey);
  await syncFolder(dirname(folder));
  return (await loadCosigner(folder)).key;
}

/** Throws `WitnessFolderFault`. */
export async function loadCosigner(folder: string): Promise<NoteSigner> {
  for (const name of ['', keyFile]) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found === undefined)
      throw new WitnessFolderFault(
        'witness_missing',
        `${folder} is no witness yet. Run: amanat witness init --dir ${folder}`,
      );
    if ((found.mode & groupAndOthers) !== 0)
      throw new WitnessFolderFault(
        'witness_loose',
        `${join(folder, name)} is open to other users. Take their rights away.`,
      );
  }
  const pem = (await textIn(folder, keyFile)) ?? '';
  const name = ((await textIn(folder, nameFile)) ?? '').trim();
  try {
    const privateKey = createPrivateKey(pem);
    return { key: verifierKey(name, createPublicKey(privateKey), 'cosignature'), privateKey };
  } catch {
    throw new WitnessFolderFault('witness_malformed', `${folder} does not hold a name and an Ed25519 key.`);
  }
}

/** Undefined where there is none. Throws `WitnessFolderFault` for what is there and cannot be read: nothing may be forgotten by it. */
async function textIn(folder: string, name: string): Promise<string | undefined> {
  return textOfRegular(join(folder, name), mostBytes).catch(() => {
    throw new WitnessFolderFault(
      'witness_malformed',
      `${join(folder, name)} cannot be read, or is no file: no link, no pipe and nothing over 1 MiB may be in its place.`,
    );
  });
}

/** The logs of the folder's list, as it is at this moment. Throws `WitnessFolderFault`, for a line that is no vkey too. */
export async function trustedLogs(folder: string): Promise<readonly VerifierKey[]> {
  const text = (await textIn(folder, logsFile)) ?? '';
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(logKey);
}

/** Throws `WitnessFolderFault`. */
export function logKey(vkey: string): VerifierKey {
  const key = parseVkey(vkey);
  if (key?.kind !== 'ed25519')
    throw new WitnessFolderFault(
      'witness_malformed',
      'A log must be given as the vkey of an Ed25519 key: amanat audit vkey',
    );
  return key;
}

/** Adds logs to the list; those that are in it already are left as they are. */
export async function trustLogs(folder: string, vkeys: readonly string[]): Promise<readonly VerifierKey[]> {
  const text = (await textIn(folder, logsFile)) ?? heading;
  const known = new Set((await trustedLogs(folder)).map(vkeyOf));
  const added = vkeys.map(logKey).filter((key) => !known.has(vkeyOf(key)));
  const lines = added.map((key) => `${vkeyOf(key)}\n`).join('');
  if (added.length > 0) await replaceDurably(folder, logsFile, `${text}${text.endsWith('\n') ? '' : '\n'}${lines}`);
  return added;
}

/** Can this folder be written, or made? Leaves nothing behind. */
export async function isWritable(folder: string): Promise<boolean> {
  const probe = join(folder, `.probe-${randomBytes(8).toString('hex')}`);
  try {
    await makeFolder(folder);
    await (await open(probe, 'wx', 0o600)).close();
    return true;
  } catch {
    return false;
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
  }
}
