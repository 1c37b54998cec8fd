import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp, openVault } from './app.ts';
import { ConfigFault, type Config } from './config.ts';
import { closeDatabase, openDatabase } from './db/database.ts';
import { listen } from './http/server.ts';
import { VaultError } from './errors.ts';
import { loadKeys, unasked } from './keyAccess.ts';
import { KeyFault, type Credentials, type KeyFolder } from './keys/folder.ts';
import type { Need } from './keys/keyFault.ts';
import { openEveryTenant } from './prepare.ts';
import type { Log } from './log.ts';
import { joinClusterMetrics, openMetrics, serveMetrics, type Metrics } from './metrics.ts';
import { openOutside } from './outside.ts';
import { openSenders } from './sendingConfig.ts';
import { keepHouse } from './vault/housekeeping.ts';
import { keepSending } from './vault/outbox.ts';
import type { Vault } from './vault/vault.ts';

/** What the leading process tells a worker: over the channel between them, never by the environment. */
export interface WorkOrder {
  readonly serviceUrl: string;
  readonly issuer: string;
  readonly port: number;
  readonly worker: number;
  /** What opened the keys of the leading process. */
  readonly given: Credentials;
  /** Somebody has just unsealed this vault: sealings that stand are lifted. */
  readonly unseal?: boolean;
}

/** A witness that does not answer holds up no stop for longer. */
const farewellMs = 3_000;

export interface Serving {
  readonly url: string;
  /** Opens the vault under keys that can be had with this. Throws KeyFault. */
  unseal(given: Credentials): Promise<void>;
  /** Finishes what is in flight. */
  stop(): Promise<void>;
}

/** Serves requests: one process's whole work. */
export async function serve(
  config: Config,
  log: Log,
  keys: KeyFolder | undefined,
  order: WorkOrder,
  onSeal: (sealed: boolean) => void = () => undefined,
): Promise<Serving> {
  const metrics = config.metricsPort === undefined ? undefined : openMetrics(log);
  const counted = metrics?.log ?? log;
  const db = openDatabase({
    connectionString: order.serviceUrl,
    prepare: config.databasePooler !== 'transaction',
    max: config.databaseConnections,
  });
  const senders = openSenders(config.sending);
  const outside = await openOutside(config);
  const parts = { db, keys, issuer: order.issuer, now: Date.now, log: counted, senders, ...outside.parts };
  const sealsBeside = config.workers < availableParallelism();
  const vault = openVault({ ...parts, ...keySettings(config), sealsBeside, onSeal: tell(log, onSeal) });
  const stopTelling = outside.begin(vault, counted);
  metrics?.watch(vault);
  if (order.unseal === true && keys !== undefined) await vault.seal.open(keys);
  await warm(vault);
  vault.watch.start();
  const stopHousekeeping = keepHouse(vault);
  const stopSending = keepSending(vault);
  const leave = await vault.peers.join();
  const http = createApp(vault, counted, { rate: { quota: config.rateLimit, windowSeconds: 10 } });
  const stopMetrics = metrics === undefined ? undefined : await offer(config, metrics.registry);
  const running = await listen(http, { host: config.host, port: order.port, tls: config.tls }).catch(refuseAddress);
  return {
    url: running.url,
    unseal: (given) => unseal(config, vault, given),
    async stop() {
      await running.stop();
      await stopMetrics?.();
      stopSending();
      await Promise.race([stopHousekeeping().then(stopTelling), sleep(farewellMs, undefined, { ref: false })]);
      for (const sender of [senders.sms, senders.email, senders.webhook]) sender?.close();
      vault.watch.stop();
      await leave();
      await vault.ceilings.settle().catch(() => undefined);
      await closeDatabase(db);
      vault.keyring.forget();
    },
  };
}

function keySettings(config: Config) {
  const { keyPeriods, keyAccess } = config;
  // The keys of a folder that lies open, or that the files which the settings name open.
  const tryAgain = unasked(config);
  const reload = async (): Promise<KeyFolder | undefined> =>
    tryAgain().then(
      ({ keys }) => keys,
      () => undefined,
    );
  return { keyPeriods, keyLifetimeMs: keyAccess.cacheSeconds * 1000, reload };
}

/** What every request needs is in memory before the first one. A vault that is sealed serves its refusals, and looks again. */
async function warm(vault: Vault): Promise<void> {
  try {
    await vault.watch.look();
    await Promise.all(vault.watch.tenants().map((id) => vault.keyring.tenant(id)));
  } catch (error) {
    if (!vault.seal.sealed()) throw error;
  }
}

/** Throws KeyFault. */
async function unseal(config: Config, vault: Vault, given: Credentials): Promise<void> {
  const folder = await loadKeys(config, given);
  await openEveryTenant(vault.db, folder);
  await vault.seal.open(folder);
  await vault.watch.look();
}

/** One process serves its own figures; of several, the leading one gathers theirs. */
async function offer(config: Config, registry: Metrics['registry']): Promise<(() => Promise<void>) | undefined> {
  joinClusterMetrics(registry);
  if (config.workers > 1 || config.metricsPort === undefined) return undefined;
  return serveMetrics(config.metricsPort, config.host, registry);
}

/** What keeps a server from listening is a setting. Throws `ConfigFault`, which names it and no value. */
function refuseAddress(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EADDRINUSE') throw new ConfigFault(['AMANAT_PORT: another program has this port. Choose another one.']);
  if (code === 'EACCES')
    throw new ConfigFault(['AMANAT_PORT: this user may not take this port. Choose one above 1023.']);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    throw new ConfigFault(['AMANAT_HOST must be an address of this machine.']);
  if (code.startsWith('ERR_OSSL') || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS'))
    throw new ConfigFault(['AMANAT_TLS_CERT and AMANAT_TLS_KEY must be a certificate and its key, in PEM.']);
  throw error;
}

function tell(log: Log, onSeal: (sealed: boolean) => void): (sealed: boolean) => void {
  return (sealed) => {
    log.event('seal', { code: sealed ? 'sealed' : 'unsealed' });
    onSeal(sealed);
  };
}

/** Between the leading process and a worker. */
export type ToWorker = WorkOrder | { readonly unseal: Credentials };
export type FromWorker = 'waiting' | 'serving' | 'sealed' | { readonly unsealed: true | UnsealFault };
export interface UnsealFault {
  readonly code: string;
  readonly message: string;
  readonly needs: Need | undefined;
}

function say(message: FromWorker): void {
  process.send?.(message);
}

/** A forked worker: waits for its order, serves until told to stop or until the leading process is gone. */
export async function work(config: Config, log: Log): Promise<void> {
  const order = await new Promise<WorkOrder>((resolve) => {
    process.once('message', (message) => resolve(message as WorkOrder));
    // A message sent before somebody listens would be lost.
    say('waiting');
  });
  const keys = await loadKeys(config, order.given).catch(notYet);
  const serving = await serve(config, log, keys, order, (sealed) => (sealed ? say('sealed') : undefined));
  process.on('message', (message: ToWorker) => {
    if (typeof message !== 'object' || message === null || !('unseal' in message) || 'serviceUrl' in message) return;
    serving.unseal(message.unseal).then(
      () => say({ unsealed: true }),
      (error: unknown) => say({ unsealed: unsealFaultOf(error) }),
    );
  });
  log.event('listening', { url: serving.url, worker: order.worker });
  say('serving');
  const stop = (): void => {
    void serving.stop().then(() => {
      log.flush();
      process.exit(0);
    });
  };
  process.on('SIGTERM', stop).on('SIGINT', () => undefined);
  process.once('disconnect', stop);
}

/** Faults that an operator can mend while the process waits, sealed. Throws any other. */
export function notYet(error: unknown): undefined {
  if (error instanceof KeyFault && (error.code === 'keys_locked' || error.code === 'keys_unavailable'))
    return undefined;
  throw error;
}

/** What a person is told; it holds no data. */
export function unsealFaultOf(error: unknown): UnsealFault {
  if (error instanceof KeyFault) return { code: error.code, message: error.message, needs: error.needs };
  if (error instanceof VaultError) return { code: error.code, message: error.code, needs: undefined };
  return { code: 'internal', message: 'The service could not; its log says more.', needs: undefined };
}

/** A port that is free now, for a leading process whose workers must all have the same. Throws `ConfigFault`. */
export function freePort(host: string): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, host, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  }).catch(refuseAddress);
}
