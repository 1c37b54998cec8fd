import cluster, { type Worker } from 'node:cluster';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { proveLast } from './archiveProof.ts';
import { isPlainBeyond, type Config } from './config.ts';
import { openAdminSocket } from './adminSocket.ts';
import { forgetKeys } from './keys/liveKeys.ts';
import type { Credentials } from './keys/folder.ts';
import { rolledBackExit } from './logFault.ts';
import type { Log } from './log.ts';
import { makeFolder } from './makeFolder.ts';
import { serveMetrics } from './metrics.ts';
import { checkProfile } from './policy/check.ts';
import { parseProfile } from './policy/profile.ts';
import { firstRunFile, prepare, type Ground } from './prepare.ts';
import { startKeys } from './sealedStart.ts';
import { unsealing, WorkerUnsealFault } from './unsealing.ts';
import { freePort, serve, type FromWorker, type Serving, type ToWorker, type WorkOrder } from './worker.ts';

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
  const unseals = unsealing(config);
  await makeFolder(config.dataDir);
  const socket = await openAdminSocket(config.dataDir, unseals.answer);
  if (socket === undefined) log.event('warning', { code: 'no_admin_socket' });
  const { opened, unsealed } = await startKeys(config, log, port, unseals.by);
  const ground = await prepare(config, { url, issuer }, opened, log);
  tellContradictions(ground, log);
  tellPlainHttp(config, log);
  const order = { serviceUrl: ground.serviceUrl, issuer, port, given: opened?.given ?? {}, unseal: unsealed };
  const starting = config.workers === 1 ? serveHere(config, log, ground, order) : serveByWorkers(config, log, order);
  // Nothing here may keep hold of the keys: they have to be gone when the vault is sealed.
  const { embedded } = ground;
  const serving = await starting.catch(async (error: unknown) => {
    // Whoever sees this process end may take the folder away.
    await embedded?.stop();
    throw error;
  });
  unseals.by((given) => serving.unseal(given));
  stopBy(() => end(config, log, serving, embedded));
  embedded?.onExit(() => {
    log.event('fault', { code: 'embedded_postgres_gone' });
    log.flush();
    process.exit(70);
  });
  welcome(config, ground, serving.url);
  // Workers have keys of their own.
  if (config.workers > 1) forgetKeys(ground.keys);
  log.event('started', { ms: Math.round(performance.now() - started) });
}

async function serveHere(config: Config, log: Log, ground: Ground, order: Omit<WorkOrder, 'worker'>): Promise<Serving> {
  const serving = await serve(config, log, ground.keys, { ...order, worker: 0 });
  log.event('listening', { url: serving.url });
  return serving;
}

/** Workers share the port. One that dies is replaced; when all are ready the lead says so once. */
async function serveByWorkers(config: Config, log: Log, first: Omit<WorkOrder, 'worker'>): Promise<Serving> {
  let stopping = false;
  let order = first;
  const workers = new Map<number, Worker>();
  const start = (worker: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const forked = cluster.fork();
      workers.set(worker, forked);
      const heard = (message: unknown): void => {
        // prom-client's own messages travel on the same channel.
        if (message === 'sealed') order = { ...order, given: {} };
        if (message === 'waiting') forked.send({ ...order, worker } satisfies WorkOrder);
        if (message === 'serving') resolve();
      };
      forked.on('message', heard);
      forked.once('exit', (code) => {
        reject(new WorkerFault(code));
        if (stopping) return;
        // It has said why. Its workers end with this process.
        if (code === rolledBackExit) process.exit(code);
        log.event('warning', { code: `worker_exit_${code}` });
        setTimeout(() => void (stopping ? undefined : start(worker).catch(() => undefined)), replaceAfterMs);
      });
    });
  await Promise.all(Array.from({ length: config.workers }, (_, i) => start(i + 1)));
  // One that takes another's place later lifts no sealing.
  order = { ...order, unseal: false };
  const { metricsPort } = config;
  const stopMetrics = metricsPort === undefined ? undefined : await serveMetrics(metricsPort, config.host, undefined);
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const url = `${config.tls === undefined ? 'http' : 'https'}://${host}:${order.port}`;
  log.event('listening', { url });
  return {
    url,
    async unseal(given) {
      await Promise.all([...workers.values()].map((worker) => unsealOne(worker, given)));
      order = { ...order, given };
    },
    async stop() {
      stopping = true;
      await stopMetrics?.();
      await Promise.all([...workers.values()].map(ended));
    },
  };
}

/** Ends a worker in order. */
function ended(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    if (worker.isDead()) return resolve();
    worker.once('exit', () => resolve());
    worker.process.kill('SIGTERM');
  });
}

/** Resolves when the worker is open. Throws `WorkerUnsealFault`. */
function unsealOne(worker: Worker, given: Credentials): Promise<void> {
  return new Promise((resolve, reject) => {
    if (worker.isDead()) return resolve();
    const heard = (message: unknown): void => {
      if (typeof message !== 'object' || message === null || !('unsealed' in message)) return;
      worker.off('message', heard);
      const said = message as Extract<FromWorker, object>;
      if (said.unsealed === true) resolve();
      else reject(new WorkerUnsealFault(said.unsealed));
    };
    worker.on('message', heard).once('exit', () => resolve());
    worker.send({ unseal: given } satisfies ToWorker);
  });
}

async function end(config: Config, log: Log, serving: Serving, embedded: Ground['embedded']): Promise<void> {
  const began = performance.now();
  await serving.stop();
  await embedded?.stop();
  await proveLast(config);
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
