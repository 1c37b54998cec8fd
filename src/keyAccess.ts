import { resolve } from 'node:path';
import type { Config } from './config.ts';
import { isPinRefused, KeyFault, loadKeyFolder, type Credentials, type KeyFolder } from './keys/folder.ts';
import { readKeyFile } from './keys/keyFile.ts';
import { keepMemoryIn } from './memory.ts';
import { askSecret, canAsk } from './prompt.ts';

/** Where to find what opens keys that do not lie open. The secrets themselves are no setting: see `givenCredentials`. */
export interface KeyAccess {
  readonly passphraseFile: string | undefined;
  readonly pinFile: string | undefined;
  /** Path of the PKCS#11 library through which a hardware module is reached. */
  readonly pkcs11Module: string | undefined;
  /** A tenant's unwrapped keys are used this long without asking the root key again. */
  readonly cacheSeconds: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function readKeyAccess(env: Environment): Omit<KeyAccess, 'cacheSeconds'> {
  const path = (name: string): string | undefined => (env[name] ? resolve(env[name]) : undefined);
  return {
    passphraseFile: path('AMANAT_KEYS_PASSPHRASE_FILE'),
    pinFile: path('AMANAT_KEYS_PIN_FILE'),
    pkcs11Module: path('AMANAT_PKCS11_MODULE'),
  };
}

/**
 * What the environment or the files it names give. What stood in the environment itself is taken out of it, so that no program
 * that is started later inherits it; it is there once. Throws KeyFault for a file that others may read.
 */
export async function givenCredentials({ keyAccess }: Config): Promise<Credentials> {
  keepMemoryIn();
  const [passphrase, pin] = [taken('AMANAT_KEYS_PASSPHRASE'), taken('AMANAT_KEYS_PIN')];
  return {
    passphrase: passphrase ?? (keyAccess.passphraseFile && (await secretIn(keyAccess.passphraseFile))),
    pin: pin ?? (keyAccess.pinFile && (await secretIn(keyAccess.pinFile))),
  };
}

export interface Opened {
  readonly keys: KeyFolder;
  /** For further processes of this service. */
  readonly given: Credentials;
}

/** Loads the keys with what was given, or else with what the person at the terminal types. Throws KeyFault. */
export async function openKeys(config: Config, earlier?: Credentials): Promise<Opened> {
  let given = earlier ?? (await givenCredentials(config));
  for (let attempts = 0; ;) {
    try {
      return { keys: await loadKeys(config, given), given };
    } catch (error) {
      if (!(error instanceof KeyFault) || !canAsk()) throw error;
      const wrong = error.code === 'keys_passphrase_wrong' || error.code === 'keys_share_wrong';
      if (wrong) attempts += 1;
      if (attempts > 2 || (error.code !== 'keys_locked' && !wrong)) throw error;
      given = await asked(given, error);
    }
  }
}

export function loadKeys({ keysDir, production, keyAccess }: Config, given: Credentials): Promise<KeyFolder> {
  return loadKeyFolder(keysDir, { production, given, pkcs11Module: keyAccess.pkcs11Module });
}

/**
 * What a process tries by itself, as often as it likes: a PIN that the module refused is not tried again, because a token locks
 * itself after a few. Whoever unseals by command may. Throws KeyFault.
 */
export function unasked(config: Config): () => Promise<Opened> {
  let refused: string | undefined;
  return async () => {
    const given = await givenCredentials(config);
    const pin = given.pin === refused ? undefined : given.pin;
    try {
      return { keys: await loadKeys(config, { ...given, pin }), given };
    } catch (error) {
      if (isPinRefused(error)) refused = pin;
      throw error;
    }
  };
}

/** For commands: the keys alone. */
export async function keysOf(config: Config): Promise<KeyFolder> {
  return (await openKeys(config)).keys;
}

/** Asks for what is missing, or was wrong. */
export async function asked(given: Credentials, { code, needs, message }: KeyFault): Promise<Credentials> {
  process.stderr.write(`${message}\n`);
  if (code === 'keys_share_wrong') return { ...given, shares: (given.shares ?? []).slice(0, -1) };
  if (needs === 'pin') return { ...given, pin: await askSecret('PIN: ') };
  if (needs !== 'shares') return { ...given, passphrase: await askSecret('Passphrase: ') };
  const { shares = [] } = given;
  return { ...given, shares: [...shares, await askSecret(`Share ${shares.length + 1}: `)] };
}

function taken(name: string): string | undefined {
  const value = process.env[name];
  delete process.env[name];
  return value === '' ? undefined : value;
}

/** The first line of a file that nobody else may read; an editor ends it with a line feed. */
export async function secretIn(path: string): Promise<string> {
  const { text, loose } = await readKeyFile(path);
  if (loose) throw new KeyFault('keys_world_readable', `${path} is open to other users. Run: chmod 600 ${path}`);
  return Buffer.from(text, 'latin1')
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
