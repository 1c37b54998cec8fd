#!/usr/bin/env node
import { ConfigFault } from '../config.ts';
import { DatabaseRefusal } from '../db/database.ts';
import { EmbeddedFault } from '../db/embeddedFault.ts';
import { DbFault } from '../db/fault.ts';
import { MigrationFault } from '../db/migrationFault.ts';
import { VaultError } from '../errors.ts';
import { KeyFault } from '../keys/folder.ts';
import { ServiceFault } from './service.ts';
import { columns, exit, exitCodes, output, parseCommand, usageOf, UsageFault, type Command } from './command.ts';
import type { Exit } from './command.ts';
import { commands } from './commands.ts';

/** What each fault means to a shell. Messages of these classes are written for the operator and hold no data. */
function exitOf(error: unknown): Exit {
  if (error instanceof UsageFault) return exit.usage;
  if (error instanceof ServiceFault) return exit[error.kind];
  if (error instanceof EmbeddedFault) return error.code === 'folder_in_use' ? exit.busy : exit.config;
  if (error instanceof MigrationFault && error.code === 'unreachable') return exit.unavailable;
  const config = [ConfigFault, KeyFault, MigrationFault, DatabaseRefusal];
  if (config.some((kind) => error instanceof kind)) return exit.config;
  if (error instanceof VaultError) return vaultExit(error);
  if (error instanceof DbFault) return error.kind === 'unavailable' ? exit.unavailable : exit.software;
  return exit.software;
}

function vaultExit(error: VaultError): Exit {
  if (error.status < 500) return exit.usage;
  return error.status === 503 ? exit.unavailable : exit.software;
}

function overview(listed: readonly Command[]): string {
  return [
    'amanat <command> [options]',
    columns(listed.map((c) => [c.name, c.summary])),
    'amanat <command> --help tells more. Settings come from the environment, as for the service (docs/operations.md).',
    `Exit codes\n${exitCodes('looked, and found something wrong')}`,
  ].join('\n\n');
}

/** The longest name that the call begins with, and what comes after it. */
function find(argv: readonly string[]): { command: Command; rest: readonly string[] } | undefined {
  const fits = commands.filter((c) => c.name.split(' ').every((word, i) => argv[i] === word));
  const [command] = fits.toSorted((a, b) => b.name.length - a.name.length);
  return command === undefined ? undefined : { command, rest: argv.slice(command.name.split(' ').length) };
}

const helps = new Set(['--help', '-h', 'help']);

async function run(argv: readonly string[]): Promise<Exit> {
  const out = output(argv.includes('--json'));
  const people = output(false);
  const found = find(argv);
  if (found === undefined) {
    const group = commands.filter((c) => c.name.startsWith(`${argv[0] ?? ''} `));
    const asked = argv.length === 0 || helps.has(argv[0] ?? '') || (group.length > 0 && helps.has(argv[1] ?? ''));
    const text = overview(group.length > 0 ? group : commands);
    (asked ? people.line : people.complain)(asked ? text : `amanat: no such command\n\n${text}`);
    return asked ? exit.ok : exit.usage;
  }
  try {
    const args = parseCommand(found.command, found.rest);
    if (args.flag('help')) {
      people.line(usageOf(found.command));
      return exit.ok;
    }
    return await found.command.run(args, out);
  } catch (error) {
    out.complain(`amanat ${found.command.name}: ${messageOf(error)}`);
    if (error instanceof UsageFault) out.complain(`Try: amanat ${found.command.name} --help`);
    return exitOf(error);
  }
}

/** Only messages known to hold no data are printed. */
function messageOf(error: unknown): string {
  if (error instanceof VaultError)
    return [error.code, ...error.faults.map((f) => `${f.pointer} ${f.code}`)].join('\n  ');
  if (error instanceof DbFault) return `the database answered: ${error.message}`;
  const known = [UsageFault, ServiceFault, ConfigFault, KeyFault, MigrationFault, DatabaseRefusal, EmbeddedFault];
  if (error instanceof Error && known.some((kind) => error instanceof kind)) return error.message;
  return error instanceof Error ? `unexpected ${error.name}` : 'unexpected fault';
}

process.exitCode = await run(process.argv.slice(2));
