import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Credentials } from './keys/folder.ts';
import type { UnsealFault } from './worker.ts';

/** What the operator's command asks of the service that runs here. */
export interface AdminRequest {
  readonly op: 'unseal';
  readonly given: Credentials;
}
export type AdminAnswer = { readonly open: true } | { readonly open: false; readonly fault: UnsealFault };

/** Longest path a socket may have (sun_path of Linux less its end). */
const longestPath = 107;
const longestMessage = 65_536;

export const socketIn = (dataDir: string): string => join(dataDir, 'amanat.sock');

/**
 * A socket in the data folder, mode 0600, to the user that runs the service and to nobody else: one line of JSON each way.
 * `undefined` where the path is too long for a socket.
 */
export async function openAdminSocket(
  dataDir: string,
  answer: (request: AdminRequest) => Promise<AdminAnswer>,
): Promise<Server | undefined> {
  const path = socketIn(dataDir);
  if (Buffer.byteLength(path) > longestPath) return undefined;
  // One that answers belongs to a service that runs on this folder; anything else is what a crash left.
  if (await isAnswered(path)) return undefined;
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8').on('error', () => undefined);
    socket.on('data', (piece: string) => {
      text += piece;
      if (text.length > longestMessage) socket.destroy();
      if (!text.endsWith('\n')) return;
      void replied(text, answer).then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
      text = '';
    });
  });
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
  process.once('exit', () => rmSync(path, { force: true }));
  return server.unref();
}

async function replied(text: string, answer: (request: AdminRequest) => Promise<AdminAnswer>): Promise<AdminAnswer> {
  const refused = {
    code: 'malformed_request',
    message: 'The service did not understand this command.',
    needs: undefined,
  };
  try {
    const request = JSON.parse(text) as Partial<AdminRequest>;
    if (request.op !== 'unseal' || typeof request.given !== 'object') return { open: false, fault: refused };
    return await answer({ op: 'unseal', given: request.given });
  } catch {
    return { open: false, fault: refused };
  }
}

/** Does a service run on this data folder? It says nothing of one whose path was too long for a socket. */
export const isServed = (dataDir: string): Promise<boolean> => isAnswered(socketIn(dataDir));

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** For the command. `undefined`: no service runs on this data folder. */
export function askService(dataDir: string, request: AdminRequest): Promise<AdminAnswer | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(socketIn(dataDir));
    socket.setEncoding('utf8').on('data', (piece: string) => void (text += piece));
    socket.once('error', () => resolve(undefined));
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.once('close', () => resolve(text === '' ? undefined : (JSON.parse(text) as AdminAnswer)));
  });
}
