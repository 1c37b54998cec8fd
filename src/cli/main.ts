#!/usr/bin/env node
import { columns, exit, exitCodes, output, parseCommand, usageOf, UsageFault } from './command.ts';
import type { Exit, Listed } from './command.ts';
import { commands } from './commands.ts';

const helps = new Set(['--help', '-h', 'help']);

function overview(listed: readonly Listed[]): string {
  return [
    'amanat <command> [options]',
    columns(listed.map((c) => [c.name, c.summary])),
    'amanat <command> --help tells more. Settings come from the environment, as for the service (docs/operations.md).',
    `Exit codes\n${exitCodes('looked, and found something wrong')}`,
  ].join('\n\n');
}

/** The longest name that the call begins with, and what comes after it. */
function find(argv: readonly string[]): { listed: Listed; rest: readonly string[] } | undefined {
  const fits = commands.filter((c) => c.name.split(' ').every((word, i) => argv[i] === word));
  const [listed] = fits.toSorted((a, b) => b.name.length - a.name.length);
  return listed === undefined ? undefined : { listed, rest: argv.slice(listed.name.split(' ').length) };
}

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
    const command = await found.listed.load();
    const args = parseCommand(command, found.rest);
    if (args.flag('help')) {
      people.line(usageOf(found.listed, command));
      return exit.ok;
    }
    return await command.run(args, out);
  } catch (error) {
    const { exitOf, messageOf } = await import('./faults.ts');
    out.complain(`amanat ${found.listed.name}: ${messageOf(error)}`);
    if (error instanceof UsageFault) out.complain(`Try: amanat ${found.listed.name} --help`);
    return exitOf(error);
  }
}

process.exitCode = await run(process.argv.slice(2));
