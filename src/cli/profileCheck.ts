import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { amountOf } from '../amount.ts';
import { checkProfile } from '../policy/check.ts';
import type { Finding } from '../policy/finding.ts';
import { exit, onlyWord, UsageFault, type Command } from './command.ts';
import { loadProfile, readableFindings, readProfileText } from './profileFile.ts';

const clauseFile = z.object({
  clauses: z.array(z.object({ id: z.string(), profile: z.string(), scope: z.string() })),
});

export const profileCheck: Command = {
  words: '<file | name of a shipped profile>',
  options: { clauses: { type: 'string' } },
  help: {
    clauses: 'JSON with every clause of the policy: {"clauses":[{"id","profile","scope"}]}; each needs its rule',
  },
  found: 'the profile has an error; contradictions and notes alone leave it at 0',
  more: [
    'error          the profile cannot be loaded, or cannot do what it says',
    "contradiction  the policy's own sentences collide: accepted, said aloud, never relaxed",
    'note           worth a look',
  ],
  async run(args, out) {
    const loaded = loadProfile(await readProfileText(onlyWord(args, 'file or name')));
    const findings =
      'faults' in loaded
        ? loaded.faults
        : checkProfile(loaded.profile, await clausesFor(loaded.profile.id, args.text('clauses')));
    const count = (severity: Finding['severity']): number => findings.filter((f) => f.severity === severity).length;
    const id = 'profile' in loaded ? loaded.profile.id : undefined;
    out.result({ ...(id === undefined ? {} : { profile: id }), findings }, () =>
      [
        ...(findings.length === 0 ? [] : [readableFindings(findings), '']),
        `${id ?? 'not loaded'}: ${(['error', 'contradiction', 'note'] as const).map((one) => amountOf(count(one), one)).join(', ')}`,
      ].join('\n'),
    );
    return count('error') > 0 ? exit.found : exit.ok;
  },
};

/** The clauses of this profile that somebody has to make true. */
async function clausesFor(profile: string, file: string | undefined): Promise<{ clauseIds?: readonly string[] }> {
  if (file === undefined) return {};
  const parsed = clauseFile.safeParse(await readJson(file));
  if (!parsed.success) throw new UsageFault(`${file} is no list of clauses`);
  const { clauses } = parsed.data;
  return { clauseIds: clauses.filter((c) => c.profile === profile && c.scope !== 'not_this_service').map((c) => c.id) };
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    throw new UsageFault(`${file} cannot be read as JSON`);
  }
}
