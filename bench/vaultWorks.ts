import { any, type FloorWork } from './floorWorks.ts';
import type { Work } from './load.ts';
import type { Seed } from './seed.ts';

/** What the vault is measured at, each against the floor's way of doing the same. */
export interface Named {
  readonly name: string;
  /** Ratio to the floor that is wished for, and the least that is accepted; empty where nobody has set any. */
  readonly goals: { readonly goal?: number; readonly least?: number };
  readonly against: FloorWork;
  readonly work: Work;
}

export type VaultWork =
  | 'masked read'
  | 'granted read, 3 fields'
  | 'granted read, all fields'
  | 'courier read'
  | 'search'
  | 'create'
  | 'patch'
  | 'batch create of 100, records'
  | 'batch read of 100 in masks, records'
  | 'batch read of 100 in full, records'
  | 'import, records';

const three = 'givenName,familyName,mobile';
const importedAtOnce = 400;

export function vaultWorks(url: string, seed: Seed): Readonly<Record<VaultWork, Named>> {
  const fresh = seed.people;
  const { shop, support, courier } = seed.bearer;
  const read = (who: () => string, path: string) => ({
    method: 'GET' as const,
    path,
    headers: { authorization: who() },
  });
  const send = (path: string, body: unknown, who = shop) => ({
    method: 'POST' as const,
    path,
    headers: { authorization: who() },
    body: JSON.stringify(body),
  });
  const grantedRead = (query: string) => () => {
    const { customerId, grantId } = any(seed.grants);
    return read(support, `/v1/customers/${customerId}?grant=${grantId}${query}`);
  };
  const batchRead = (item: () => object) => () =>
    send('/v1/customers/batch-read', { customers: Array.from({ length: 100 }, item) }, support);
  const natural = () => fresh.naturalCustomer();
  const row = (name: VaultWork, goals: Named['goals'], against: FloorWork, next: Work['next'], records = 1) => ({
    name,
    goals,
    against,
    work: { url, next, records },
  });
  return {
    'masked read': row('masked read', { goal: 1, least: 0.85 }, 'read', () =>
      read(support, `/v1/customers/${any(seed.ids)}`),
    ),
    'granted read, 3 fields': row(
      'granted read, 3 fields',
      { goal: 1, least: 0.8 },
      'read',
      grantedRead(`&fields=${three}`),
    ),
    'granted read, all fields': row('granted read, all fields', { goal: 0.9, least: 0.7 }, 'read', grantedRead('')),
    'courier read': row('courier read', { goal: 1, least: 0.85 }, 'read', () =>
      read(courier, `/v1/deliveries/${any(seed.deliveries)}`),
    ),
    search: row('search', { goal: 0.9, least: 0.75 }, 'search', () =>
      send('/v1/customers/search', { by: 'nationalId', value: any(seed.nationalIds) }),
    ),
    create: row('create', { goal: 0.9, least: 0.75 }, 'create', () => send('/v1/customers', natural())),
    patch: row('patch', {}, 'patch', () => {
      const { id, version } = seed.patchable();
      return {
        method: 'PATCH',
        path: `/v1/customers/${id}`,
        headers: { authorization: shop(), 'content-type': 'application/merge-patch+json', 'if-match': `"${version}"` },
        body: JSON.stringify({ fields: { email: fresh.email() } }),
      };
    }),
    'batch create of 100, records': row(
      'batch create of 100, records',
      {},
      'create',
      () => send('/v1/customers/batch', { customers: Array.from({ length: 100 }, natural) }),
      100,
    ),
    'batch read of 100 in masks, records': row(
      'batch read of 100 in masks, records',
      { goal: 0.3, least: 0.13 },
      'batchRead',
      batchRead(() => ({ id: any(seed.ids) })),
      100,
    ),
    'batch read of 100 in full, records': row(
      'batch read of 100 in full, records',
      { goal: 0.3, least: 0.13 },
      'batchRead',
      batchRead(() => {
        const { customerId, grantId } = any(seed.grants);
        return { id: customerId, grant: grantId };
      }),
      100,
    ),
    'import, records': row(
      'import, records',
      { goal: 3, least: 2 },
      'create',
      () => ({
        method: 'POST',
        path: '/v1/customers/import',
        headers: { authorization: shop(), 'content-type': 'application/x-ndjson', accept: 'application/x-ndjson' },
        body: Array.from({ length: importedAtOnce }, () => JSON.stringify(natural())).join('\n'),
      }),
      importedAtOnce,
    ),
  };
}
