import { readConfig } from '../config.ts';
import { openKeys, secretIn } from '../keyAccess.ts';
import { lockFolder, unlockFolder } from '../keys/lockFolder.ts';
import { mostShares } from '../keys/share.ts';
import { askSecret, canAsk } from '../prompt.ts';
import { exit, noWords, required, UsageFault, type Arguments, type Command } from './command.ts';

const leastLetters = 12;

export const keysEncrypt: Command = {
  words: '',
  options: { 'passphrase-file': { type: 'string' } },
  help: { 'passphrase-file': 'its first line is the new passphrase; asked for twice at the terminal when left out' },
  more: [
    'Locks the keys folder (AMANAT_KEYS_DIR) by a passphrase: all keys go into keys.locked, and the files in clear are removed.',
    'On a folder that is locked already it takes in what lies in clear beside the lock, and makes a new lock: the passphrase',
    'and the shares that opened it before open it no more. Whole or not at all, whenever it is cut off.',
    'What a disk keeps of removed files is not wiped: after locking a folder that lay open for long, renew the keys.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    const { keys, given } = await openKeys(config);
    letGo(keys);
    const passphrase = await newPassphrase(args);
    await lockFolder(config.keysDir, given, { passphrase }, async () => undefined);
    out.result({ keysDir: config.keysDir, locked: true }, () =>
      [
        `${config.keysDir} is locked. Without the passphrase nobody can open what is in it: keep it where the folder is not.`,
        'A service that runs goes on. At its next start it asks for the passphrase at the terminal, takes it from the file that',
        'AMANAT_KEYS_PASSPHRASE_FILE names, or starts sealed and waits for: npx amanat unseal',
      ].join('\n'),
    );
    return exit.ok;
  },
};

export const keysDecrypt: Command = {
  words: '',
  options: {},
  help: {},
  more: ['Puts the files of a locked keys folder back in clear, mode 0600, and removes the lock.'],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    const { keys, given } = await openKeys(config);
    letGo(keys);
    await unlockFolder(config.keysDir, given);
    out.result({ keysDir: config.keysDir, locked: false }, () => `${config.keysDir} is no longer locked.`);
    return exit.ok;
  },
};

export const keysSplit: Command = {
  words: '',
  options: {
    shares: { type: 'string' },
    needed: { type: 'string' },
    'with-passphrase': { type: 'boolean' },
    'passphrase-file': { type: 'string' },
  },
  help: {
    shares: `how many shares are made, ${mostShares} at most`,
    needed: 'how many of them open the folder, two at least',
    'with-passphrase': 'a passphrase opens it too; without this only the shares do',
    'passphrase-file': 'its first line is that passphrase; asked for twice at the terminal when left out',
  },
  more: [
    'Locks the keys folder by shares: prints each once, one a line, and then makes the lock. Give each to another person;',
    'fewer than are needed tell nothing. Passphrases and shares from before open the folder no more.',
  ],
  async run(args, out) {
    noWords(args);
    const terms = { of: count(args, 'shares', mostShares), needed: count(args, 'needed', mostShares) };
    if (terms.needed > terms.of) throw new UsageFault('--needed is at most --shares');
    const config = readConfig(process.env);
    const { keys, given } = await openKeys(config);
    letGo(keys);
    const passphrase = args.flag('with-passphrase') ? await newPassphrase(args) : undefined;
    await lockFolder(config.keysDir, given, { passphrase, shares: terms }, async (shares) =>
      out.result({ keysDir: config.keysDir, ...terms, shares }, () =>
        [
          `Any ${terms.needed} of these ${terms.of} shares open ${config.keysDir}. They are shown this once:`,
          '',
          ...shares,
        ].join('\n'),
      ),
    );
    return exit.ok;
  },
};

function count(args: Arguments, option: string, most: number): number {
  const text = required(args, option);
  if (!/^\d{1,2}$/.test(text) || Number(text) < 2 || Number(text) > most)
    throw new UsageFault(`--${option} is a number from 2 to ${most}`);
  return Number(text);
}

async function newPassphrase(args: Arguments): Promise<string> {
  const file = args.text('passphrase-file');
  if (file === undefined && !canAsk())
    throw new UsageFault('--passphrase-file is missing, and there is no terminal to ask at');
  const passphrase = file === undefined ? await askSecret('New passphrase: ') : await secretIn(file);
  if (Array.from(passphrase).length < leastLetters)
    throw new UsageFault(
      `the passphrase needs ${leastLetters} letters or more; six words drawn by lot make a good one`,
    );
  if (file === undefined && (await askSecret('The same again: ')) !== passphrase)
    throw new UsageFault('the two are not the same');
  return passphrase;
}

/** The keys were opened to see that they are in order. */
function letGo({ root }: { readonly root: { readonly byId: ReadonlyMap<string, { forget(): void }> } }): void {
  for (const key of root.byId.values()) key.forget();
}
