import { execFile } from 'node:child_process';
import { chown, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Binaries } from './embeddedBinaries.ts';
import { EmbeddedFault } from './embeddedFault.ts';

/** PostgreSQL refuses to run as root. How it is started instead: a command before its own, another user, or neither. */
export interface RunAs {
  readonly prefix: readonly string[];
  readonly ids?: { readonly uid: number; readonly gid: number };
}

/** Of the service, only what a program needs to run: its secrets stay its own. */
export const bareEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/** The kernel asks PostgreSQL for a fast shutdown should its parent die, however it dies. */
const dieWithParent = ['setpriv', '--pdeathsig', 'INT', '--'];

/** Throws `EmbeddedFault` root_refused. `folder` is handed to the user that was chosen. */
export async function chooseUser(folder: string, binaries: Binaries): Promise<RunAs> {
  const candidates = process.getuid?.() === 0 ? await rootCandidates(folder) : [{ prefix: [] }];
  for (const candidate of candidates) {
    for (const runAs of [{ ...candidate, prefix: [...candidate.prefix, ...dieWithParent] }, candidate]) {
      if (runAs.ids !== undefined) await chown(folder, runAs.ids.uid, runAs.ids.gid);
      if (await reaches(runAs, folder, binaries)) return runAs;
    }
    if (candidate.ids !== undefined) await chown(folder, 0, 0);
  }
  throw new EmbeddedFault(
    process.getuid?.() === 0 ? 'root_refused' : 'folder_unusable',
    process.getuid?.() === 0
      ? `PostgreSQL does not run as root, and neither a user namespace nor the user postgres or nobody can be used for ${folder}. ` +
          'Run the service as an ordinary user, put AMANAT_DATA_DIR where the user postgres may go, or set AMANAT_DATABASE_URL.'
      : `${folder} cannot be written, or the built-in PostgreSQL does not run on this system. Set AMANAT_DATABASE_URL to use another one.`,
  );
}

async function rootCandidates(folder: string): Promise<readonly RunAs[]> {
  const owner = await stat(join(folder, 'cluster')).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return [{ prefix: [], ids: { uid: owner.uid, gid: owner.gid } }];
  const users = await knownUsers();
  const { uid, gid } = users[0] ?? { uid: 65_534, gid: 65_534 };
  // Root under another name: still the owner of its own files, wherever they lie.
  const namespace = { prefix: ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'] };
  if (owner !== undefined) return [namespace];
  return [namespace, ...users.map((ids) => ({ prefix: [], ids }))];
}

/** passwd(5): name:password:uid:gid:… */
async function knownUsers(): Promise<readonly { uid: number; gid: number }[]> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const entries = passwd.split('\n').map((line) => line.split(':'));
  return ['nobody', 'postgres'].flatMap((name) =>
    entries.filter((entry) => entry[0] === name).map((entry) => ({ uid: Number(entry[2]), gid: Number(entry[3]) })),
  );
}

/** Runs a program to its end, as PostgreSQL would be run. Rejects with its standard error when it fails. */
export async function runPlain(runAs: RunAs, words: readonly string[]): Promise<void> {
  const [command = '', ...args]: readonly string[] = [...runAs.prefix, ...words];
  await new Promise<void>((resolve, reject) => {
    execFile(command, args, { ...runAs.ids, env: bareEnvironment, cwd: '/' }, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(stderr.trim()));
    });
  });
}

async function reaches(runAs: RunAs, folder: string, binaries: Binaries): Promise<boolean> {
  const script = 'test "$(id -u)" != 0 && test -w "$1" && test -x "$1" && exec "$2" --version';
  try {
    await runPlain(runAs, ['sh', '-c', script, 'sh', folder, binaries.postgres]);
    return true;
  } catch {
    return false;
  }
}
