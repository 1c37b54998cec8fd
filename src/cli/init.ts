import { readConfig, type Config } from '../config.ts';
import { closeDatabase, openDatabase } from '../db/database.ts';
import { hasTenants } from '../db/presence.ts';
import { createKeyFolder, KeyFault, loadKeyFolder } from '../keys/folder.ts';
import { exit, noWords, type Command } from './command.ts';
import { hasEmbedded, withOwner } from './vaultDatabase.ts';

export const init: Command = {
  words: '',
  options: {},
  help: {},
  more: [
    'The folder is AMANAT_KEYS_DIR (<data>/keys). Nothing is overwritten: a folder that holds anything is refused, and so',
    'is a database that holds a tenant, because new keys would not open what is stored there.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    await refuseWhereDataExist(config);
    await createKeyFolder(config.keysDir);
    const { root } = await loadKeyFolder(config.keysDir, { production: true });
    out.result({ keysDir: config.keysDir, rootKeyId: root.current.id }, () => nextSteps(config, root.current.id));
    return exit.ok;
  },
};

/** Throws `KeyFault` keys_not_empty; a database that cannot be asked stops here with its own fault. */
async function refuseWhereDataExist(config: Config): Promise<void> {
  if (config.databaseUrl === undefined && !hasEmbedded(config)) return;
  await withOwner(config, async (url) => {
    const db = openDatabase({ connectionString: url, max: 1, applicationName: 'amanat init' });
    try {
      if (!(await hasTenants(db))) return;
    } finally {
      await closeDatabase(db);
    }
    throw new KeyFault(
      'keys_not_empty',
      'Data exist already, and new keys would not open them; nothing was made. If their keys folder is gone, put it back from your backup.',
    );
  });
}

function nextSteps(config: Config, rootId: string): string {
  return [
    `New keys in ${config.keysDir} (root key ${rootId}), mode 0700, files 0600.`,
    '',
    '1. Copy the folder to a place where the backups of the database are not. Without root-1.key nothing that is stored',
    '   can be opened again, by anyone; with it and a copy of the database, everything can.',
    '2. npm start          makes the database and a first tenant.',
    '   Or, with a PostgreSQL of your own: AMANAT_DATABASE_URL=… npm start (docs/operations.md).',
  ].join('\n');
}
