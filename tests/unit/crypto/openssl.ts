import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** AuthEnvelopedData came with OpenSSL 3.0; other programs of that name do not have it. */
const version = spawnSync('openssl', ['version']).stdout?.toString() ?? '';
export const hasOpenssl = /^OpenSSL (?:[3-9]|\d\d)\./.test(version);
if (!hasOpenssl) process.stdout.write('skipped: no OpenSSL 3 on the command line\n');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A temporary folder, and programs that run in it. */
export interface Workshop {
  readonly path: (name: string) => string;
  readonly write: (name: string, content: Buffer | string) => void;
  /** `undefined` for a file that is not there. */
  readonly read: (name: string) => Buffer | undefined;
  readonly names: () => string[];
  readonly remove: (name: string) => void;
  readonly run: (program: string, argv: readonly string[], env?: Readonly<Record<string, string>>) => Promise<Ran>;
  /** Throws when OpenSSL ends with anything but 0. */
  readonly openssl: (line: string) => Promise<string>;
  readonly close: () => void;
}

export function workshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), 'amanat-openssl-'));
  const path = (name: string): string => join(folder, name);
  const run: Workshop['run'] = (program, argv, env = {}) =>
    new Promise((resolve) => {
      const options = { cwd: folder, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
      execFile(program, [...argv], options, (error, stdout, stderr) => {
        const code = typeof error?.code === 'number' ? error.code : -1;
        resolve({ code: error === null ? 0 : code, stdout, stderr });
      });
    });
  return {
    path,
    run,
    write: (name, content) => writeFileSync(path(name), content),
    read(name) {
      try {
        return readFileSync(path(name));
      } catch {
        return undefined;
      }
    },
    names: () => readdirSync(folder).toSorted(),
    remove: (name) => rmSync(path(name), { force: true }),
    async openssl(line) {
      const { code, stdout, stderr } = await run('openssl', wordsOf(line));
      if (code !== 0) throw new Error(`openssl ${line}\n${stderr}`);
      return stdout;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Words of a command line; single quotes hold words together. */
function wordsOf(line: string): string[] {
  return (line.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replaceAll("'", ''));
}
