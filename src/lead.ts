import cluster, { type Worker } from 'node:cluster';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isPlainBeyond, type Config } from './config.ts';
import { openKeys, type Opened } from './keyAccess.ts';
import { KeyFault } from './keys/folder.ts';
import type { Log } from './log.ts';
import { serveMetrics } from './metrics.ts';
import { checkProfile } from './policy/check.ts';
import { parseProfile } from './policy/profile.ts';
import { firstRunFile, prepare, type Ground } from './prepare.ts';
import { freePort, serve, type Serving, type WorkOrder } from './worker.ts';

const version = (
  JSON.parse(readFileSync(fileURLToPath(new URL('../package.json', import.meta.url)), 'utf8')) as { version: string }
).version;
/** A worker that dies is replaced, but not faster than this. Milliseconds. */
const replaceAfterMs = 500;

/** A worker ended before it served; it has said why itself. */
export class WorkerFault extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('a worker could not serve; its reason stands above');
    this.name = 'WorkerFault';
    this.exitCode = exitCode;
  }
}

/** The leading process: prepares the ground, serves (itself, or through workers), and ends everything in order. */
export async function lead(config: Config, log: Log): Promise<void> {
  const started = performance.now();
  const stopBy = stopOnSignal(log, async () => process.exit(0));
  log.event('starting', { version, workers: config.workers });
  const port = config.port === 0 ? await freePort(config.host) : config.port;
  const url = `${config.tls === undefined ? 'http' : 'https'}://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
  const issuer = config.issuer ?? url;
  const opened = await openIfAny(config);
  const ground = await prepare(config, { url, issuer }, opened);
  tellContradictions(ground, log);
  tellPlainHttp(config, log);
  const order = { serviceUrl: ground.serviceUrl, issuer, port, given: opened?.given ?? {} };
  const starting = config.workers === 1 ? serveHere(config, log, ground, order) : serveByWorkers(config, log, order);
  const serving = await starting.catch(async (error: unknown) => {
    // Whoever sees this process end may take the folder away.
    await ground.embedded?.stop();
    throw error;
  });
  stopBy(() => end(log, serving, ground));
  ground.embedded?.onExit(() => {
    log.event('fault', { code: 'embedded_postgres_gone' });
    log.flush();
    process.exit(70);
  });
  welcome(config, ground, serving.url);
  log.event('started', { ms: Math.round(performance.now() - started) });
}

/** Keys are opened before anything else is; whether new ones may be made where there are none, the database says. */
async function openIfAny(config: Config): Promise<Opened | undefined> {
  try {
    return await openKeys(config);
  } catch (error) {
    if (error instanceof KeyFault && (error.code === 'keys_missing' || error.code === 'keys_empty')) return undefined;
    throw error;
  }
}

async function serveHere(config: Config, log: Log, ground: Ground, order: Omit<WorkOrder, 'worker'>): Promise<Serving> {
  const serving = await serve(config, log, ground.keys, { ...order, worker: 0 });
  log.event('listening', { url: serving.url });
  return serving;
}

/** Workers share the port. One that dies is replaced; when all are ready the lead says so once. */
async function serveByWorkers(config: Config, log: Log, order: Omit<WorkOrder, 'worker'>): Promise<Serving> {
  let stopping = false;
  const workers = new Map<number, Worker>();
  const start = (worker: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const forked = cluster.fork();
      workers.set(worker, forked);
      const heard = (message: unknown): void => {
        // prom-client's own messages travel on the same channel.
        if (message === 'waiting') forked.send({ ...order, worker } satisfies WorkOrder);
        if (message !== 'serving') return;
        forked.off('message', heard);
        resolve();
      };
      forked.on('message', heard);
      forked.once('exit', (code) => {
        reject(new WorkerFault(code));
        if (stopping) return;
        log.event('warning', { code: `worker_exit_${code}` });
        setTimeout(() => void (stopping ? undefined : start(worker).catch(() => undefined)), replaceAfterMs);
      });
    });
  await Promise.all(Array.from({ length: config.workers }, (_, i) => start(i + 1)));
  const { metricsPort } = config;
  const stopMetrics = metricsPort === undefined ? undefined : await serveMetrics(metricsPort, config.host, undefined);
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const url = `${config.tls === undefined ? 'http' : 'https'}://${host}:${order.port}`;
  log.event('listening', { url });
  return {
    url,
    async stop() {
      stopping = true;
      await stopMetrics?.();
      await Promise.all(
        [...workers.values()].map(
          (worker) =>
            new Promise<void>((resolve) => {
              if (worker.isDead()) return resolve();
              worker.once('exit', () => resolve());
              worker.process.kill('SIGTERM');
            }),
        ),
      );
    },
  };
}

async function end(log: Log, serving: Serving, ground: Ground): Promise<void> {
  const began = performance.now();
  await serving.stop();
  await ground.embedded?.stop();
  log.event('stopped', { ms: Math.round(performance.now() - began) });
  log.flush();
  process.exit(0);
}

/**
 * The first signal ends things in order, later ones change nothing. Returns how to change what ends them: a listener that
 * is taken away for another can lose the signal that came in between.
 */
function stopOnSignal(log: Log, first: () => Promise<void>): (stop: () => Promise<void>) => void {
  let stop = first;
  let stopping = false;
  const listener = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log.event('stopping', { signal });
    void stop();
  };
  process.on('SIGTERM', listener).on('SIGINT', listener);
  return (next) => {
    stop = next;
  };
}

/** A profile that makes a shop's work impossible is accepted and said aloud, never relaxed. */
function tellContradictions(ground: Ground, log: Log): void {
  for (const source of ground.profiles) {
    const profile = parseProfile(source);
    for (const finding of checkProfile(profile)) {
      if (finding.severity !== 'contradiction') continue;
      log.event('profile_contradiction', { profile: profile.id, code: finding.code });
    }
  }
}

/** Outside production; there it is no start at all. */
function tellPlainHttp(config: Config, log: Log): void {
  if (isPlainBeyond(config)) log.event('warning', { code: 'plain_http_beyond_this_machine' });
}

/** For the person at the terminal, on stderr: where everything is and what to try next. */
function welcome(config: Config, ground: Ground, url: string): void {
  const embedded =
    ground.embedded === undefined ? 'your own PostgreSQL' : `${config.dataDir}/postgres (embedded PostgreSQL)`;
  const lines = [
    '',
    `Amanat serves on ${url}   API: ${url}/docs`,
    `  database   ${embedded}`,
    `  keys       ${config.keysDir}   keep a copy apart from the data: without them nothing can be read`,
    ...(existsSync(firstRunFile(config))
      ? [`  first run  ${firstRunFile(config)}   tenant, system_admin client and its secret`]
      : []),
    ...(ground.keys.example
      ? ['  WARNING    these are the example keys, known to everybody. Make your own: npx amanat init']
      : []),
    ...(ground.firstStart ? ['', 'Try it: npm run demo, or the five minutes with curl in README.md.'] : []),
    ...(config.production
      ? []
      : ['For production: docs/operations.md (own PostgreSQL, TLS, keys apart, NODE_ENV=production).']),
    '',
  ];
  process.stderr.write(lines.join('\n'));
}
