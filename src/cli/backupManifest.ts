import { join } from 'node:path';
import { isManifestMac, manifestMac, manifestSecret } from '../crypto/backupMac.ts';
import type { CopiedFile } from '../db/copiedFile.ts';
import { VaultError } from '../errors.ts';
import type { KeyFolder, RootKey } from '../keys/folder.ts';
import { textOfRegular } from '../regularFile.ts';

/** What `manifest.json` of a backup says. Nothing of a backup is believed but what this lists, and this by its MAC alone. */
export interface Manifest {
  readonly format: 2;
  /** RFC 3339, by the machine's clock. What was committed before `startedAt` is in it. */
  readonly startedAt: string;
  readonly endedAt: string;
  /** Which PostgreSQL cluster: it makes the number when it is made, and its WAL bears it. */
  readonly systemId: string;
  readonly firstSegment: string;
  readonly lastSegment: string;
  /** The newest migration of the schema. */
  readonly schema: number;
  /** Root keys without which nothing in it opens. */
  readonly rootKeyIds: readonly string[];
  /** Those without files as well: PostgreSQL needs them. */
  readonly folders: readonly string[];
  readonly files: readonly CopiedFile[];
  /** Of all the above, base64, under a secret of this root key (crypto/backupMac.ts). */
  readonly mac: { readonly rootKeyId: string; readonly value: string };
}

export type Roots = KeyFolder['root'];

/**
 * `cut_short`: there is none; `unreadable`: the system does not let it be read, or it is no file; `other_keys`: made under a root key that
 * is not here; `altered`: not what was made under it.
 */
export type ManifestRefusal = 'cut_short' | 'unreadable' | 'other_format' | 'other_keys' | 'altered';

export const refusalWords: Readonly<Record<ManifestRefusal, string>> = {
  cut_short: 'is no whole backup: it has no manifest. A backup is a folder named by its time',
  unreadable: 'has a manifest that cannot be read: no right to it, a fault of the disk, or no file in its place',
  other_format: 'was made by another version: its manifest has another format',
  other_keys:
    'was made under a root key that the keys folder has not: it is another vault’s, or that key was taken away',
  altered:
    'is not as it was made: its manifest does not verify under the root key. Somebody changed it, or copied half of it',
};

export const manifestName = 'manifest.json';

/** A backup's folder is named by its time. */
export const folderName = ({ startedAt }: Pick<Manifest, 'startedAt'>): string => startedAt.replaceAll(':', '-');

export async function signedManifest(root: RootKey, content: Omit<Manifest, 'mac'>): Promise<Manifest> {
  const signed = { ...content, mac: { rootKeyId: root.id } };
  const value = manifestMac(await root.secret(manifestSecret), signed).toString('base64');
  return { ...content, mac: { rootKeyId: root.id, value } };
}

export async function readManifest(backup: string, roots: Pick<Roots, 'byId'>): Promise<Manifest | ManifestRefusal> {
  const parsed = await parsedIn(backup);
  if (typeof parsed === 'string') return parsed;
  if (parsed.format !== 2 || typeof parsed.mac?.value !== 'string') return 'other_format';
  const { mac, ...content } = parsed as Manifest;
  const root = roots.byId.get(mac.rootKeyId);
  if (root === undefined) return 'other_keys';
  const signed = { ...content, mac: { rootKeyId: mac.rootKeyId } };
  try {
    if (isManifestMac(await root.secret(manifestSecret), signed, mac.value)) return parsed as Manifest;
  } catch (error) {
    // What canonical JSON does not carry was not made here; a root key that was taken away is another matter.
    if (error instanceof VaultError && error.code === 'sealed') throw error;
  }
  return 'altered';
}

type Unproven = { readonly [member in keyof Manifest]?: unknown } & {
  readonly mac?: { readonly value?: unknown } | null;
};

/** A line for each of a million files. */
const mostBytes = 256 * 1024 * 1024;

async function parsedIn(backup: string): Promise<Unproven | ManifestRefusal> {
  const file = join(backup, manifestName);
  const text = await textOfRegular(file, mostBytes).catch(() => null);
  if (text === undefined) return 'cut_short';
  if (text === null) return 'unreadable';
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? parsed : 'altered';
  } catch {
    return 'altered';
  }
}
