import { addressParts } from '../vault/addressParts.ts';
import { openSession, ServiceFault, type Session } from './service.ts';
import { table } from './table.ts';

export type Json = Readonly<Record<string, unknown>>;

/** Somebody who asks the vault for something. */
export interface Actor {
  /** `courier A`. */
  readonly name: string;
  readonly session: Session;
}

export interface Asked {
  readonly status: number;
  readonly body: Json;
}

/** Where the demo plays: it asks, prints, and stops at the first answer that is not the expected one. */
export interface Stage {
  chapter(title: string): void;
  say(...lines: readonly string[]): void;
  /** Asks, prints who asked what and what came back, and throws `ServiceFault` unless it is what was expected. */
  ask(
    who: Actor,
    call: string,
    body: unknown,
    expected: number | readonly [status: number, code: string],
  ): Promise<Asked>;
  /** The same with a file for a body. */
  upload(who: Actor, call: string, file: { bytes: Buffer; type: string }, expected: number): Promise<Asked>;
  /** Values in the last column, so that right-to-left text disturbs nothing after it. */
  rows(head: readonly string[], rows: readonly (readonly string[])[]): void;
  actor(name: string, url: string, client: { id: string; secret: string }, staff?: string): Actor;
  /** A customer, on the page that the shop's client serves them. */
  person(name: string, url: string, client: { id: string; secret: string }, customerId: string): Actor;
}

const indent = '     ';

export function openStage(print: (line: string) => void): Stage {
  let chapters = 0;
  const say: Stage['say'] = (...lines) => lines.forEach((line) => print(indent + line));
  return {
    chapter(title) {
      chapters += 1;
      print('');
      print(`${String(chapters).padStart(3)}  ${title}`);
    },
    say,
    rows: (head, rows) =>
      table(head, rows)
        .split('\n')
        .forEach((line) => print(`${indent}  ${line}`)),
    actor: (name, url, { id, secret }, staff) => ({
      name,
      session: openSession({ url, clientId: id, clientSecret: secret, actor: staff }),
    }),
    person: (name, url, { id, secret }, customerId) => ({
      name,
      session: openSession({ url, clientId: id, clientSecret: secret, customerId }),
    }),
    ask: (who, call, body, expected) => send(who, call, body === undefined ? {} : jsonOf(body), expected),
    upload: (who, call, { bytes, type }, expected) =>
      send(who, call, { body: bytes, headers: { 'content-type': type } }, expected),
  };

  async function send(...[who, call, sending, expected]: Sent): Promise<Asked> {
    const [method = '', path = ''] = call.split(' ');
    const answer = await who.session.send(method, path, sending);
    const given = ((await answer.json().catch(() => ({}))) ?? {}) as Json;
    const [status, code] = typeof expected === 'number' ? [expected, undefined] : expected;
    const what = `${who.name}  ${method} ${short(path)}  →  ${answer.status}${typeof given['code'] === 'string' ? ` ${given['code']}` : ''}`;
    say(what);
    if (answer.status !== status || (code !== undefined && given['code'] !== code)) {
      throw new ServiceFault('software', `unexpected answer: expected ${status} ${code ?? ''}\n${what}`);
    }
    return { status: answer.status, body: given };
  }
}

type Expected = Parameters<Stage['ask']>[3];
type Sent = [who: Actor, call: string, sending: Parameters<Session['send']>[2], expected: Expected];

function jsonOf(body: unknown) {
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}

/** Ids by their ends: whole ones make a line too long to read. */
function short(path: string): string {
  return path.replace(/[0-9a-f]{8}-[0-9a-f-]{22}([0-9a-f]{5})/g, '…$1');
}

/** A member that has to be there. */
export function textOf(body: Json, member: string): string {
  const value = body[member];
  if (typeof value !== 'string') throw new ServiceFault('software', `unexpected answer: no ${member}`);
  return value;
}

interface Shown {
  readonly state: string;
  readonly value?: unknown;
  readonly reason?: string;
}

/** The fields of a customer as one reader saw them: name, state, reason, value. */
export function shownFields(body: Json): string[][] {
  const row = (name: string, shown: Shown): string[] => [name, shown.state, shown.reason ?? '', readable(shown.value)];
  const fields = Object.entries((body['fields'] ?? {}) as Record<string, Shown>);
  const phones = (body['phones'] ?? []) as { kind: string; number: Shown }[];
  const places = (body['addresses'] ?? []) as { address?: Shown; postalCode?: Shown }[];
  return [
    ...fields.map(([name, shown]) => row(name, shown)),
    ...phones.map((phone) => row(phone.kind, phone.number)),
    ...places.flatMap(({ address, postalCode }) => [
      ...(address === undefined ? [] : [row('address', address)]),
      ...(postalCode === undefined ? [] : [row('postalCode', postalCode)]),
    ]),
  ];
}

/** A value in one line; an address by its parts, in the order a person writes them. */
export function readable(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return value === undefined ? '' : JSON.stringify(value);
  const parts = new Map(Object.entries(value));
  const known = addressParts.flatMap((part) => (parts.has(part) ? [String(parts.get(part))] : []));
  return (known.length > 0 ? known : [...parts.values()].map(String)).join('، ');
}
