import type { IncomingMessage, ServerResponse } from 'node:http';

import helmet from 'helmet';

/** The headers that every answer carries, with the same values for as long as the process lives. */
export interface StandingHeaders {
  /** Name, value, name, value …, as `writeHead` takes them. */
  readonly list: readonly string[];
  /** Where the value of a name (in lower case) stands in `list`. */
  readonly valueAt: ReadonlyMap<string, number>;
}

const apiPolicy = {
  useDefaults: false,
  directives: { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] },
};

/**
 * helmet's headers, taken down once from a stand-in response, then ours. They do not depend on the request, so nothing is
 * gained by computing them for each one.
 */
export function standingHeaders(ours: Readonly<Record<string, string>>): StandingHeaders {
  const headers = new Map<string, string>();
  const standIn = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    removeHeader: () => undefined,
  } as unknown as ServerResponse;
  const guard = helmet({ contentSecurityPolicy: apiPolicy, xFrameOptions: { action: 'deny' } });
  guard({} as IncomingMessage, standIn, (error?: unknown) => {
    if (error !== undefined) throw new Error('helmet refused its options');
  });
  headers.set('Cache-Control', 'no-store');
  for (const [name, value] of Object.entries(ours)) headers.set(name, value);
  const entries = [...headers];
  return { list: entries.flat(), valueAt: new Map(entries.map(([name], i) => [name.toLowerCase(), 2 * i + 1])) };
}

/** A fresh list of the standing headers, with `own` in place of those it names and after the rest. */
export function withStanding(standing: StandingHeaders, own: Readonly<Record<string, string>> | undefined): string[] {
  const list = [...standing.list];
  for (const name in own) {
    const value = own[name] ?? '';
    const at = standing.valueAt.get(name.toLowerCase());
    if (at === undefined) list.push(name, value);
    else list[at] = value;
  }
  return list;
}
