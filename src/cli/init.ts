import { readConfig, type Config } from '../config.ts';
import { closeDatabase, openDatabase } from '../db/database.ts';
import { hasTenants } from '../db/presence.ts';
import { givenCredentials, openKeys } from '../keyAccess.ts';
import { createKeyFolder, KeyFault, type Credentials, type RootFile } from '../keys/folder.ts';
import { newHsmRootKey } from '../keys/hsmRootKey.ts';
import { readKeyFile } from '../keys/keyFile.ts';
import { pkcs12RootKey } from '../keys/pkcs12RootKey.ts';
import { refuseOccupied } from '../keys/wholeFolder.ts';
import { exit, noWords, UsageFault, type Arguments, type Command } from './command.ts';
import { hasEmbedded, withOwner } from './vaultDatabase.ts';

export const init: Command = {
  words: '',
  options: { pkcs12: { type: 'string' }, 'hsm-token': { type: 'string' }, 'hsm-key': { type: 'string' } },
  help: {
    pkcs12: 'a PKCS#12 file: the root key is derived from the private key in it',
    'hsm-token':
      'label of a token in a hardware module (AMANAT_PKCS11_MODULE): the root key is made in it and never leaves it',
    'hsm-key': 'what the key is called there (root-1)',
  },
  more: [
    'The folder is AMANAT_KEYS_DIR (<data>/keys). Nothing is overwritten: a folder that holds anything is refused, and so',
    'is a database that holds a tenant, because new keys would not open what is stored there.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    await refuseWhereDataExist(config);
    await refuseOccupied(config.keysDir);
    const given = await givenCredentials(config);
    await createKeyFolder(config.keysDir, await rootFile(args, config, given));
    const { root } = (await openKeys(config, given)).keys;
    root.current.forget();
    out.result({ keysDir: config.keysDir, rootKeyId: root.current.id }, () => nextSteps(config, root.current.id));
    return exit.ok;
  },
};

/** The root key that is not to be made here; looked at, or made in its module, before the folder is. Throws KeyFault. */
async function rootFile(args: Arguments, config: Config, given: Credentials): Promise<RootFile | undefined> {
  const [path, token] = [args.text('pkcs12'), args.text('hsm-token')];
  if (path !== undefined && token !== undefined) throw new UsageFault('give --pkcs12 or --hsm-token');
  if (path !== undefined) {
    const content = Buffer.from((await readKeyFile(path)).text, 'latin1');
    pkcs12RootKey(path, content, given.passphrase).forget();
    return { name: 'root-1.p12', content };
  }
  if (token === undefined) return undefined;
  const access = { module: config.keyAccess.pkcs11Module, pin: given.pin };
  const content = await newHsmRootKey('root-1.hsm', { token, key: args.text('hsm-key') ?? 'root-1' }, access);
  return { name: 'root-1.hsm', content };
}

/** Throws `KeyFault` keys_not_empty; a database that cannot be asked stops here with its own fault. */
async function refuseWhereDataExist(config: Config): Promise<void> {
  if (config.databaseUrl === undefined && !hasEmbedded(config)) return;
  await withOwner(config, async (url) => {
    const db = openDatabase({ connectionString: url, prepare: false, max: 1, applicationName: 'amanat init' });
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
    '1. Copy the folder to a place where the backups of the database are not. Without the root key nothing that is stored',
    '   can be opened again, by anyone; with it and a copy of the database, everything can.',
    '2. npm start          makes the database and a first tenant.',
    '   Or, with a PostgreSQL of your own: AMANAT_DATABASE_URL=… npm start (docs/operations.md).',
  ].join('\n');
}
