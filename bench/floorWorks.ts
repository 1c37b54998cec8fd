import { Client } from 'pg';
import { synthetic } from '../src/cli/synthetic.ts';
import type { Work } from './load.ts';

export type FloorWork = 'read' | 'search' | 'create' | 'patch' | 'batch' | 'batchRead';

/** A customer as a plain shop would hold it: the same twelve or so items, flat. */
function plainCustomer(people: ReturnType<typeof synthetic>) {
  const { fields, phones, addresses } = people.naturalCustomer();
  return { ...fields, phones, addresses, nationalId: fields['nationalId'] };
}

export interface FloorSeed {
  readonly ids: readonly string[];
  readonly nationalIds: readonly string[];
  /** Goes on where the seeding stopped, so that nobody comes twice. */
  readonly people: ReturnType<typeof synthetic>;
}

export async function seedFloor(url: string, count: number): Promise<FloorSeed> {
  const people = synthetic(1);
  const client = new Client({ connectionString: url });
  await client.connect();
  const bodies = Array.from({ length: count }, () => plainCustomer(people));
  const { rows } = await client.query<{ id: string; nid: string }>(
    `insert into customers (id, national_id, body)
     select gen_random_uuid(), b ->> 'nationalId', b from jsonb_array_elements($1::jsonb) as t (b)
     returning id, national_id as nid`,
    [JSON.stringify(bodies)],
  );
  await client.end();
  return { ids: rows.map((r) => r.id), nationalIds: rows.map((r) => r.nid), people };
}

export function any<T>(list: readonly T[]): T {
  const item = list[Math.floor(Math.random() * list.length)];
  if (item === undefined) throw new Error('empty list');
  return item;
}

export function floorWorks(url: string, seed: FloorSeed): Readonly<Record<FloorWork, Work>> {
  const fresh = seed.people;
  const post = (path: string, body: unknown) => ({ method: 'POST' as const, path, body: JSON.stringify(body) });
  return {
    read: { url, next: () => ({ method: 'GET', path: `/customers/${any(seed.ids)}` }) },
    search: { url, next: () => post('/customers/search', { value: any(seed.nationalIds) }) },
    create: { url, next: () => post('/customers', plainCustomer(fresh)) },
    patch: {
      url,
      next: () => ({
        method: 'PATCH',
        path: `/customers/${any(seed.ids)}`,
        body: JSON.stringify({ email: fresh.email() }),
      }),
    },
    batchRead: {
      url,
      records: 100,
      next: () => post('/customers/batch-read', { ids: Array.from({ length: 100 }, () => any(seed.ids)) }),
    },
    batch: {
      url,
      records: 100,
      next: () =>
        post(
          '/customers/batch',
          Array.from({ length: 100 }, () => plainCustomer(fresh)),
        ),
    },
  };
}
