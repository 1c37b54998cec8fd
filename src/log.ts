/**
 * The log: one JSON line per event, typed, from an allow-list. What may be written is named here, member by member, with
 * the form its value must have; anything else is dropped before it reaches pino. No body, parameter, header, URL, message
 * or stack is ever a member.
 */
import pino from 'pino';

/** What happened inside, without what it happened to. */
export interface FaultFields {
  readonly code: string;
  /** Name of the error's class. */
  readonly class?: string | undefined;
  readonly sqlstate?: string | undefined;
  /** Source file and line of our own that threw. */
  readonly where?: string | undefined;
  readonly requestId?: string | undefined;
}

/** An event of the outbox, by its kind and by ids; never the customer's, which beside an order's would say whom it is about. */
export interface RaisedFields {
  readonly code: string;
  readonly objectId: string;
  readonly legalOrderId?: string | undefined;
}

interface Scene {
  readonly worker?: number | undefined;
}

/** Every event and its members. */
export interface EventFields {
  starting: Scene & { readonly version?: string | undefined; readonly workers?: number | undefined };
  listening: Scene & { readonly url: string };
  started: Scene & { readonly ms: number };
  stopping: Scene & { readonly signal?: string | undefined };
  stopped: Scene & { readonly ms: number };
  request: {
    readonly requestId: string;
    readonly method: string;
    /** The declared pattern, never the URL; absent when no route matched. */
    readonly route?: string | undefined;
    readonly status: number;
    readonly ms: number;
    readonly clientId?: string | undefined;
    readonly code?: string | undefined;
    /** The connection ended before the answer did. */
    readonly cut?: true | undefined;
  };
  /** What came in was no HTTP request. */
  connection_refused: { readonly requestId: string; readonly status: number; readonly code: string };
  audit_unavailable: FaultFields;
  database_unavailable: FaultFields;
  refusal_unrecorded: FaultFields;
  integrity_failure: FaultFields;
  fault: FaultFields;
  event_raised: RaisedFields;
  /** One that cannot wait for somebody to look. */
  alarm_raised: RaisedFields;
  embedded_postgres: { readonly code: string; readonly ms?: number | undefined };
  migrated: { readonly count: number; readonly ms: number };
  profile_contradiction: { readonly profile: string; readonly code: string; readonly clause?: string | undefined };
  /** The keys left the memory of this process, or came back. */
  seal: Scene & { readonly code: string };
  warning: { readonly code: string; readonly where?: string | undefined };
}
export type EventName = keyof EventFields;

type Member = { [N in EventName]: keyof EventFields[N] }[EventName];
type Form = RegExp | 'number' | 'true';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The form a member's value must have; a value of another form is written as `?`. */
const forms: Readonly<Record<Member, Form>> = {
  requestId: uuid,
  clientId: uuid,
  objectId: uuid,
  legalOrderId: uuid,
  method: /^[A-Z-]{3,20}$/,
  route: /^\/[a-z0-9A-Z:/._{}*-]{0,120}$/,
  code: /^[A-Za-z][A-Za-z0-9_.-]{0,59}$|^[0-9A-Z]{5}$/,
  class: /^[A-Za-z]{1,60}$/,
  sqlstate: /^[0-9A-Z]{5}$/,
  where: /^[A-Za-z][\w./-]{0,120}(?::\d{1,6})?$/,
  url: /^https?:\/\/[\w.:[\]-]{1,255}$/,
  signal: /^SIG[A-Z0-9]{1,12}$/,
  version: /^\d[\w.+-]{0,40}$/,
  profile: /^[a-z][a-z0-9_-]{0,60}$/,
  clause: /^[A-Za-z0-9][\w.-]{0,60}$/,
  status: 'number',
  ms: 'number',
  count: 'number',
  worker: 'number',
  workers: 'number',
  cut: 'true',
};

type Level = 'info' | 'warn' | 'error';
const inside = ['code', 'class', 'sqlstate', 'where', 'requestId'] as const;
const raised = ['code', 'objectId', 'legalOrderId'] as const;
const events: {
  readonly [N in EventName]: { readonly level: Level; readonly members: readonly (keyof EventFields[N])[] };
} = {
  starting: { level: 'info', members: ['version', 'workers', 'worker'] },
  listening: { level: 'info', members: ['url', 'worker'] },
  started: { level: 'info', members: ['ms', 'worker'] },
  stopping: { level: 'info', members: ['signal', 'worker'] },
  stopped: { level: 'info', members: ['ms', 'worker'] },
  request: {
    level: 'info',
    members: ['requestId', 'method', 'route', 'status', 'ms', 'clientId', 'code', 'cut'],
  },
  connection_refused: { level: 'info', members: ['requestId', 'status', 'code'] },
  audit_unavailable: { level: 'error', members: inside },
  database_unavailable: { level: 'error', members: inside },
  refusal_unrecorded: { level: 'error', members: inside },
  integrity_failure: { level: 'error', members: inside },
  fault: { level: 'error', members: inside },
  event_raised: { level: 'info', members: raised },
  alarm_raised: { level: 'warn', members: raised },
  embedded_postgres: { level: 'info', members: ['code', 'ms'] },
  migrated: { level: 'info', members: ['count', 'ms'] },
  profile_contradiction: { level: 'warn', members: ['profile', 'code', 'clause'] },
  seal: { level: 'warn', members: ['code', 'worker'] },
  warning: { level: 'warn', members: ['code', 'where'] },
};

export interface Log {
  event<N extends EventName>(name: N, fields: EventFields[N]): void;
  /** Writes out what is still buffered; call it last. */
  flush(): void;
}

export interface LogOptions {
  /** `silent` writes nothing. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where lines go; standard output when absent. */
  readonly destination?: { write(line: string): void };
}

// Asynchronous, so that a slow reader of stdout does not stop the service. Whole lines, at most 4,096 bytes at once, which
// a pipe takes undivided (PIPE_BUF), so that the lines of several processes do not tear each other.
const standardOutput = { fd: 1, sync: false, minLength: 3072, maxWrite: 4096, periodicFlush: 100 };
/** Bytes that a stalled reader may hold up; later lines are dropped. */
const mostBuffered = 8 * 1024 * 1024;

export function createLog({ level, destination }: LogOptions): Log {
  const stdout =
    destination === undefined ? pino.destination({ ...standardOutput, maxLength: mostBuffered }) : undefined;
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: levelName } };
  const logger = stdout === undefined ? pino(options, destination) : pino(options, stdout);
  return {
    event(name, fields) {
      const rule = events[name];
      if (!logger.isLevelEnabled(rule.level)) return;
      logger[rule.level](lineOf(name, rule.members as readonly Member[], fields as Fields));
      // Requests may wait a tenth of a second for company, everything else is news.
      if (name !== 'request') stdout?.flush();
    },
    flush: () => stdout?.flushSync(),
  };
}

type Fields = Readonly<Partial<Record<Member, unknown>>>;

const levelName = (label: string): { level: string } => ({ level: label });

function lineOf(name: EventName, members: readonly Member[], fields: Fields): Record<string, unknown> {
  const line: Record<string, unknown> = { event: name };
  for (const member of members) {
    const value = fields[member];
    if (value !== undefined) line[member] = fits(forms[member], value) ? value : '?';
  }
  return line;
}

function fits(form: Form, value: unknown): boolean {
  if (form === 'number') return typeof value === 'number';
  if (form === 'true') return value === true;
  return typeof value === 'string' && form.test(value);
}

/** What may be said of an error that is none of ours: its class, a code of PostgreSQL's or Node's, and where it rose. */
export function faultOf(error: unknown, code = 'internal'): FaultFields {
  if (!(error instanceof Error)) return { code, class: 'NotAnError' };
  const { sqlstate, code: own } = error as { sqlstate?: unknown; code?: unknown };
  const state = [sqlstate, own].find((c): c is string => typeof c === 'string' && /^[0-9A-Z]{5}$/.test(c));
  const system = typeof own === 'string' && /^E[A-Z_]{2,40}$/.test(own) ? own : code;
  return { code: system, class: error.constructor.name, sqlstate: state, where: whereOf(error) };
}

/** The first frame in a file of ours. The message may hold anything, so only what follows it is looked at. */
function whereOf(error: Error): string | undefined {
  const stack = error.stack ?? '';
  const at = stack.indexOf(error.message);
  if (at < 0) return undefined;
  return /\n\s+at [^\n]*?\/(?:src|dist)\/([\w./-]+:\d+):\d+\)?/.exec(stack.slice(at + error.message.length))?.[1];
}
