import { X509Certificate } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../config.ts';
import { loadKeyFolder, type KeyFolder } from '../keys/folder.ts';
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
    const { keysDir, production } = readConfig(process.env);
    const folder = await loadKeyFolder(keysDir, { production });
    const keys = await listKeys(keysDir, folder);
    const mode = await modeOf(keysDir);
    out.result({ keysDir, mode, example: folder.example, keys }, () => readable(keysDir, mode, folder, keys));
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
    folder.example
      ? 'WARNING: these are the example keys, which everybody has. Make your own: npx amanat init'
      : 'All keys are whole, and nobody else may read them.',
  ].join('\n');
}

/** The keys of each family, newest first, as the loaded folder holds them. */
async function listKeys(keysDir: string, folder: KeyFolder): Promise<ListedKey[]> {
  const names = await readdir(keysDir);
  const roots = [...folder.root.byId.keys()].map((id) => ({ what: 'root key', fingerprint: id }));
  const tokens = folder.token.map(({ kid }) => ({ what: 'signs tokens (ES256)', fingerprint: kid }));
  const checkpoints = folder.checkpoint.map(({ kid }) => ({ what: 'signs checkpoints (Ed25519)', fingerprint: kid }));
  const certificates = filesOf(names, /^export-\d+\.crt$/);
  const exports = await Promise.all(certificates.map((file) => readCertificate(join(keysDir, file))));
  const families = [
    { files: filesOf(names, /^root-\d+\.key$/), keys: roots },
    { files: filesOf(names, /^token-\d+\.pem$/), keys: tokens },
    { files: certificates, keys: exports },
    { files: filesOf(names, /^checkpoint-\d+\.pem$/), keys: checkpoints },
  ];
  const listed = families.flatMap(({ files, keys }) =>
    files.map(async (file, i) => ({
      file,
      mode: await modeOf(join(keysDir, file)),
      current: i === 0,
      ...(keys[i] ?? { what: 'unknown', fingerprint: '' }),
    })),
  );
  return Promise.all(listed);
}

/** Newest first. */
function filesOf(names: readonly string[], pattern: RegExp): string[] {
  return names.filter((name) => pattern.test(name)).sort((a, b) => numberOf(b) - numberOf(a));
}

const numberOf = (name: string): number => Number(name.replace(/\D/g, ''));

async function readCertificate(path: string): Promise<{ what: string; fingerprint: string }> {
  const { fingerprint256, validTo } = new X509Certificate(await readFile(path));
  const until = new Date(validTo).toISOString().slice(0, 10);
  return { what: `signs exports, until ${until}`, fingerprint: fingerprint256.replaceAll(':', '').toLowerCase() };
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8).padStart(4, '0');
}
