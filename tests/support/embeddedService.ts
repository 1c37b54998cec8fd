import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface EmbeddedFacts {
  readonly ownerUrl: string;
  readonly pid: number;
  readonly supervisorPid: number;
}

export interface ForeignService {
  readonly child: ChildProcess;
  /** What it said first: its facts once PostgreSQL runs, or the code of its refusal. */
  readonly answer: EmbeddedFacts | { readonly refused: string; readonly message: string };
  readonly exited: Promise<void>;
}

const program = `
  const { startEmbedded } = await import(process.argv[1]);
  try {
    const running = await startEmbedded({ folder: process.argv[2] });
    console.log(JSON.stringify({ ownerUrl: running.ownerUrl, pid: running.pid, supervisorPid: running.supervisorPid }));
    setInterval(() => undefined, 60_000);
  } catch (error) {
    console.log(JSON.stringify({ refused: error.code, message: error.message }));
  }
`;

/**
 * A process of its own that starts the embedded PostgreSQL from the built code, to be killed by the test. `through`: a
 * program that runs it, with its arguments.
 */
export async function foreignService(
  folder: string,
  as: { ids?: { uid: number; gid: number }; path?: string; through?: readonly string[] } = {},
): Promise<ForeignService> {
  const built = new URL('../../dist/db/embedded.js', import.meta.url).href;
  const own = [process.execPath, '--input-type=module', '-e', program, built, folder];
  const [command = '', ...words] = [...(as.through ?? []), ...own];
  const child = spawn(command, words, {
    ...as.ids,
    cwd: '/',
    env: { ...process.env, PATH: as.path ?? process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout })
      .once('line', resolve)
      .once('close', () => reject(new Error('said nothing')));
  });
  return { child, answer: JSON.parse(line) as ForeignService['answer'], exited };
}

export function factsOf(service: ForeignService): EmbeddedFacts {
  if ('refused' in service.answer) throw new Error(service.answer.message);
  return service.answer;
}
