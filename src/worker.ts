import { createServer } from 'node:http';
import { createApp, openVault } from './app.ts';
import { ConfigFault, type Config } from './config.ts';
import { closeDatabase, openDatabase } from './db/database.ts';
import { listen } from './http/server.ts';
import { loadKeys } from './keyAccess.ts';
import type { Credentials, KeyFolder } from './keys/folder.ts';
import type { Log } from './log.ts';
import { joinClusterMetrics, openMetrics, serveMetrics, type Metrics } from './metrics.ts';
import { openSenders } from './sendingConfig.ts';
import { keepHouse } from './vault/housekeeping.ts';
import { keepAnnounced } from './vault/processes.ts';
import { keepSending } from './vault/outbox.ts';

/** What the leading process tells a worker: over the channel between them, never by the environment. */
export interface WorkOrder {
  readonly serviceUrl: string;
  readonly issuer: string;
  readonly port: number;
  readonly worker: number;
  /** What opened the keys of the leading process. */
  readonly given: Credentials;
}

export interface Serving {
  readonly url: string;
  /** Finishes what is in flight. */
  stop(): Promise<void>;
}

/** Serves requests: one process's whole work. */
export async function serve(config: Config, log: Log, keys: KeyFolder, order: WorkOrder): Promise<Serving> {
  const metrics = config.metricsPort === undefined ? undefined : openMetrics(log);
  const counted = metrics?.log ?? log;
  const db = openDatabase({
    connectionString: order.serviceUrl,
    prepare: config.databasePooler === 'none',
    max: config.databaseConnections,
  });
  const senders = openSenders(config.sending);
  const vault = openVault({ db, keys, issuer: order.issuer, now: Date.now, log: counted, senders });
  metrics?.watch(vault);
  await vault.watch.look();
  await Promise.all(vault.watch.tenants().map((id) => vault.keyring.tenant(id)));
  vault.watch.start();
  const stopHousekeeping = keepHouse(vault);
  const stopSending = keepSending(vault);
  const stopAnnouncing = keepAnnounced(vault);
  const http = createApp(vault, counted, { rate: { quota: config.rateLimit, windowSeconds: 10 } });
  const stopMetrics = metrics === undefined ? undefined : await offer(config, metrics.registry);
  const running = await listen(http, { host: config.host, port: order.port, tls: config.tls }).catch(refuseAddress);
  return {
    url: running.url,
    async stop() {
      await running.stop();
      await stopMetrics?.();
      stopHousekeeping();
      stopSending();
      senders.sms?.close();
      senders.email?.close();
      senders.webhook?.close();
      vault.watch.stop();
      await stopAnnouncing();
      await vault.ceilings.settle().catch(() => undefined);
      await closeDatabase(db);
      vault.keyring.forget();
    },
  };
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

/** A forked worker: waits for its order, serves until told to stop or until the leading process is gone. */
export async function work(config: Config, log: Log): Promise<void> {
  const order = await new Promise<WorkOrder>((resolve) => {
    process.once('message', (message) => resolve(message as WorkOrder));
    // A message sent before somebody listens would be lost.
    process.send?.('waiting');
  });
  const keys = await loadKeys(config, order.given);
  const serving = await serve(config, log, keys, order);
  log.event('listening', { url: serving.url, worker: order.worker });
  process.send?.('serving');
  const stop = (): void => {
    void serving.stop().then(() => {
      log.flush();
      process.exit(0);
    });
  };
  process.on('SIGTERM', stop).on('SIGINT', () => undefined);
  process.once('disconnect', stop);
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
