#!/usr/bin/env node
import { ConfigFault } from '../config.ts';
import { DatabaseRefusal } from '../db/database.ts';
import { EmbeddedFault } from '../db/embeddedFault.ts';
import { DbFault } from '../db/fault.ts';
import { MigrationFault } from '../db/migrationFault.ts';
import { VaultError } from '../errors.ts';
import { KeyFault } from '../keys/folder.ts';
import { commands } from './commands.ts';
import { exit, output, parseCommand, usageOf, UsageFault, type Command, type Exit } from './command.ts';

/** What each fault means to a shell. Messages of these classes are written for the operator and hold no data. */
function exitOf(error: unknown): Exit {
  if (error instanceof UsageFault) return exit.usage;
  if (error instanceof EmbeddedFault) return error.code === 'folder_in_use' ? exit.busy : exit.config;
  const config = [ConfigFault, KeyFault, MigrationFault, DatabaseRefusal];
  if (config.some((kind) => error instanceof kind)) return exit.config;
  return error instanceof DbFault ? exit.unavailable : exit.software;
}

function overview(): string {
  const width = Math.max(...commands.map((c) => c.name.length));
  return [
    'amanat <command> [options]',
    '',
    ...commands.map((c) => `  ${c.name.padEnd(width)}  ${c.summary}`),
    '',
    'amanat <command> --help tells more. Settings come from the environment, as for the service (docs/operations.md).',
  ].join('\n');
}

function find(argv: readonly string[]): { command: Command; rest: readonly string[] } | undefined {
  const fits = commands.filter((c) => c.name.split(' ').every((word, i) => argv[i] === word));
  const [command] = fits.toSorted((a, b) => b.name.length - a.name.length);
  return command === undefined ? undefined : { command, rest: argv.slice(command.name.split(' ').length) };
}

async function run(argv: readonly string[]): Promise<Exit> {
  const out = output(argv.includes('--json'));
  const found = find(argv);
  if (found === undefined) {
    const asked = argv.length === 0 || argv[0] === '--help' || argv[0] === '-h' || argv[0] === 'help';
    (asked ? out.line : out.complain)(asked ? overview() : `amanat: no such command\n\n${overview()}`);
    return asked ? exit.ok : exit.usage;
  }
  try {
    const args = parseCommand(found.command, found.rest);
    if (args.flag('help')) {
      out.line(usageOf(found.command));
      return exit.ok;
    }
    return await found.command.run(args, out);
  } catch (error) {
    out.complain(`amanat ${found.command.name}: ${messageOf(error)}`);
    return exitOf(error);
  }
}

/** Only messages known to hold no data are printed. */
function messageOf(error: unknown): string {
  if (error instanceof VaultError)
    return [error.code, ...error.faults.map((f) => `${f.pointer} ${f.code}`)].join('\n  ');
  if (error instanceof DbFault) return `the database answered: ${error.message}`;
  const known = [UsageFault, ConfigFault, KeyFault, MigrationFault, DatabaseRefusal, EmbeddedFault];
  if (error instanceof Error && known.some((kind) => error instanceof kind)) return error.message;
  return error instanceof Error ? `unexpected ${error.name}` : 'unexpected fault';
}

process.exitCode = await run(process.argv.slice(2));
