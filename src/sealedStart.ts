import type { Config } from './config.ts';
import { VaultError } from './errors.ts';
import { createHttp } from './http/http.ts';
import { listen } from './http/server.ts';
import { loadKeys, openKeys, unasked, type Opened } from './keyAccess.ts';
import { KeyFault, type Credentials } from './keys/folder.ts';
import type { Log } from './log.ts';
import type { Readiness } from './vault/readiness.ts';
import { notYet } from './worker.ts';

/** A hardware module that comes back is found within this time. Milliseconds. */
const againEveryMs = 5_000;

/** What the leading process started with. */
export interface Start {
  /** `undefined` where there are no keys; whether new ones may be made, the database says. */
  readonly opened: Opened | undefined;
  /** Somebody unsealed it just now: not what came back by itself, which lifts no sealing. */
  readonly unsealed: boolean;
}

/**
 * Opens the keys before anything else is. Where they are locked, or their hardware module is away, it serves refusals (503 `sealed`,
 * healthz 200) and waits for the operator or the module; `onAttempt` is given how to try. Throws KeyFault for anything else.
 */
export async function startKeys(
  config: Config,
  log: Log,
  port: number,
  onAttempt: (attempt: (given: Credentials) => Promise<void>) => void,
): Promise<Start> {
  try {
    return { opened: await openKeys(config), unsealed: false };
  } catch (error) {
    if (error instanceof KeyFault && (error.code === 'keys_missing' || error.code === 'keys_empty'))
      return { opened: undefined, unsealed: false };
    notYet(error);
    log.event('seal', { code: error instanceof KeyFault ? error.code : 'sealed' });
    process.stderr.write(`amanat starts sealed: ${error instanceof Error ? error.message : ''}\n`);
    const start = await waited(config, log, port, onAttempt);
    log.event('seal', { code: 'unsealed' });
    return start;
  }
}

async function waited(
  config: Config,
  log: Log,
  port: number,
  onAttempt: (attempt: (given: Credentials) => Promise<void>) => void,
): Promise<Start> {
  const http = createHttp<never>({
    log,
    now: Date.now,
    authenticate: () => {
      throw new VaultError('sealed');
    },
    clientOf: () => '',
    tenantOf: () => '',
    isSealed: () => true,
  });
  http.get('/healthz', { auth: false, unlimited: true }, () => ({ status: 200, body: { status: 'alive' } }));
  const checks: Readiness['checks'] = { database: 'unchecked', keys: 'failed', audit: 'unchecked' };
  const notReady = { status: 'not_ready', code: 'sealed', checks };
  http.get('/readyz', { auth: false, unlimited: true }, () => ({ status: 503, body: notReady }));
  const running = await listen(http, { host: config.host, port, tls: config.tls });
  log.event('listening', { url: running.url });
  let timer: NodeJS.Timeout | undefined;
  const start = await new Promise<Start>((resolve) => {
    onAttempt(async (given) => resolve({ opened: { keys: await loadKeys(config, given), given }, unsealed: true }));
    // By itself it finds a module that is back, and a passphrase file that somebody has put in its place.
    const tryAgain = unasked(config);
    timer = setInterval(
      () =>
        void tryAgain().then(
          (opened) => resolve({ opened, unsealed: false }),
          () => undefined,
        ),
      againEveryMs,
    );
  });
  clearInterval(timer);
  await running.stop();
  return start;
}
