import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const programs = {
  amanat: fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)),
  service: fileURLToPath(new URL('../../dist/main.js', import.meta.url)),
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Should a test fail on the way, nothing of it goes on running. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

function run(program: string, argv: readonly string[], env: Environment): ChildProcess {
  const child = spawn(process.execPath, [program, ...argv], { env: bare(env), cwd: tmpdir() });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** Of this process, only what a program needs: no AMANAT_* and no NODE_ENV of the test run. */
function bare(env: Environment): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(AMANAT_|NODE_ENV|NODE_OPTIONS|VITEST)/.test(name));
  return { ...Object.fromEntries(kept), ...env };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The one JSON document that `--json` prints. */
  readonly json: any; // oxlint-disable-line typescript/no-explicit-any
}

/** Runs `amanat …` from the built code to its end. */
export function amanat(argv: readonly string[], env: Environment = {}): Promise<Ended> {
  return ended(run(programs.amanat, argv, env));
}

/** Starts the service and waits for its end: for starts that are refused. */
export function refusedStart(env: Environment): Promise<Ended> {
  return ended(run(programs.service, [], { AMANAT_PORT: '0', ...env }));
}

function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (piece: Buffer) => (stdout += piece.toString('utf8')));
  child.stderr?.on('data', (piece: Buffer) => (stderr += piece.toString('utf8')));
  return new Promise((resolve) =>
    child.once('close', (code) => resolve({ code, stdout, stderr, json: parsed(stdout) })),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A service on its way, or at work. */
export interface Launched {
  readonly child: ChildProcess;
  /** Resolves with a line of the log that fits, the ones so far included. */
  logged(fits: (event: Readonly<Record<string, unknown>>) => boolean): Promise<Readonly<Record<string, unknown>>>;
  /** Resolves with its exit code. */
  readonly exited: Promise<number | null>;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
}

export interface Service extends Launched {
  readonly url: string;
}

/** Starts `dist/main.js` and waits until it serves. Rejects with what it said when it ends instead. */
export async function startService(env: Environment): Promise<Service> {
  const launched = launchService(env);
  const { url } = await launched.logged((e) => e['event'] === 'listening' && e['worker'] === undefined);
  return { ...launched, url: String(url) };
}

export function launchService(env: Environment): Launched {
  const child = run(programs.service, [], { AMANAT_PORT: '0', ...env });
  const events: Readonly<Record<string, unknown>>[] = [];
  const waiting = new Set<() => void>();
  let complaint = '';
  child.stderr?.on('data', (piece: Buffer) => (complaint += piece.toString('utf8')));
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  lines.on('line', (line) => {
    events.push(JSON.parse(line) as Readonly<Record<string, unknown>>);
    for (const look of waiting) look();
  });
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const logged: Service['logged'] = (fits) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.find(fits);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      void exited.then((code) => reject(new Error(`the service ended with ${code}: ${complaint}`)));
      look();
    });
  return {
    child,
    logged,
    exited,
    stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** A folder of the test's own. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'amanat-cli-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
