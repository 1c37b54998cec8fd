import type { Command } from './command.ts';

/** Every command there is, in the order `amanat --help` lists them. */
export const commands: readonly Command[] = [];
