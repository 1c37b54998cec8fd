import 'vitest';

/** What a test worker learns about the run's PostgreSQL. */
export interface TestCluster {
  readonly port: number;
  readonly superuserUrl: string;
  readonly ownerUrl: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    readonly postgresDoor: number;
    /** openapi.yaml, parsed: most of a second each time. */
    readonly openapi: unknown;
  }
}

export const migratedTemplate = 'amanat_template';

export function databaseUrl(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
