import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../config.ts';
import { keysOf } from '../keyAccess.ts';
import type { KeyFolder } from '../keys/folder.ts';
import { lockedName } from '../keys/lockedKeys.ts';
import { exit, noWords, type Command } from './command.ts';
import { table } from './table.ts';

interface ListedKey {
  readonly file: string;
  readonly mode: string;
  readonly current: boolean;
  readonly what: string;
  /** A public name of the key: nothing of the key itself can be had from it. */
  readonly fingerprint: string;
}

export const keysCheck: Command = {
  words: '',
  options: {},
  help: {},
  more: [
    'Reads AMANAT_KEYS_DIR (<data>/keys) and changes nothing. A folder that the service would refuse is refused here with',
    'the same words and exit code 78.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    const { keysDir } = config;
    const folder = await keysOf(config);
    const keys = await listKeys(keysDir, folder);
    const mode = await modeOf(keysDir);
    const { example, lock } = folder;
    out.result({ keysDir, mode, example, ...(lock === undefined ? {} : { lock }), keys }, () =>
      readable(keysDir, mode, folder, keys),
    );
    return exit.ok;
  },
};

function readable(keysDir: string, mode: string, folder: KeyFolder, keys: readonly ListedKey[]): string {
  const rows = keys.map((key) => [key.file, key.mode, key.current ? 'current' : 'older', key.what, key.fingerprint]);
  return [
    `${keysDir}  (mode ${mode})`,
    '',
    table(['file', 'mode', '', 'what', 'fingerprint'], rows),
    '',
    ...lockOf(folder),
    folder.example
      ? 'WARNING: these are the example keys, which everybody has. Make your own: npx amanat init'
      : 'All keys are whole, and nobody else may read them.',
  ].join('\n');
}

function lockOf({ lock }: KeyFolder): readonly string[] {
  if (lock === undefined) return [];
  if (lock.open.length === 0) return ['The folder is locked, and opened.'];
  return [
    `WARNING: the folder is locked, and in clear beside it lie ${lock.open.join(', ')}. Run: npx amanat keys encrypt`,
  ];
}

/** The keys of each family, newest first, as the loaded folder holds them. */
async function listKeys(keysDir: string, folder: KeyFolder): Promise<ListedKey[]> {
  const names = folder.files;
  const roots = [...folder.root.byId.keys()].map((id) => ({ what: 'root key', fingerprint: id }));
  const tokens = folder.token.map(({ kid }) => ({ what: 'signs tokens (ES256)', fingerprint: kid }));
  const checkpoints = folder.checkpoint.map(({ kid }) => ({ what: 'signs checkpoints (Ed25519)', fingerprint: kid }));
  const formers = folder.formerCheckpoint.map(({ kid }) => ({ what: 'signed checkpoints', fingerprint: kid }));
  const isOpen = (file: string): boolean => folder.lock?.open.includes(file) ?? true;
  const certificates = filesOf(names, /^export-\d+\.crt$/);
  const exports = await Promise.all(
    certificates.map(async (file, i) => {
      if (isOpen(file)) return certificateOf(await readFile(join(keysDir, file)));
      return i === 0 ? certificateOf(folder.exportSigning.certificatePem) : undefined;
    }),
  );
  const retired = folder.retiredExport.map(({ certificatePem }) => ({
    ...certificateOf(certificatePem),
    what: 'signed exports',
  }));
  const families = [
    { files: filesOf(names, /^root-\d+\.(?:key|p12|hsm)$/), keys: roots },
    { files: filesOf(names, /^token-\d+\.pem$/), keys: tokens },
    { files: certificates, keys: exports },
    { files: filesOf(names, /^export-\d+\.former$/), keys: retired },
    { files: filesOf(names, /^checkpoint-\d+\.pem$/), keys: checkpoints },
    { files: filesOf(names, /^checkpoint-\d+\.former$/), keys: formers },
  ];
  const listed = families.flatMap(({ files, keys }) =>
    files.map(async (file, i) => ({
      file,
      mode: await modeOf(join(keysDir, isOpen(file) ? file : lockedName)),
      current: i === 0 && !file.endsWith('.former'),
      ...(keys[i] ?? { what: 'signs exports', fingerprint: '' }),
    })),
  );
  return Promise.all(listed);
}

/** Newest first. */
function filesOf(names: readonly string[], pattern: RegExp): string[] {
  return names.filter((name) => pattern.test(name)).sort((a, b) => numberOf(b) - numberOf(a));
}

const numberOf = (name: string): number => Number(/\d+/.exec(name)?.[0]);

function certificateOf(certificate: Buffer | string): { what: string; fingerprint: string } {
  const { fingerprint256, validTo } = new X509Certificate(certificate);
  const until = new Date(validTo).toISOString().slice(0, 10);
  return { what: `signs exports, until ${until}`, fingerprint: fingerprint256.replaceAll(':', '').toLowerCase() };
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8).padStart(4, '0');
}
