import { readConfig } from '../config.ts';
import { migrate as bringForward } from '../db/migrate.ts';
import { exit, noWords, type Command } from './command.ts';
import { withOwner } from './vaultDatabase.ts';

export const migrate: Command = {
  words: '',
  options: {},
  help: {},
  more: [
    'Works as AMANAT_DATABASE_OWNER_URL, or AMANAT_DATABASE_URL without it, or on the embedded PostgreSQL. The service does',
    'the same when it starts; run it by hand where the service has no owner URL. All of it is applied, or nothing.',
  ],
  async run(args, out) {
    noWords(args);
    const migrated = await withOwner(readConfig(process.env), (url) => bringForward(url), { make: true });
    out.result(migrated, () =>
      migrated.applied.length === 0
        ? `The schema is at version ${migrated.version}; there was nothing to apply.`
        : [...migrated.applied.map((name) => `applied ${name}`), `The schema is at version ${migrated.version}.`].join(
            '\n',
          ),
    );
    return exit.ok;
  },
};
