import { createHash } from 'node:crypto';
import type pg from 'pg';
import { columnParser, type TypeOid } from './columns.ts';
import { DbFault, dbFault, isStalePlan, losesConnection } from './fault.ts';
import { parameter } from './parameters.ts';
import type { Statement } from './statement.ts';

/**
 * Several statements as one implicit transaction in one round trip (PostgreSQL, 54.2.3 Extended Query, 54.2.4 Pipelining):
 *
 *   statement | Close S? | Parse? | Bind | Describe P? | Execute
 *   …         |
 *   end       | Sync        the server commits here, or has rolled everything back at the first error
 *
 * Parse and Describe go out once for each text and connection when statements are prepared, always otherwise.
 */

/** The part of pg's connection that a query object is given (pg 8, lib/connection.js). */
interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: readonly unknown[] }): void;
  describe(message: { type: 'P'; name: string }): void;
  execute(message: object): void;
  close(message: { type: 'S'; name: string }): void;
  sync(): void;
}

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

interface Step {
  readonly statement: Statement;
  readonly values: readonly unknown[];
  /** Its name on the server; empty when it is not prepared, or not sent yet. */
  handle: string;
  columns: readonly Column[];
  rows: Record<string, unknown>[];
}

interface Parsed {
  readonly handle: string;
  readonly columns: readonly Column[];
}

/** What one connection has parsed, by text. `doubtful` handles may or may not exist there: they are closed first. */
interface Bookkeeping {
  readonly parsed: Map<string, Parsed>;
  readonly doubtful: Set<string>;
}

export type BatchOutcome =
  { readonly rows: readonly (readonly unknown[])[] } | { readonly fault: DbFault; readonly connectionLost: boolean };

/** Told exactly once, and with rows only after the commit. */
export type Settle = (outcome: BatchOutcome) => void;

const bookkeepings = new WeakMap<object, Bookkeeping>();
/** Bind counts its parameters in 16 bits. */
const mostValues = 65_535;

/** A query object for pg's `client.query`. Throws `DbFault` broken, before anything is sent, for values that do not go. */
export class Batch implements pg.Submittable {
  readonly #steps: readonly Step[];
  readonly #prepare: boolean;
  readonly #settle: Settle;
  #current = 0;
  #unreadable: DbFault | undefined;
  #settled = false;

  constructor(statements: readonly Statement[], prepare: boolean, settle: Settle) {
    this.#steps = statements.map((one) => ({
      statement: one,
      values: wireValues(one),
      handle: '',
      columns: [],
      rows: [],
    }));
    this.#prepare = prepare;
    this.#settle = settle;
  }

  submit(connection: unknown): Error | null {
    const wire = connection as Wire;
    const known = bookkeeping(wire);
    // Corked, so that the whole batch leaves as one write.
    wire.stream.cork();
    try {
      const sent = new Map<string, string>();
      for (const step of this.#steps) {
        if (this.#prepare) sendPrepared(wire, step, known, sent);
        else sendOnce(wire, step);
      }
      wire.sync();
    } finally {
      wire.stream.uncork();
    }
    return null;
  }

  handleRowDescription(message: { fields: readonly { name: string; dataTypeID: TypeOid }[] }): void {
    const step = this.#steps[this.#current];
    if (step === undefined) return;
    const { readAs } = step.statement;
    step.columns = message.fields.map(({ name, dataTypeID }) => ({
      name,
      parse: readAs?.[name] ?? columnParser(dataTypeID),
    }));
  }

  handleDataRow(message: { fields: readonly (string | null)[] }): void {
    const step = this.#steps[this.#current];
    if (step === undefined || this.#unreadable !== undefined) return;
    try {
      step.rows.push(readRow(step.columns, message.fields));
    } catch {
      this.#unreadable = new DbFault('broken', { statement: step.statement.name });
    }
  }

  handleCommandComplete(): void {
    this.#current += 1;
  }

  handleEmptyQuery(): void {
    this.#current += 1;
  }

  /** Also how pg reports a lost connection. The server skips what is left of the batch up to its Sync. */
  handleError(error: unknown, connection: unknown): void {
    const fault = dbFault(error, this.#steps[this.#current]?.statement);
    const known = bookkeeping(connection as Wire);
    for (const { statement, handle } of this.#steps) {
      if (handle === '' || (known.parsed.has(statement.text) && !isStalePlan(fault.sqlstate))) continue;
      known.parsed.delete(statement.text);
      known.doubtful.add(handle);
    }
    this.#tell({ fault, connectionLost: losesConnection(error) });
  }

  /** The transaction is committed when this comes without an error before it. */
  handleReadyForQuery(connection: unknown): void {
    const { parsed, doubtful } = bookkeeping(connection as Wire);
    for (const { statement, handle, columns } of this.#steps) {
      if (handle === '' || parsed.has(statement.text)) continue;
      parsed.set(statement.text, { handle, columns });
      doubtful.delete(handle);
    }
    if (this.#unreadable === undefined) this.#tell({ rows: this.#steps.map((step) => step.rows) });
    else this.#tell({ fault: this.#unreadable, connectionLost: false });
  }

  /** No statement of ours copies; refusing keeps the connection in step. */
  handleCopyInResponse(connection: { sendCopyFail(reason: string): void }): void {
    connection.sendCopyFail('not used');
  }

  handleCopyData(): void {
    this.#unreadable ??= new DbFault('broken');
  }

  handlePortalSuspended(): void {
    this.#unreadable ??= new DbFault('broken');
  }

  #tell(outcome: BatchOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#settle(outcome);
  }
}

function sendPrepared(wire: Wire, step: Step, known: Bookkeeping, sent: Map<string, string>): void {
  const { name, text } = step.statement;
  const parsed = known.parsed.get(text);
  const handle = parsed?.handle ?? sent.get(text) ?? handleOf(name, text);
  step.handle = handle;
  if (parsed === undefined && !sent.has(text)) {
    if (known.doubtful.has(handle)) wire.close({ type: 'S', name: handle });
    wire.parse({ name: handle, text });
    sent.set(text, handle);
  }
  wire.bind({ statement: handle, values: step.values });
  if (parsed === undefined) wire.describe({ type: 'P', name: '' });
  else step.columns = parsed.columns;
  wire.execute({});
}

/** Differs with the text, so that no other statement, nor another version of the service, is run under this name. */
function handleOf(name: string, text: string): string {
  return `${name.slice(0, 46)}_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

/** Nothing stays behind on the server: what a pooler in transaction mode needs. */
function sendOnce(wire: Wire, step: Step): void {
  wire.parse({ name: '', text: step.statement.text });
  wire.bind({ statement: '', values: step.values });
  wire.describe({ type: 'P', name: '' });
  wire.execute({});
}

function bookkeeping(connection: Wire): Bookkeeping {
  const known = bookkeepings.get(connection);
  if (known !== undefined) return known;
  const made: Bookkeeping = { parsed: new Map(), doubtful: new Set() };
  bookkeepings.set(connection, made);
  return made;
}

function wireValues(statement: Statement): unknown[] {
  const { name, values } = statement;
  if (values.length > mostValues) throw new DbFault('broken', { statement: name });
  try {
    return values.map(parameter);
  } catch {
    throw new DbFault('broken', { statement: name });
  }
}

function readRow(columns: readonly Column[], fields: readonly (string | null)[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  columns.forEach((column, index) => {
    const field = fields[index];
    row[column.name] = field === null || field === undefined ? null : column.parse(field);
  });
  return row;
}
