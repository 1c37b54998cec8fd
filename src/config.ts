import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { isArchivable } from './db/embeddedArchive.ts';
import { readKeyAccess, type KeyAccess } from './keyAccess.ts';
import { keyPeriods, parsePeriods, type KeyPeriods } from './keyPeriods.ts';
import { readWitness, type WitnessConfig } from './witnessConfig.ts';
import { readSending, type SendingConfig } from './sendingConfig.ts';

/** What the environment asks for. Read once, checked whole. */
export interface Config {
  /** 0: a free port, printed. */
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly keysDir: string;
  /** What opens keys that do not lie open. */
  readonly keyAccess: KeyAccess;
  /** Absent: the embedded PostgreSQL. */
  readonly databaseUrl: string | undefined;
  /** Who owns the schema, when databaseUrl names the service's own restricted role. */
  readonly databaseOwnerUrl: string | undefined;
  /**
   * What stands between. `transaction`: a connection to PostgreSQL is everybody's, so no prepared statements. `session`: it is
   * ours as long as ours to the pooler lasts.
   */
  readonly databasePooler: 'none' | 'transaction' | 'session';
  /** Connections a process holds at most. */
  readonly databaseConnections: number;
  /** Public URL; absent: made of host and port. */
  readonly issuer: string | undefined;
  readonly workers: number;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly logLevel: LogLevel;
  /** Profile of the tenant that a first start makes. */
  readonly profile: string;
  readonly metricsPort: number | undefined;
  /** After how many days a key is to be renewed. */
  readonly keyPeriods: KeyPeriods;
  /** Requests a client may make to one route in ten seconds. */
  readonly rateLimit: number;
  /** Where backups of the embedded database go, and its archived WAL; absent: none is archived. */
  readonly backupDir: string | undefined;
  readonly witness: WitnessConfig;
  /** How messages go out; a channel that is absent is off. */
  readonly sending: SendingConfig;
  /** NODE_ENV=production, or a database of one's own: example keys are refused. */
  readonly production: boolean;
}

const logLevels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug'] as const;
type LogLevel = (typeof logLevels)[number];

/** Every fault of the environment at once, by variable name and never by value. */
export class ConfigFault extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'ConfigFault';
    this.faults = faults;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws `ConfigFault`. */
export function readConfig(env: Environment): Config {
  const faults: string[] = [];
  const number = (name: string, fallback: number, least: number, most: number): number => {
    const text = env[name];
    if (text === undefined || text === '') return fallback;
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value >= least && value <= most) return value;
    faults.push(`${name} must be a whole number from ${least} to ${most}.`);
    return fallback;
  };
  const oneOf = <T extends string>(name: string, allowed: readonly T[], fallback: T): T => {
    const text = env[name];
    if (text === undefined || text === '') return fallback;
    const value = allowed.find((a) => a === text);
    if (value !== undefined) return value;
    faults.push(`${name} must be one of ${allowed.join(', ')}.`);
    return fallback;
  };
  const text = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const dataDir = resolve(text('AMANAT_DATA_DIR') ?? 'data');
  const config: Config = {
    port: number('AMANAT_PORT', 8787, 0, 65_535),
    host: text('AMANAT_HOST') ?? '127.0.0.1',
    dataDir,
    keysDir: resolve(text('AMANAT_KEYS_DIR') ?? `${dataDir}/keys`),
    keyAccess: { ...readKeyAccess(env), cacheSeconds: number('AMANAT_KEYS_CACHE_SECONDS', 3_600, 60, 604_800) },
    databaseUrl: databaseUrl(env, 'AMANAT_DATABASE_URL', faults),
    databaseOwnerUrl: databaseUrl(env, 'AMANAT_DATABASE_OWNER_URL', faults),
    databasePooler: oneOf('AMANAT_DATABASE_POOLER', ['none', 'transaction', 'session'], 'none'),
    databaseConnections: number('AMANAT_DATABASE_CONNECTIONS', 10, 2, 200),
    issuer: issuerUrl(env, faults),
    workers: number('AMANAT_WORKERS', 1, 1, 64),
    tls: tlsFiles(env, faults),
    logLevel: oneOf('AMANAT_LOG_LEVEL', logLevels, 'info'),
    profile: text('AMANAT_PROFILE') ?? 'kalak',
    metricsPort: text('AMANAT_METRICS_PORT') === undefined ? undefined : number('AMANAT_METRICS_PORT', 0, 0, 65_535),
    keyPeriods: periodsOf(env, faults),
    rateLimit: number('AMANAT_RATE_LIMIT', 60_000, 1, 10_000_000),
    backupDir: text('AMANAT_BACKUP_DIR') === undefined ? undefined : resolve(text('AMANAT_BACKUP_DIR') ?? ''),
    witness: readWitness(env, resolve(text('AMANAT_KEYS_DIR') ?? `${dataDir}/keys`), faults),
    sending: readSending(env, faults),
    production: env['NODE_ENV'] === 'production' || text('AMANAT_DATABASE_URL') !== undefined,
  };
  faults.push(...faultsTogether(config));
  if (faults.length > 0) throw new ConfigFault(faults);
  return config;
}

function periodsOf(env: Environment, faults: string[]): KeyPeriods {
  const periods = parsePeriods(env['AMANAT_KEY_PERIODS'] ?? '');
  if (periods === undefined) {
    const names = Object.keys(keyPeriods).join(', ');
    faults.push(`AMANAT_KEY_PERIODS must be like data=730,token=365: days, for ${names}.`);
  }
  return periods ?? keyPeriods;
}

/** What single settings cannot show. */
function faultsTogether(config: Config): readonly string[] {
  const faults: string[] = [];
  if (!/^[a-z][a-z0-9_-]{0,39}$/.test(config.profile))
    faults.push('AMANAT_PROFILE must be the name of a profile in policies/.');
  if (config.databaseOwnerUrl !== undefined && config.databaseUrl === undefined) {
    faults.push('AMANAT_DATABASE_OWNER_URL goes with AMANAT_DATABASE_URL.');
  }
  if (config.backupDir !== undefined && !isArchivable(config.backupDir))
    faults.push('AMANAT_BACKUP_DIR must be a path without quotes, backslash, dollar, backtick or percent sign.');
  if (config.production && isPlainBeyond(config))
    faults.push(
      'AMANAT_HOST is beyond this machine: give AMANAT_TLS_CERT and AMANAT_TLS_KEY, or an https:// AMANAT_ISSUER where something in front ends TLS.',
    );
  return faults;
}

/** Tokens and personal data would cross the network in clear, unless something in front ends TLS. */
export function isPlainBeyond({ host, tls, issuer }: Pick<Config, 'host' | 'tls' | 'issuer'>): boolean {
  const local = ['127.0.0.1', '::1', 'localhost'].includes(host);
  return !local && tls === undefined && issuer?.startsWith('https:') !== true;
}

function databaseUrl(env: Environment, name: string, faults: string[]): string | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  if (URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol)) return text;
  faults.push(`${name} must be a postgresql:// URL.`);
  return undefined;
}

function issuerUrl(env: Environment, faults: string[]): string | undefined {
  const text = env['AMANAT_ISSUER'];
  if (text === undefined || text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const local = url !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  const usable =
    url !== undefined &&
    url.search === '' &&
    url.hash === '' &&
    (url.protocol === 'https:' || (local && url.protocol === 'http:'));
  if (!usable) faults.push('AMANAT_ISSUER must be an https:// URL without query (http:// only for this machine).');
  return text.replace(/\/$/, '');
}

function tlsFiles(env: Environment, faults: string[]): Config['tls'] {
  const cert = env['AMANAT_TLS_CERT'] ?? '';
  const key = env['AMANAT_TLS_KEY'] ?? '';
  if (cert === '' && key === '') return undefined;
  if (cert === '' || key === '') faults.push('AMANAT_TLS_CERT and AMANAT_TLS_KEY go together.');
  else {
    for (const name of ['AMANAT_TLS_CERT', 'AMANAT_TLS_KEY']) {
      if (!isReadable(env[name] ?? '')) faults.push(`${name} must be a PEM file that can be read.`);
    }
  }
  return { cert: resolve(cert), key: resolve(key) };
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
