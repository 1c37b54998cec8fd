import { readiness, type Readiness } from '../vault/readiness.ts';
import type { Vault } from '../vault/vault.ts';
import type { Declarations } from './acts.ts';
import { docsHeaders, docsPage } from './docsPage.ts';

/** A look that readyz may repeat for a flood of callers. Milliseconds. */
const repeatMs = 1_000;

/** What is public without a token: is it alive, is it ready, and what can it do. */
export function system(api: Declarations, vault: Vault, openapi: string): void {
  api.get('/healthz', { auth: false, unlimited: true }, () => ({ status: 200, body: { status: 'alive' } }));
  const look = repeated(vault);
  api.get('/readyz', { auth: false, unlimited: true }, async () => {
    const { ready, checks } = await look();
    return { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not_ready', checks } };
  });
  api.get('/openapi.yaml', { auth: false, produces: 'application/yaml' }, () => ({
    status: 200,
    type: 'application/yaml; charset=utf-8',
    bytes: openapi,
  }));
  const page = docsPage(openapi);
  api.get('/docs', { auth: false, produces: 'text/html' }, () => ({
    status: 200,
    type: 'text/html; charset=utf-8',
    bytes: page,
    headers: docsHeaders,
  }));
}

function repeated(vault: Vault): () => Promise<Readiness> {
  let last: { readonly at: number; readonly result: Promise<Readiness> } | undefined;
  return () => {
    const now = vault.now();
    if (last === undefined || now - last.at > repeatMs) last = { at: now, result: readiness(vault) };
    return last.result;
  };
}
