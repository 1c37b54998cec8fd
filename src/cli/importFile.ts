import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { foldIdentifier } from '../formats/identifier.ts';
import { UsageFault } from './command.ts';
import { columnsOf, customerOfRow } from './customerColumns.ts';

/** One person of a file: the number of its line there (from 1), and the bytes that are sent. */
export interface ImportedLine {
  readonly line: number;
  readonly bytes: Buffer;
  /** Bytes of the file read so far, for the progress bar. */
  readonly read: number;
}

export interface ImportOptions {
  readonly path: string;
  readonly mapped: readonly string[];
  /** Between the cells of a CSV file. */
  readonly delimiter: string;
  readonly padNationalIds: boolean;
}

const largestRecord = 256 * 1024;

export function isCsv(path: string): boolean {
  return /\.csv$/i.test(path);
}

/** The lines of an NDJSON or a CSV file. Throws `UsageFault` for a file that is no CSV. */
export function readImport(options: ImportOptions): AsyncGenerator<ImportedLine> {
  return isCsv(options.path) ? readCsv(options) : readNdjson(options);
}

/** Empty lines count and are left out, as the vault counts them. */
async function* readNdjson({ path, padNationalIds }: ImportOptions): AsyncGenerator<ImportedLine> {
  let line = 0;
  let read = 0;
  let rest: Buffer = Buffer.alloc(0);
  const lineOf = (bytes: Buffer): ImportedLine[] => {
    line += 1;
    const isEmpty = bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
    return isEmpty ? [] : [{ line, bytes: padNationalIds ? paddedLine(bytes) : bytes, read }];
  };
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let from = 0;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a, from)) {
      read += end + 1 - from;
      yield* lineOf(rest.subarray(from, end));
      from = end + 1;
    }
    rest = rest.subarray(from);
  }
  read += rest.length;
  if (rest.length > 0) yield* lineOf(rest);
}

/** The same bytes unless there is a zero to put back. */
function paddedLine(bytes: Buffer): Buffer {
  try {
    const customer = JSON.parse(bytes.toString('utf8')) as { fields?: { nationalId?: unknown } };
    const given = customer.fields?.nationalId;
    if (typeof given !== 'string' || paddedId(given) === given) return bytes;
    return Buffer.from(JSON.stringify({ ...customer, fields: { ...customer.fields, nationalId: paddedId(given) } }));
  } catch {
    // The vault says what is wrong with the line.
    return bytes;
  }
}

/** A spreadsheet takes the number for one and drops its leading zeros: eight or nine digits get them back. */
function paddedId(text: string): string {
  const digits = foldIdentifier(text);
  return /^\d{8,9}$/.test(digits) ? digits.padStart(10, '0') : text;
}

interface CsvRecord {
  readonly record: readonly string[];
  /** As it stands in the file, with empty lines before it. */
  readonly raw: string;
  /** Bytes of the file up to the end of this record. */
  readonly info: { readonly bytes: number };
}

const lineEnd = /\r\n|\n|\r/g;
const linesIn = (text: string): number => text.match(lineEnd)?.length ?? 0;

async function* readCsv(options: ImportOptions): AsyncGenerator<ImportedLine> {
  let columns: readonly (string | undefined)[] | undefined;
  let ended = 0;
  for await (const { record, raw, info } of recordsOf(options)) {
    // The line that an editor shows; the parser's own count is off where a cell holds a line end.
    const line = ended + linesIn(/^[\r\n]*/.exec(raw)?.[0] ?? '') + 1;
    ended += linesIn(raw);
    if (columns === undefined) {
      columns = columnsOf(record, options.mapped);
      continue;
    }
    const id = columns.indexOf('nationalId');
    const cells = options.padNationalIds ? record.map((cell, i) => (i === id ? paddedId(cell) : cell)) : record;
    yield { line, bytes: Buffer.from(JSON.stringify(customerOfRow(columns, cells))), read: info.bytes };
  }
}

async function* recordsOf({ path, delimiter }: ImportOptions): AsyncGenerator<CsvRecord> {
  const parser = parse({
    bom: true,
    delimiter,
    info: true,
    raw: true,
    skip_empty_lines: true,
    max_record_size: largestRecord,
  });
  const text = Readable.from(decodedText(path));
  text.on('error', (error) => parser.destroy(error));
  try {
    yield* text.pipe(parser) as AsyncIterable<CsvRecord>;
  } catch (error) {
    // Its message repeats what stands in the file.
    if (error instanceof CsvError) throw new UsageFault(`line ${String(error['lines'])} is no CSV (${error.code})`);
    throw error;
  }
}

/** Bytes that are no UTF-8 are refused: silently replaced, they would be stored as somebody's name. */
async function* decodedText(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    for await (const piece of createReadStream(path) as AsyncIterable<Buffer>)
      yield decoder.decode(piece, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw new UsageFault(`${path} is not UTF-8; save it as "CSV UTF-8"`);
    throw error;
  }
}
