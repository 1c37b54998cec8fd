import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exampleKeyIds } from './exampleKeys.ts';
import { KeyFault } from './keyFault.ts';
import { faultOf, isLooseFolder, readKeyFile, type KeyFile } from './keyFile.ts';
import { parseRootKey, type RootKey } from './rootKey.ts';
import {
  parseCheckpointKey,
  parseExportKey,
  parseTokenKey,
  type CheckpointKey,
  type ExportKey,
  type TokenKey,
} from './signingKey.ts';

export { addCheckpointKey, createKeyFolder } from './keyCreation.ts';
export { KeyFault, type KeyFaultCode } from './keyFault.ts';
export type { RootKey } from './rootKey.ts';
export type { CheckpointKey, ExportKey, TokenKey } from './signingKey.ts';

/**
 * A keys folder, mode 0700, its files 0600:
 *
 * | file                        | what                                                                   |
 * | --------------------------- | ---------------------------------------------------------------------- |
 * | root-N.key                  | root key (rootKey.ts)                                                  |
 * | token-N.pem                 | token signing key, P-256, PKCS#8                                       |
 * | export-N.pem, export-N.crt  | export signing key, RSA of 3072 bits or more, PKCS#8, and certificate  |
 * | checkpoint-N.pem            | signs checkpoints of the audit logs, Ed25519, PKCS#8                   |
 *
 * N counts from 1; the highest is current, lower ones still open and verify what they made. Other files are ignored.
 */
export interface KeyFolder {
  readonly root: { readonly current: RootKey; readonly byId: ReadonlyMap<string, RootKey> };
  /** Current first. */
  readonly token: readonly TokenKey[];
  readonly exportSigning: ExportKey;
  /** Current first. */
  readonly checkpoint: readonly [CheckpointKey, ...CheckpointKey[]];
  /** Holds keys of keys.example: to be warned about. Never true in production. */
  readonly example: boolean;
}

const families = { root: ['key'], token: ['pem'], export: ['pem', 'crt'], checkpoint: ['pem'] } as const;
type Family = keyof typeof families;

const fromBackup = 'Restore it from your backup of the keys.';
const restore: Readonly<Record<Family, string>> = {
  root: fromBackup,
  token: fromBackup,
  export: fromBackup,
  checkpoint: `${fromBackup} A folder made before there were checkpoints has none; then run: npx amanat keys add checkpoint`,
};

/**
 * Reads every key of a folder and makes none. Throws KeyFault; the caller does not start, or starts sealed.
 * `production` refuses the example keys. They alone may be readable by others, outside production, because git keeps no
 * mode 0600.
 */
export async function loadKeyFolder(folder: string, { production }: { production: boolean }): Promise<KeyFolder> {
  const looseFolder = await isLooseFolder(folder);
  const names = await listFolder(folder);
  const read = async (name: string): Promise<KeyFile> => readKeyFile(join(folder, name));

  const roots: Loaded<RootKey>[] = [];
  for (const n of versions(folder, names, 'root')) {
    const file = await read(`root-${n}.key`);
    const key = parseRootKey(file.path, file.text);
    roots.push({ key, id: key.id, files: [file] });
  }
  const tokens: Loaded<TokenKey>[] = [];
  for (const n of versions(folder, names, 'token')) {
    const file = await read(`token-${n}.pem`);
    const key = parseTokenKey(file.path, file.text);
    tokens.push({ key, id: key.kid, files: [file] });
  }
  const exports: Loaded<ExportKey>[] = [];
  for (const n of versions(folder, names, 'export')) {
    const [pem, certificate] = [await read(`export-${n}.pem`), await read(`export-${n}.crt`)];
    const key = parseExportKey(pem.path, pem.text, certificate.path, certificate.text);
    exports.push({ key, id: key.kid, files: [pem, certificate] });
  }

  const checkpoints: Loaded<CheckpointKey>[] = [];
  for (const n of versions(folder, names, 'checkpoint')) {
    const file = await read(`checkpoint-${n}.pem`);
    const key = parseCheckpointKey(file.path, file.text);
    checkpoints.push({ key, id: key.kid, files: [file] });
  }

  const all = [...roots, ...tokens, ...exports, ...checkpoints];
  refuseTwins(all);
  if (production) refuseExamples(all);
  refuseLoose(folder, looseFolder, all);
  const example = all.some(isExample);
  return {
    root: { current: newest(folder, roots, 'root'), byId: new Map(roots.map(({ key }) => [key.id, key])) },
    token: [newest(folder, tokens, 'token'), ...tokens.slice(1).map(({ key }) => key)],
    exportSigning: newest(folder, exports, 'export'),
    checkpoint: [newest(folder, checkpoints, 'checkpoint'), ...checkpoints.slice(1).map(({ key }) => key)],
    example,
  };
}

interface Loaded<Key> {
  readonly key: Key;
  readonly id: string;
  readonly files: readonly KeyFile[];
}

async function listFolder(folder: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    throw faultOf(error, folder);
  }
  if (names.every((name) => familyOf(name) === undefined)) {
    throw new KeyFault(
      'keys_empty',
      `${folder} holds no keys. Restore it from your backup of the keys, or for a new vault run: npx amanat init`,
    );
  }
  return names;
}

function familyOf(name: string): Family | undefined {
  const begun = /^(root|token|export|checkpoint)-/i.exec(name);
  return begun?.[1]?.toLowerCase() as Family | undefined;
}

/** The numbers of one family's keys, newest first. A name that is nearly a key's is refused, not overlooked. */
function versions(folder: string, names: readonly string[], family: Family): number[] {
  const numbers = new Set<number>();
  for (const name of names.filter((n) => familyOf(n) === family)) {
    const [, number, extension] = /^[a-z]+-([1-9][0-9]{0,5})\.([a-z]+)$/.exec(name) ?? [];
    const known: readonly string[] = families[family];
    if (number === undefined || extension === undefined || !known.includes(extension)) {
      const right = known.map((ending) => `${family}-1.${ending}`).join(' and ');
      throw new KeyFault(
        'keys_malformed',
        `${join(folder, name)} is named like no key. Name it like ${right}, or move it away.`,
      );
    }
    numbers.add(Number(number));
  }
  return [...numbers].sort((a, b) => b - a);
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
