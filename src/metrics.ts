import cluster from 'node:cluster';
import { createServer } from 'node:http';
import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type PrometheusContentType,
} from 'prom-client';
import { commit } from './db/commit.ts';
import { selectOldestKeys } from './db/tenants.ts';
import { ageInDays } from './keyPeriods.ts';
import type { EventFields, EventName, Log } from './log.ts';
import { fileKeysInUse } from './vault/processes.ts';
import { treeProgress } from './vault/tree.ts';
import type { Vault } from './vault/vault.ts';

/** Seconds. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * Prometheus figures of one process. They are taken from the log's events, so a metric can say no more than the log may:
 * patterns of routes, methods, statuses and codes, never a path, an id or a value.
 */
export interface Metrics {
  readonly registry: Registry;
  /** The same log; every event is counted on its way. */
  readonly log: Log;
  watch(vault: Vault): void;
}

export function openMetrics(log: Log): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'amanat_http_request_seconds',
    help: 'Time from the first byte of a request to the last of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets,
    registers: [registry],
  });
  const refusals = new Counter({
    name: 'amanat_refusals_total',
    help: 'Answers that refused, by code',
    labelNames: ['code'],
    registers: [registry],
  });
  const events = new Counter({
    name: 'amanat_events_total',
    help: 'Events of the log other than requests',
    labelNames: ['event', 'code'],
    registers: [registry],
  });
  const count = <N extends EventName>(name: N, fields: EventFields[N]): void => {
    if (name !== 'request') {
      events.inc({ event: name, code: 'code' in fields ? String(fields.code) : '' });
      return;
    }
    const { method, route = 'none', status, ms, code } = fields as EventFields['request'];
    requests.observe({ method, route, status }, ms / 1000);
    if (code !== undefined) refusals.inc({ code });
  };
  return {
    registry,
    log: {
      event(name, fields) {
        count(name, fields);
        log.event(name, fields);
      },
      flush: () => log.flush(),
    },
    watch: (vault) => watchVault(registry, vault),
  };
}

function watchVault(registry: Registry, vault: Vault): void {
  const { db, keys, keyring, now } = vault;
  const ages = new Gauge({
    name: 'amanat_key_age_days',
    help: 'Age of the key in use, by kind of key: of the oldest of any tenant, and since when a process first had it',
    labelNames: ['key'],
    registers: [],
    async collect() {
      const [rows] = await commit(db, 'directory', [selectOldestKeys()]).catch(() => [[]] as const);
      const files = await fileKeysInUse(db, keys).catch(() => []);
      for (const { use, madeAt } of [...rows, ...files]) this.set({ key: use }, ageInDays(madeAt.getTime(), now()));
    },
  });
  registry.registerMetric(ages);
  const connections = new Gauge({
    name: 'amanat_database_connections',
    help: 'Connections of the pool, and callers waiting for one',
    labelNames: ['state'],
    registers: [],
    collect() {
      const { totalCount, idleCount, waitingCount } = db.pool;
      this.set({ state: 'busy' }, totalCount - idleCount);
      this.set({ state: 'idle' }, idleCount);
      this.set({ state: 'waited_for' }, waitingCount);
    },
  });
  const unwraps = new Gauge({
    name: 'amanat_data_key_unwraps',
    help: 'Data keys unwrapped since the process started',
    registers: [],
    collect() {
      this.set(keyring.unwraps());
    },
  });
  watchTree(registry, vault);
  registry.registerMetric(connections);
  registry.registerMetric(unwraps);
}

/** The log's tree, of all tenants together: looked up when it is asked for. Without the database the figures stay away. */
function watchTree(registry: Registry, vault: Vault): void {
  let looking: ReturnType<typeof treeProgress> | undefined;
  // Both figures are collected at once: one look is enough.
  const look = () =>
    (looking ??= treeProgress(vault).finally(() => {
      looking = undefined;
    })).catch(() => undefined);
  const entries = new Gauge({
    name: 'amanat_audit_entries',
    help: 'Entries of the log: integrated into the tree, and waiting for it',
    labelNames: ['state'],
    registers: [],
    async collect() {
      const progress = await look();
      this.reset();
      if (progress === undefined) return;
      this.set({ state: 'integrated' }, progress.integrated);
      this.set({ state: 'waiting' }, progress.waiting);
    },
  });
  const age = new Gauge({
    name: 'amanat_audit_waiting_seconds',
    help: 'Age of the oldest entry that waits for the tree; 0 when none does',
    labelNames: [],
    registers: [],
    async collect() {
      const progress = await look();
      this.remove();
      if (progress !== undefined) this.set(progress.waitingMs / 1000);
    },
  });
  registry.registerMetric(entries);
  registry.registerMetric(age);
}

/** The metrics port: this process's figures, or with workers those of all of them together. */
export async function serveMetrics(
  port: number,
  host: string,
  registry: Registry | undefined,
): Promise<() => Promise<void>> {
  const workers = registry === undefined ? new AggregatorRegistry() : undefined;
  const server = createServer((req, res) => {
    if (req.method !== 'GET' || req.url !== '/metrics') {
      res.writeHead(404).end();
      return;
    }
    const figures = workers === undefined ? registry?.metrics() : workers.clusterMetrics();
    void figures?.then(
      (text) => res.writeHead(200, { 'Content-Type': Registry.PROMETHEUS_CONTENT_TYPE }).end(text),
      () => res.writeHead(503).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

/** A worker hands its figures to the leading process, which asks for them. Making the aggregator is what makes it listen. */
export function joinClusterMetrics(registry: Registry): AggregatorRegistry<PrometheusContentType> | undefined {
  if (!cluster.isWorker) return undefined;
  AggregatorRegistry.setRegistries(registry);
  return new AggregatorRegistry();
}
