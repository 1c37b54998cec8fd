import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { isWalMac, walMac, walSecret } from './crypto/backupMac.ts';
import { archiveName, queueName } from './db/embeddedArchive.ts';
import { systemIdOf } from './db/embeddedBackup.ts';
import { unasked } from './keyAccess.ts';
import type { KeyFolder, RootKey } from './keys/folder.ts';
import { textOfRegular } from './regularFile.ts';
import { replaceDurably } from './replaceDurably.ts';

/**
 * Who archives WAL has no key, and whoever has one vouches for it: PostgreSQL leaves the digest of each archived file in its own
 * folder, and `<name>.mac` is written beside the file in the archive. One line of JSON: which root key, the digest, the MAC
 * (crypto/backupMac.ts).
 */
export const proofSuffix = '.mac';

interface Proof {
  readonly rootKeyId: string;
  readonly sha256: string;
  readonly mac: string;
}

interface Archiving {
  readonly dataDir: string;
  readonly backupDir: string;
}

/** Segments, histories of timelines, and labels of backups. */
const archivable = /^[0-9A-F]{8}(?:[0-9A-F]{16}(?:\.partial|\.[0-9A-F]{8}\.backup)?|\.history)$/;
const digest = /^[0-9a-f]{64}\b/;
const mostProof = 4096;

/** Where WAL is archived by the embedded database; undefined where it is not. */
export function archivingOf({ databaseUrl, dataDir, backupDir }: Config): Archiving | undefined {
  return databaseUrl === undefined && backupDir !== undefined ? { dataDir, backupDir } : undefined;
}

/** Vouches for what was archived since. Any number of processes may: they write the same. */
export async function proveArchived({ dataDir, backupDir }: Archiving, rootOf: () => RootKey): Promise<void> {
  const queue = join(dataDir, 'postgres', queueName);
  const names = await queued(queue);
  if (names.length === 0) return;
  const systemId = await systemIdOf(join(dataDir, 'postgres', 'cluster'));
  const archive = join(backupDir, archiveName);
  const proven: string[] = [];
  for (const name of names) {
    const [sha256] = digest.exec(await readFile(join(queue, name), 'utf8').catch(() => '')) ?? [];
    if (sha256 === undefined) continue;
    const root = rootOf();
    const mac = walMac(await root.secret(walSecret), { systemId, name, sha256 }).toString('base64');
    const proof: Proof = { rootKeyId: root.id, sha256, mac };
    await replaceDurably(archive, `${name}${proofSuffix}`, `${JSON.stringify(proof)}\n`);
    proven.push(name);
  }
  for (const name of proven) await rm(join(queue, name), { force: true });
}

async function queued(queue: string): Promise<readonly string[]> {
  return (await readdir(queue).catch(() => [])).filter((name) => archivable.test(name));
}

/** The last of it, after PostgreSQL has stopped: with keys that can be had without asking anybody, or else at the next start. */
export async function proveLast(config: Config): Promise<void> {
  const archiving = archivingOf(config);
  if (archiving === undefined) return;
  if ((await queued(join(archiving.dataDir, 'postgres', queueName))).length === 0) return;
  try {
    const { keys } = await unasked(config)();
    await proveArchived(archiving, () => keys.root.current).finally(() => {
      for (const root of keys.root.byId.values()) root.forget();
    });
  } catch {
    // Nothing is lost: what is queued stays queued.
  }
}

/** The digest that a file of the archive has to have, as somebody with a key vouched for it. */
export async function provenDigest(
  archive: string,
  file: { readonly systemId: string; readonly name: string },
  roots: Pick<KeyFolder['root'], 'byId'>,
): Promise<{ readonly sha256: string } | 'none' | 'broken'> {
  const text = await textOfRegular(join(archive, `${file.name}${proofSuffix}`), mostProof).catch(() => '');
  if (text === undefined) return 'none';
  const proof = proofIn(text);
  const root = proof && roots.byId.get(proof.rootKeyId);
  if (proof === undefined || root === undefined) return 'broken';
  const { sha256 } = proof;
  return isWalMac(await root.secret(walSecret), { ...file, sha256 }, proof.mac) ? { sha256 } : 'broken';
}

function proofIn(text: string): Proof | undefined {
  try {
    const { rootKeyId, sha256, mac } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (typeof rootKeyId !== 'string' || typeof sha256 !== 'string' || typeof mac !== 'string') return undefined;
    return digest.test(sha256) ? { rootKeyId, sha256, mac } : undefined;
  } catch {
    return undefined;
  }
}
