import { parseArgs, type ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;

/** Exit codes (sysexits.h where one fits). */
export const exit = { ok: 0, found: 1, usage: 64, unavailable: 69, software: 70, busy: 75, config: 78 } as const;
export type Exit = (typeof exit)[keyof typeof exit];

/** One verb of the operator's command. */
export interface Command {
  /** `profile check`. */
  readonly name: string;
  readonly summary: string;
  /** Words after the name, for the usage line. */
  readonly words: string;
  readonly options: Options;
  /** What each option means, in the order of `--help`. */
  readonly help: Readonly<Record<string, string>>;
  readonly run: (args: Arguments, out: Output) => Promise<Exit>;
}

export interface Arguments {
  readonly words: readonly string[];
  readonly text: (option: string) => string | undefined;
  readonly flag: (option: string) => boolean;
}

export interface Output {
  /** `--json`: one JSON document, nothing else on stdout. */
  readonly json: boolean;
  line(text: string): void;
  /** The command's result: printed as JSON, or by the second argument. */
  result(value: unknown, readable: () => string): void;
  /** To stderr. */
  complain(text: string): void;
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
      flag: (option) => value(option) === true,
    };
  } catch (error) {
    throw new UsageFault(error instanceof Error ? (error.message.split('. ')[0] ?? '') : 'unusable arguments');
  }
}

export function usageOf(command: Command): string {
  const rows = Object.entries({ ...command.help, json: 'print the result as JSON', help: 'this text' });
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    `amanat ${command.name} ${command.words}`.trimEnd(),
    '',
    command.summary,
    '',
    ...rows.map(([name, meaning]) => `  --${name.padEnd(width)}  ${meaning}`),
  ].join('\n');
}

export function output(json: boolean): Output {
  const line = (text: string): void => void process.stdout.write(`${text}\n`);
  return {
    json,
    line: (text) => (json ? undefined : line(text)),
    result: (value, readable) => line(json ? JSON.stringify(value) : readable()),
    complain: (text) => void process.stderr.write(`${text}\n`),
  };
}
