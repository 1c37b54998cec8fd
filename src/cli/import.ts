import { open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { amountOf } from '../amount.ts';
import { exit, onlyWord, required, UsageFault, wrapped, type Arguments, type Command, type Output } from './command.ts';
import { columnNames } from './customerColumns.ts';
import { isCsv, readImport, type ImportOptions } from './importFile.ts';
import { parcelsOf, sendParcel, type LineResult } from './importSending.ts';
import { resumeKeyFor, stateFile } from './importState.ts';
import { progress } from './progress.ts';
import { openSession, serviceUrl, type Session } from './service.ts';
import { table } from './table.ts';

const localUrl = 'http://127.0.0.1:8787';
const resultsFile = (path: string): string => `${path}.results.ndjson`;

export const importCustomers: Command = {
  words: '<file.ndjson | file.csv>',
  options: {
    url: { type: 'string' },
    'client-id': { type: 'string' },
    'client-secret-file': { type: 'string' },
    'pad-national-ids': { type: 'boolean' },
    'resume-key': { type: 'string' },
    map: { type: 'string', multiple: true },
    delimiter: { type: 'string' },
  },
  help: {
    url: `the vault (${localUrl})`,
    'client-id': 'a client with the role shop_backend',
    'client-secret-file': 'file that holds its secret; without it, the variable AMANAT_CLIENT_SECRET',
    'pad-national-ids': 'put back the leading zeros that a spreadsheet took from 8 or 9 digits',
    'resume-key': 'go on with the import of this key instead of the one kept beside the file',
    map: 'CSV: column=field for a column of another name, column= to leave it out; may be repeated',
    delimiter: 'CSV: what stands between the cells (,)',
  },
  found: 'lines were refused; the others are stored',
  more: [
    'NDJSON: each line is a body of POST /v1/customers. CSV: UTF-8, the first line names the columns, which are',
    ...indented(columnNames.filter((name) => !/[2345]/.test(name))),
    '  mobile2 … mobile5, landline2 … landline5, address2.city … address5.lng for further phones and addresses.',
    '',
    'Writes <file>.import.json (the key under which a broken import goes on: run the same command again within 23 hours;',
    'lines that were refused may be mended in the file and are stored then) and <file>.results.ndjson (what became of each',
    'line, by its number, without personal data). Both have mode 0600.',
  ],
  async run(args, out) {
    const path = onlyWord(args, 'file');
    const size = (await stat(path).catch(() => undefined))?.size;
    if (size === undefined) throw new UsageFault(`${path} cannot be read`);
    const options = {
      path,
      mapped: args.list('map'),
      delimiter: args.text('delimiter') ?? ',',
      padNationalIds: args.flag('pad-national-ids'),
    };
    if (options.mapped.length > 0 && !isCsv(path)) throw new UsageFault('--map is for CSV files');
    const session = openSession({
      url: serviceUrl(args.text('url') ?? localUrl),
      clientId: required(args, 'client-id'),
      clientSecret: await secretOf(args),
    });
    // Read to its end once, so that a file that is no CSV is refused before anything is sent.
    if (isCsv(path)) for await (const _ of readImport(options));
    const { key, resumed } = await resumeKeyFor(path, args.text('resume-key'));
    if (resumed) out.line(`Going on with the import ${key}.`);
    const outcome = await sendAll(session, key, options, size);
    report(out, path, key, outcome);
    return outcome.refused === 0 ? exit.ok : exit.found;
  },
};

function indented(words: readonly string[]): string[] {
  return wrapped(words, 110).map((line) => `  ${line}`);
}

async function secretOf(args: Arguments): Promise<string> {
  const file = args.text('client-secret-file');
  const secret =
    file === undefined ? process.env['AMANAT_CLIENT_SECRET'] : await readFile(file, 'utf8').catch(() => undefined);
  if (secret === undefined || secret.trim() === '') {
    throw new UsageFault(
      file === undefined ? 'give the secret by --client-secret-file or AMANAT_CLIENT_SECRET' : `${file} cannot be read`,
    );
  }
  return secret.trim();
}

interface Outcome {
  stored: number;
  refused: number;
  /** Reason and place, and how many lines. */
  readonly reasons: Map<string, number>;
}

/** The results file is begun with the first results: a run that does not get that far leaves the last one's. */
async function sendAll(session: Session, key: string, options: ImportOptions, size: number): Promise<Outcome> {
  const outcome: Outcome = { stored: 0, refused: 0, reasons: new Map() };
  const bar = progress();
  let results: FileHandle | undefined;
  try {
    for await (const parcel of parcelsOf(readImport(options))) {
      const answered = await sendParcel(session, key, parcel);
      results ??= await open(resultsFile(options.path), 'w', 0o600);
      await results.writeFile(answered.map((result) => `${JSON.stringify(result)}\n`).join(''));
      for (const result of answered) count(outcome, result);
      bar.at(
        (parcel.lines.at(-1)?.read ?? size) / Math.max(1, size),
        `${outcome.stored} stored, ${outcome.refused} refused`,
      );
    }
    return outcome;
  } finally {
    bar.end();
    await results?.close();
  }
}

function count(outcome: Outcome, { status, code, errors }: LineResult): void {
  if (status === 201) {
    outcome.stored += 1;
    return;
  }
  outcome.refused += 1;
  // Where a line is no JSON, its places say nothing that the code does not.
  const places = code === 'malformed_json' ? [] : (errors ?? []);
  const reasons = places.map((e) => `${e.code} ${e.pointer.replace(/\/\d+(?=\/|$)/g, '/…')}`);
  for (const reason of new Set(reasons.length === 0 ? [code ?? String(status)] : reasons)) {
    outcome.reasons.set(reason, (outcome.reasons.get(reason) ?? 0) + 1);
  }
}

function report(out: Output, path: string, resumeKey: string, { stored, refused, reasons }: Outcome): void {
  const sorted = [...reasons].sort((a, b) => b[1] - a[1]);
  const result = {
    lines: stored + refused,
    stored,
    refused,
    reasons: Object.fromEntries(sorted),
    resumeKey,
    results: resultsFile(path),
  };
  out.result(result, () =>
    [
      `${amountOf(stored + refused, 'line')}: ${stored} stored, ${refused} refused.`,
      ...(refused === 0
        ? []
        : [
            '',
            table(
              [],
              sorted.map(([reason, lines]) => [String(lines).padStart(6), reason]),
            ),
            '',
          ]),
      `Line by line: ${resultsFile(path)}`,
      ...(refused === 0
        ? []
        : [`Mend the lines in the file and run the same command again; the key is kept in ${stateFile(path)}.`]),
    ].join('\n'),
  );
}
