import { parseArgs, type ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;

/** Exit codes (sysexits.h where one fits). */
export const exit = { ok: 0, found: 1, usage: 64, unavailable: 69, software: 70, busy: 75, config: 78 } as const;
export type Exit = (typeof exit)[keyof typeof exit];

/** What each exit code means, for `--help`; a command says itself what it finds. */
const meanings: Readonly<Record<Exclude<Exit, 1>, string>> = {
  [exit.ok]: 'done',
  [exit.usage]: 'the call itself is wrong: nothing was done',
  [exit.unavailable]: 'the database or the service cannot be reached, or gave up on the way',
  [exit.software]: 'something unexpected',
  [exit.busy]: 'another process holds the data folder, or is at the same work',
  [exit.config]: 'settings, folders, keys, credentials or schema are not acceptable',
};

/** One verb of the operator's command, as `amanat --help` lists it. What does the work is loaded when it is called. */
export interface Listed {
  /** `profile check`. */
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export interface Command {
  /** Words after the name, for the usage line. */
  readonly words: string;
  readonly options: Options;
  /** What each option means, in the order of `--help`. */
  readonly help: Readonly<Record<string, string>>;
  /** What exit code 1 means, where the command can find something wrong. */
  readonly found?: string;
  /** Lines that `--help` ends with: formats, examples. */
  readonly more?: readonly string[];
  readonly run: (args: Arguments, out: Output) => Promise<Exit>;
}

export interface Arguments {
  readonly words: readonly string[];
  readonly text: (option: string) => string | undefined;
  /** Every value of an option that may be repeated. */
  readonly list: (option: string) => readonly string[];
  readonly flag: (option: string) => boolean;
}

export interface Output {
  /** `--json`: one JSON document, nothing else on stdout. */
  readonly json: boolean;
  readonly line: (text: string) => void;
  /** The command's result: printed as JSON, or by the second argument. */
  readonly result: (value: unknown, readable: () => string) => void;
  /** To stderr. */
  readonly complain: (text: string) => void;
}

/** A fault of the call itself: exit 64 and one line that says what to type. */
export class UsageFault extends Error {}

const common: Options = { help: { type: 'boolean', short: 'h' }, json: { type: 'boolean' } };

export function parseCommand(command: Command, argv: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { ...common, ...command.options },
      allowPositionals: true,
      strict: true,
    });
    const value = (option: string): unknown => (values as Record<string, unknown>)[option];
    return {
      words: positionals,
      text: (option) => (typeof value(option) === 'string' ? String(value(option)) : undefined),
      list: (option) => (Array.isArray(value(option)) ? (value(option) as string[]) : []),
      flag: (option) => value(option) === true,
    };
  } catch (error) {
    throw new UsageFault(error instanceof Error ? (error.message.split('. ')[0] ?? '') : 'unusable arguments');
  }
}

export function usageOf({ name, summary }: Listed, command: Command): string {
  const options = { ...command.help, json: 'print the result as JSON', help: 'this text' };
  const sections = [
    `amanat ${name} ${command.words}`.trimEnd(),
    summary,
    columns(Object.entries(options).map(([option, meaning]) => [`--${option}`, meaning])),
    ...(command.more === undefined ? [] : [command.more.join('\n')]),
    `Exit codes\n${exitCodes(command.found)}`,
  ];
  return sections.join('\n\n');
}

/** Every exit code and its meaning, one a line. */
export function exitCodes(found: string | undefined): string {
  const rows: [string, string][] = Object.entries(meanings).map(([code, meaning]) => [code, meaning]);
  if (found !== undefined) rows.splice(1, 0, [String(exit.found), found]);
  return columns(rows);
}

const lineLength = 120;

/** Two columns, indented; the second goes on below itself. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .map(([name, meaning]) => {
      const lines = wrapped(meaning.split(' '), lineLength - width - 4).join(`\n${' '.repeat(width + 4)}`);
      return `  ${name.padEnd(width)}  ${lines}`;
    })
    .join('\n');
}

/** Words in lines of at most so many characters. */
export function wrapped(words: readonly string[], most: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

/** The one word a command takes. Throws `UsageFault`. */
export function onlyWord(args: Arguments, what: string): string {
  const [word, ...more] = args.words;
  if (word === undefined || more.length > 0) throw new UsageFault(`give one ${what}`);
  return word;
}

/** Throws `UsageFault` for words after the name of a command that takes none. */
export function noWords(args: Arguments): void {
  if (args.words.length > 0) throw new UsageFault('takes options only');
}

/** Throws `UsageFault` when the option is missing. */
export function required(args: Arguments, option: string): string {
  const value = args.text(option);
  if (value === undefined || value === '') throw new UsageFault(`--${option} is missing`);
  return value;
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

export function output(json: boolean): Output {
  return {
    json,
    line: (text) => (json ? undefined : print(text)),
    result: (value, readable) => print(json ? JSON.stringify(value) : readable()),
    complain: (text) => void process.stderr.write(`${text}\n`),
  };
}
