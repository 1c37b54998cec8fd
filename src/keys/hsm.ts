import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { AgentAnswer, AgentOrder, AgentRequest } from './hsmAgent.ts';
import { isPinRefused, KeyFault } from './keyFault.ts';

/** What a key in a hardware module does for us: AES-256-GCM with 12 bytes of nonce and 16 of tag at the end. */
export interface Hsm {
  encrypt(nonce: Buffer, associated: Buffer, data: Buffer): Promise<Buffer>;
  decrypt(nonce: Buffer, associated: Buffer, data: Buffer): Promise<Buffer>;
  /** Ends the session and the process that held it. */
  close(): void;
}

/** The token was there and open, and would not do this: the data are not its own. */
export class HsmRefusal extends Error {}

/** Longer than a module that answers needs for anything; one that hangs is cut off after it. */
const patienceMs = 10_000;

/** Opened at the first use, and anew after whatever went wrong with it but a PIN that was refused. Nothing is asked of the module twice at once. */
export function hsmAt(path: string, order: AgentOrder): Hsm {
  let agent: Agent | undefined;
  let closed = false;
  let refused: KeyFault | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function opened(): Promise<Agent> {
    if (closed) throw unavailable(path, 'CLOSED');
    if (agent?.alive === true) return agent;
    if (refused !== undefined) throw refused;
    const fresh = startAgent();
    const said = await fresh.say(order);
    if ('fault' in said) {
      fresh.end();
      const fault = faultOfOpening(path, order, said.fault);
      if (isPinRefused(fault)) refused = fault;
      throw fault;
    }
    agent = fresh;
    return fresh;
  }

  async function once(request: Omit<AgentRequest, 'id'>): Promise<Buffer> {
    const session = await opened();
    const said = await session.say(request);
    if ('result' in said) return Buffer.from(said.result, 'base64');
    // A session may have died with its device: the next one is new.
    session.end();
    if (!session.fresh) return once(request);
    throw gone.has(said.fault) ? unavailable(path, said.fault) : new HsmRefusal(said.fault);
  }

  const queued = (op: AgentRequest['op']) => (nonce: Buffer, associated: Buffer, data: Buffer) => {
    const [n, a, d] = [nonce, associated, data].map((bytes) => bytes.toString('base64')) as [string, string, string];
    const next = last.then(() => once({ op, nonce: n, associated: a, data: d }));
    last = next.catch(() => undefined);
    return next;
  };
  return {
    encrypt: queued('encrypt'),
    decrypt: queued('decrypt'),
    close() {
      closed = true;
      agent?.end();
    },
  };
}

/** What a request is answered when the process that should have answered is gone or does not. */
const gone: ReadonlySet<string> = new Set([
  'GONE',
  'NO_ANSWER',
  'CKR_DEVICE_REMOVED',
  'CKR_TOKEN_NOT_PRESENT',
  'CKR_DEVICE_ERROR',
]);

interface Agent {
  readonly alive: boolean;
  /** Nothing but its order was asked of it before. */
  readonly fresh: boolean;
  say(message: AgentOrder | Omit<AgentRequest, 'id'>): Promise<AgentAnswer>;
  end(): void;
}

function startAgent(): Agent {
  const child = spawn(process.execPath, [agentScript()], { stdio: ['pipe', 'pipe', 'ignore'] });
  const waiting = new Map<number, (answer: AgentAnswer) => void>();
  let alive = true;
  let asked = 0;
  const end = (): void => {
    alive = false;
    child.kill('SIGKILL');
    for (const [id, resolve] of waiting) resolve({ id, fault: 'GONE' });
    waiting.clear();
  };
  child.on('error', end).on('close', end);
  child.stdin.on('error', () => undefined);
  letGo(child);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as AgentAnswer;
    waiting.get(said.id)?.(said);
    waiting.delete(said.id);
  });
  const write = (line: string): boolean => child.stdin.write(line);
  return {
    get alive() {
      return alive;
    },
    get fresh() {
      return asked <= 2;
    },
    say(message) {
      const id = asked;
      asked += 1;
      if (!alive) return Promise.resolve({ id, fault: 'GONE' });
      const said = answerTo(waiting, id, end);
      write(`${JSON.stringify('module' in message ? message : { ...message, id })}\n`);
      return said;
    },
    end,
  };
}

/** It does not keep a process alive that has nothing else to do. */
function letGo(child: ChildProcessByStdio<Writable, Readable, null>): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout]) (stream as unknown as { unref?: () => void }).unref?.();
}

function answerTo(
  waiting: Map<number, (answer: AgentAnswer) => void>,
  id: number,
  giveUp: () => void,
): Promise<AgentAnswer> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      waiting.delete(id);
      resolve({ id, fault: 'NO_ANSWER' });
      giveUp();
    }, patienceMs);
    waiting.set(id, (said) => {
      clearTimeout(timer);
      resolve(said);
    });
  });
}

/** Node starts JavaScript only, so from the sources (tests) it is the built one. */
function agentScript(): string {
  const place = import.meta.url.endsWith('.ts') ? '../../dist/keys/hsmAgent.js' : './hsmAgent.js';
  const script = fileURLToPath(new URL(place, import.meta.url));
  if (!existsSync(script)) throw new KeyFault('keys_unavailable', `${script} is missing. Run npm run build first.`);
  return script;
}

/** Faults that waiting does not mend. */
const faults: Readonly<Record<string, (order: AgentOrder) => string>> = {
  NO_PKCS11JS: () =>
    'needs the package pkcs11js, which is not installed here. Install a C++ compiler, then run: npm ci',
  NO_SUCH_KEY: ({ key, token }) =>
    `names key ${key}, and token ${token} has none of that name. Put the right token there.`,
  SEVERAL_KEYS: ({ key, token }) =>
    `names key ${key}, and token ${token} has several of that name. Remove all but one.`,
  SEVERAL_TOKENS: ({ token }) => `names token ${token}, and the module has several of that name. Remove all but one.`,
  KEY_EXTRACTABLE: ({ key }) =>
    `names key ${key}, which can be read out of its token. Make one that cannot (docs/operations.md).`,
  KEY_EXISTS: ({ key, token }) => `cannot be made: token ${token} has a key named ${key} already. Name another one.`,
  CKR_PIN_INCORRECT: ({ token }) =>
    `does not open: the PIN of token ${token} is wrong. Set AMANAT_KEYS_PIN_FILE; modules lock after a few wrong ones.`,
  CKR_PIN_LOCKED: ({ token }) =>
    `does not open: token ${token} is locked after wrong PINs. Let its security officer open it.`,
};

function faultOfOpening(path: string, order: AgentOrder, code: string): KeyFault {
  const text = faults[code]?.(order);
  if (text === undefined) return unavailable(path, code);
  return new KeyFault('keys_malformed', `${path} ${text}`, code.startsWith('CKR_PIN_') ? 'pin' : undefined);
}

function unavailable(path: string, code: string): KeyFault {
  return new KeyFault(
    'keys_unavailable',
    `${path} needs its hardware module, which does not answer (${code}). Put it back; nothing was changed.`,
  );
}
