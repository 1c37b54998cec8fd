import { readiness, type Readiness } from '../vault/readiness.ts';
import type { Vault } from '../vault/vault.ts';
import type { Declarations } from './acts.ts';
import { docsHeaders, docsPage, problemsPage } from './docsPage.ts';
import type { Answer } from './respond.ts';

/** A look that readyz may repeat for a flood of callers. Milliseconds. */
const repeatMs = 1_000;

/** What is public without a token: is it alive, is it ready, and what can it do. */
export function system(api: Declarations, vault: Vault, openapi: string): void {
  api.get('/healthz', { auth: false, unlimited: true }, () => ({ status: 200, body: { status: 'alive' } }));
  const look = repeated(vault);
  api.get('/readyz', { auth: false, unlimited: true }, async () => {
    const { ready, checks, warnings, code } = await look();
    const more = warnings.length === 0 ? {} : { warnings };
    return { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not_ready', code, checks, ...more } };
  });
  api.get('/openapi.yaml', { auth: false, produces: 'application/yaml' }, () => ({
    status: 200,
    type: 'application/yaml; charset=utf-8',
    bytes: openapi,
  }));
  const docs = once(() => page(docsPage(openapi)));
  api.get('/docs', { auth: false, produces: 'text/html' }, docs);
  const problems = once(() => page(problemsPage()));
  api.get('/docs/problems', { auth: false, produces: 'text/html' }, problems);
}

const page = (html: string): Answer => ({
  status: 200,
  type: 'text/html; charset=utf-8',
  bytes: Buffer.from(html),
  headers: docsHeaders,
});

/** Made for the first who asks: reading the description takes half a second, which no start and no test has to wait for. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function repeated(vault: Vault): () => Promise<Readiness> {
  let last: { readonly at: number; readonly result: Promise<Readiness> } | undefined;
  return () => {
    const now = vault.now();
    if (last === undefined || now - last.at > repeatMs) last = { at: now, result: readiness(vault) };
    return last.result;
  };
}
