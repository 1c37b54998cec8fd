import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A real PKCS#11 module, SoftHSM2 of Debian, with one token of its own. */
export interface SoftHsm {
  readonly module: string;
  readonly pin: string;
  /** What a process needs to find it: `SOFTHSM2_CONF`. */
  readonly env: Readonly<Record<string, string>>;
  /** softhsm2-util. */
  util(...args: string[]): string;
  /** Another token. */
  newToken(label: string): void;
  /** The device is taken away, and put back. */
  unplug(): void;
  plug(): void;
  remove(): void;
}

export const softHsmToken = 'amanat';
const pin = '648219';
const packages = ['softhsm2', 'libsofthsm2'];

/**
 * Why there is none here, or `undefined`. On Debian and its like nothing has to be installed: the packages are fetched and unpacked
 * beside the tests.
 */
export function whyNoSoftHsm(): string | undefined {
  if (!hasPkcs11js()) return 'the optional package pkcs11js was not built here (no C++ compiler)';
  return places() === undefined ? 'SoftHSM2 is not installed, and apt-get cannot fetch it here' : undefined;
}

function hasPkcs11js(): boolean {
  try {
    createRequire(import.meta.url)('pkcs11js');
    return true;
  } catch {
    return false;
  }
}

interface Places {
  readonly module: string;
  readonly util: string;
}

let found: { readonly places: Places | undefined } | undefined;

function places(): Places | undefined {
  found ??= { places: below('/') ?? fetched() };
  return found.places;
}

/** Where Debian puts it, below the root or below a folder that it was unpacked into. */
function below(root: string): Places | undefined {
  const util = join(root, 'usr/bin/softhsm2-util');
  const libraries = ['usr/lib/softhsm', 'usr/lib64/pkcs11', 'usr/local/lib/softhsm'];
  const module = libraries.map((library) => join(root, library, 'libsofthsm2.so')).find((path) => existsSync(path));
  return module !== undefined && existsSync(util) ? { module, util } : undefined;
}

/** Once a machine, and only where apt and dpkg are: no right is needed to download and unpack. */
function fetched(): Places | undefined {
  const folder = join(tmpdir(), 'amanat-softhsm2');
  const known = below(folder);
  if (known !== undefined) return known;
  const draft = mkdtempSync(`${folder}-`);
  const quiet = { cwd: draft, stdio: 'ignore' } as const;
  try {
    execFileSync('apt-get', ['download', ...packages], quiet);
    for (const name of readdirSync(draft)) execFileSync('dpkg-deb', ['-x', name, 'root'], quiet);
    renameSync(join(draft, 'root'), folder);
  } catch {
    // Somebody else may have been faster.
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return below(folder);
}

/** Throws where `whyNoSoftHsm` has an answer. */
export function startSoftHsm(): SoftHsm {
  const there = places();
  if (there === undefined) throw new Error(whyNoSoftHsm());
  const folder = mkdtempSync(join(tmpdir(), 'amanat-token-'));
  const tokens = join(folder, 'tokens');
  mkdirSync(tokens, { mode: 0o700 });
  const conf = join(folder, 'softhsm2.conf');
  writeFileSync(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  const env = { SOFTHSM2_CONF: conf };
  const util = (...args: string[]): string => {
    const ran = spawnSync(there.util, ['--module', there.module, ...args], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    });
    if (ran.status !== 0) throw new Error(`softhsm2-util ${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  };
  const newToken = (label: string): void =>
    void util('--init-token', '--free', '--label', label, '--so-pin', '12345678', '--pin', pin);
  newToken(softHsmToken);
  return {
    module: there.module,
    pin,
    env,
    util,
    newToken,
    unplug: () => renameSync(tokens, `${tokens}.away`),
    plug: () => renameSync(`${tokens}.away`, tokens),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
