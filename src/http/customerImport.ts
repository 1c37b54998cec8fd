import { refuse, VaultError } from '../errors.ts';
import { parseStrictJson } from '../formats/json.ts';
import type { Act } from '../vault/act.ts';
import { recordRefusal } from '../vault/audit.ts';
import type { Caller } from '../vault/caller.ts';
import type { BatchItem } from '../vault/customerBatch.ts';
import { importBatch, importLines, type ImportLine } from '../vault/customerImport.ts';
import { permit } from '../vault/permit.ts';
import type { Vault } from '../vault/vault.ts';
import type { StreamAnswer } from './respond.ts';
import type { Incoming } from './route.ts';

/**
 * Answers an import line by line while it arrives: one JSON line for each, in order, `{ line, status, … }`. Lines are
 * numbered from `?firstLine=` (1), empty ones count and are left out. A fault of the stream itself ends it with one line
 * `{ "code": … }`; what was answered before it stands.
 */
export async function importAnswers(
  vault: Vault,
  caller: Caller,
  act: Act,
  request: Incoming<Caller, 'lines', 'firstLine'>,
  itemOf: (value: unknown) => BatchItem,
): Promise<StreamAnswer> {
  permit(caller, 'customers.import');
  const stream = results(vault, caller, act, request.body, firstLine(request.query.firstLine), itemOf);
  // The first batch is worked on before the head is sent, so that a refusal of the whole still has its own status.
  const first = await stream.next();
  return { status: 200, type: 'application/x-ndjson', stream: continued(first, stream) };
}

function firstLine(text: string | undefined): number {
  if (text === undefined) return 1;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw refuse('invalid_query', '?firstLine', 'format');
  return Number(text);
}

async function* continued(first: IteratorResult<string>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

async function* results(
  vault: Vault,
  caller: Caller,
  act: Act,
  lines: AsyncIterable<Buffer>,
  start: number,
  itemOf: (value: unknown) => BatchItem,
): AsyncGenerator<string> {
  let answered = false;
  try {
    for await (const batch of batches(lines, start, itemOf)) {
      const done = await importLines(vault, caller, act, batch);
      answered = true;
      yield done.map((result) => `${JSON.stringify(result)}\n`).join('');
    }
  } catch (error) {
    if (!answered || !(error instanceof VaultError)) throw error;
    await recordRefusal(vault, caller, act, error.code);
    yield `${JSON.stringify({ code: error.code })}\n`;
  }
}

async function* batches(
  lines: AsyncIterable<Buffer>,
  start: number,
  itemOf: (value: unknown) => BatchItem,
): AsyncGenerator<ImportLine[]> {
  let batch: ImportLine[] = [];
  let line = start - 1;
  for await (const bytes of lines) {
    line += 1;
    if (bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)) continue;
    const own = Buffer.from(bytes);
    batch.push({ line, bytes: own, item: () => parse(own, itemOf) });
    if (batch.length < importBatch) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function parse(bytes: Buffer, itemOf: (value: unknown) => BatchItem): BatchItem {
  try {
    return itemOf(parseStrictJson(bytes));
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw error;
  }
}
