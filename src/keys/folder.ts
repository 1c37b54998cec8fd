import { join } from 'node:path';
import type { Credentials } from './credentials.ts';
import { exampleKeyIds } from './exampleKeys.ts';
import { hsmRootKey } from './hsmRootKey.ts';
import { KeyFault } from './keyFault.ts';
import { isLooseFolder } from './keyFile.ts';
import { loadCheckpoints, loadExports, type Loaded } from './loadedKeys.ts';
import { families, isKeyName, rootName, versions, type Family } from './keyNames.ts';
import { openSource, type KeySource } from './keySource.ts';
import { pkcs12RootKey } from './pkcs12RootKey.ts';
import { parseRootKey, type RootKey } from './rootKey.ts';
import {
  parseTokenKey,
  type CheckpointKey,
  type ExportKey,
  type FormerExportKey,
  type FormerCheckpointKey,
  type TokenKey,
} from './signingKey.ts';

export {
  addCheckpointKey,
  addNextKey,
  createKeyFolder,
  keepCertificate,
  keepFormer,
  removeKeyFiles,
  type RootFile,
} from './keyCreation.ts';
export { isPinRefused, KeyFault, type KeyFaultCode } from './keyFault.ts';
export { isKeyName } from './keyNames.ts';
export type { Credentials } from './credentials.ts';
export type { RootKey } from './rootKey.ts';
export type { CheckpointKey, ExportKey, FormerCheckpointKey, TokenKey } from './signingKey.ts';

/**
 * A keys folder, mode 0700, its files 0600:
 *
 * | file                        | what                                                                   |
 * | --------------------------- | ---------------------------------------------------------------------- |
 * | root-N.key                  | root key (rootKey.ts)                                                  |
 * | root-N.p12                  | or a PKCS#12 file from which it is derived (pkcs12RootKey.ts)           |
 * | root-N.hsm                  | or where in a hardware module it is (hsmRootKey.ts)                    |
 * | token-N.pem                 | token signing key, P-256, PKCS#8                                       |
 * | export-N.pem, export-N.crt  | export signing key, RSA of 3072 bits or more, PKCS#8, and certificate  |
 * | export-N.former             | the certificate of one that signs no more                              |
 * | checkpoint-N.pem            | signs checkpoints of the audit logs, Ed25519, PKCS#8                   |
 * | checkpoint-N.former         | what is kept of one that signs no more (signingKey.ts)                 |
 *
 * N counts from 1; the highest is current, lower ones still open and verify what they made. Other files are ignored.
 * `keys.locked` (lockedKeys.ts) holds any of these files, encrypted.
 */
export interface KeyFolder {
  readonly root: { readonly current: RootKey; readonly byId: ReadonlyMap<string, RootKey> };
  /** Current first. */
  readonly token: readonly TokenKey[];
  readonly exportSigning: ExportKey;
  /** Those before it whose files are still there: what they signed verifies. */
  readonly formerExport: readonly ExportKey[];
  /** Those that cannot sign any more, the last one first. */
  readonly retiredExport: readonly FormerExportKey[];
  /** Current first. */
  readonly checkpoint: readonly [CheckpointKey, ...CheckpointKey[]];
  /** Those that sign no more, the last one first. */
  readonly formerCheckpoint: readonly FormerCheckpointKey[];
  /** Holds keys of keys.example: to be warned about. Never true in production. */
  readonly example: boolean;
  /** Names of the files of keys, as they lie there or in the lock. */
  readonly files: readonly string[];
  /** Of a locked folder: the names of the keys that lie open beside the lock. There should be none. */
  readonly lock: { readonly open: readonly string[] } | undefined;
}

const fromBackup = 'Restore it from your backup of the keys.';
const restore: Readonly<Record<Family, string>> = {
  root: fromBackup,
  token: fromBackup,
  export: fromBackup,
  checkpoint: `${fromBackup} A folder made before there were checkpoints has none; then run: npx amanat keys add checkpoint`,
};

/** How a folder is opened. */
export interface Opening {
  /** Refuses the example keys. They alone may be readable by others, outside production, because git keeps no mode 0600. */
  readonly production: boolean;
  readonly given?: Credentials | undefined;
  /** Path of the PKCS#11 library through which a hardware module is reached. */
  readonly pkcs11Module?: string | undefined;
}

/**
 * Reads every key of a folder and makes none. Throws KeyFault; the caller does not start, or starts sealed where it is
 * `keys_locked` (nothing was given that could open it) or `keys_unavailable` (a hardware module does not answer).
 */
export async function loadKeyFolder(folder: string, opening: Opening): Promise<KeyFolder> {
  const looseFolder = await isLooseFolder(folder);
  const source = await openSource(folder, opening.given ?? {}, isKeyName);
  refuseEmpty(folder, source.names);
  const roots = await loadRoots(folder, source, opening);
  try {
    return await loadOthers(folder, source, roots, { looseFolder, production: opening.production });
  } catch (error) {
    for (const { key } of roots) key.forget();
    throw error;
  }
}

async function loadRoots(folder: string, source: KeySource, opening: Opening): Promise<Loaded<RootKey>[]> {
  const roots: Loaded<RootKey>[] = [];
  const { passphrase, pin } = opening.given ?? {};
  try {
    for (const n of versions(folder, source.names, 'root')) {
      const name = rootName(folder, source.names, n);
      const file = await source.read(name);
      const key = name.endsWith('.p12')
        ? pkcs12RootKey(file.path, Buffer.from(file.text, 'latin1'), passphrase)
        : name.endsWith('.hsm')
          ? await hsmRootKey(file.path, file.text, { module: opening.pkcs11Module, pin })
          : parseRootKey(file.path, file.text);
      roots.push({ key, id: key.id, files: [file] });
    }
    return roots;
  } catch (error) {
    for (const { key } of roots) key.forget();
    throw error;
  }
}

async function loadOthers(
  folder: string,
  source: KeySource,
  roots: readonly Loaded<RootKey>[],
  { looseFolder, production }: { looseFolder: boolean; production: boolean },
): Promise<KeyFolder> {
  const { names, lock } = source;
  const tokens: Loaded<TokenKey>[] = [];
  for (const n of versions(folder, names, 'token')) {
    const file = await source.read(`token-${n}.pem`);
    const key = parseTokenKey(file.path, file.text);
    tokens.push({ key, id: key.kid, files: [file] });
  }
  const { exports, retired } = await loadExports(folder, source);
  const { checkpoints, formers } = await loadCheckpoints(folder, source);

  const all = [...roots, ...tokens, ...exports, ...retired, ...checkpoints, ...formers];
  refuseTwins(all);
  if (production) refuseExamples(all);
  refuseLoose(folder, looseFolder, all);
  return {
    root: { current: newest(folder, roots, 'root'), byId: new Map(roots.map(({ key }) => [key.id, key])) },
    token: [newest(folder, tokens, 'token'), ...tokens.slice(1).map(({ key }) => key)],
    exportSigning: newest(folder, exports, 'export'),
    formerExport: exports.slice(1).map(({ key }) => key),
    retiredExport: retired.map(({ key }) => key),
    checkpoint: [newest(folder, checkpoints, 'checkpoint'), ...checkpoints.slice(1).map(({ key }) => key)],
    formerCheckpoint: formers.map(({ key }) => key),
    example: all.some(isExample),
    files: names.filter(isKeyName),
    lock,
  };
}

/** Throws KeyFault where no file is a key's. */
function refuseEmpty(folder: string, names: readonly string[]): void {
  if (names.some(isKeyName)) return;
  throw new KeyFault(
    'keys_empty',
    `${folder} holds no keys. Restore it from your backup of the keys, or for a new vault run: npx amanat init`,
  );
}

function newest<Key>(folder: string, loaded: readonly Loaded<Key>[], family: Family): Key {
  const [first] = loaded;
  if (first !== undefined) return first.key;
  const path = join(folder, `${family}-1.${families[family][0]}`);
  throw new KeyFault('keys_missing', `${path} is missing. ${restore[family]}`);
}

/** A copied key under a higher number would make a rotation look done. */
function refuseTwins(all: readonly Loaded<unknown>[]): void {
  const seen = new Map<string, string>();
  for (const { id, files } of all) {
    const path = files[0]?.path ?? '';
    const twin = seen.get(id);
    if (twin !== undefined)
      throw new KeyFault('keys_malformed', `${path} holds the same key as ${twin}. Remove one of them.`);
    seen.set(id, path);
  }
}

function isExample({ id }: Loaded<unknown>): boolean {
  return exampleKeyIds.has(id);
}

function refuseExamples(all: readonly Loaded<unknown>[]): void {
  const path = all.find(isExample)?.files[0]?.path;
  if (path === undefined) return;
  throw new KeyFault(
    'keys_example_in_production',
    `${path} is a key of keys.example, which everybody has. Make your own: npx amanat init`,
  );
}

function refuseLoose(folder: string, looseFolder: boolean, all: readonly Loaded<unknown>[]): void {
  const guarded = all.filter((loaded) => !isExample(loaded));
  const file = guarded.flatMap(({ files }) => files).find(({ loose }) => loose);
  if (file !== undefined) {
    throw new KeyFault('keys_world_readable', `${file.path} is open to other users. Run: chmod 600 ${file.path}`);
  }
  if (looseFolder && guarded.length > 0) {
    throw new KeyFault('keys_world_readable', `${folder} is open to other users. Run: chmod 700 ${folder}`);
  }
}
