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
 * Parse and Describe go out once for each name and connection when statements are prepared, always otherwise.
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
  columns: readonly Column[];
  rows: Record<string, unknown>[];
}

interface Parsed {
  readonly text: string;
  readonly columns: readonly Column[];
}

/** What one connection has parsed. `doubtful` names may or may not exist there: they are closed before they are parsed. */
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
    this.#steps = statements.map((one) => ({ statement: one, values: wireValues(one), columns: [], rows: [] }));
    this.#prepare = prepare;
    this.#settle = settle;
  }

  submit(connection: unknown): Error | null {
    const wire = connection as Wire;
    const known = bookkeeping(wire);
    const taken = this.#prepare ? takenName(known, this.#steps) : undefined;
    if (taken !== undefined) return new DbFault('broken', { statement: taken });
    // Corked, so that the whole batch leaves as one write.
    wire.stream.cork();
    try {
      const sent = new Set<string>();
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
    step.columns = message.fields.map((field) => ({ name: field.name, parse: columnParser(field.dataTypeID) }));
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
    const fault = dbFault(error, this.#steps[this.#current]?.statement.name);
    const known = bookkeeping(connection as Wire);
    for (const { statement } of this.#steps) {
      if (known.parsed.has(statement.name) && !isStalePlan(fault.sqlstate)) continue;
      known.parsed.delete(statement.name);
      known.doubtful.add(statement.name);
    }
    this.#tell({ fault, connectionLost: losesConnection(error) });
  }

  /** The transaction is committed when this comes without an error before it. */
  handleReadyForQuery(connection: unknown): void {
    const { parsed, doubtful } = bookkeeping(connection as Wire);
    if (this.#prepare) {
      for (const { statement, columns } of this.#steps) {
        if (parsed.has(statement.name)) continue;
        parsed.set(statement.name, { text: statement.text, columns });
        doubtful.delete(statement.name);
      }
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

function sendPrepared(wire: Wire, step: Step, known: Bookkeeping, sent: Set<string>): void {
  const { name, text } = step.statement;
  const parsed = known.parsed.get(name);
  if (parsed === undefined && !sent.has(name)) {
    if (known.doubtful.has(name)) wire.close({ type: 'S', name });
    wire.parse({ name, text });
    sent.add(name);
  }
  wire.bind({ statement: name, values: step.values });
  if (parsed === undefined) wire.describe({ type: 'P', name: '' });
  else step.columns = parsed.columns;
  wire.execute({});
}

/** Nothing stays behind on the server: what a pooler in transaction mode needs. */
function sendOnce(wire: Wire, step: Step): void {
  wire.parse({ name: '', text: step.statement.text });
  wire.bind({ statement: '', values: step.values });
  wire.describe({ type: 'P', name: '' });
  wire.execute({});
}

/** One name for two texts is a mistake in our own code; sending it would run the wrong statement. */
function takenName(known: Bookkeeping, steps: readonly Step[]): string | undefined {
  const texts = new Map<string, string>();
  for (const { statement } of steps) {
    const text = known.parsed.get(statement.name)?.text ?? texts.get(statement.name);
    if (text !== undefined && text !== statement.text) return statement.name;
    texts.set(statement.name, statement.text);
  }
  return undefined;
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
  if (values.length > mostValues || name === '' || name.length > 63) throw new DbFault('broken', { statement: name });
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
