import { synthetic } from '../src/cli/synthetic.ts';
import { any, type FloorWork } from './floorWorks.ts';
import type { Work } from './load.ts';
import type { Service } from './processes.ts';

interface Seed {
  readonly people: ReturnType<typeof synthetic>;
  readonly ids: readonly string[];
  readonly nationalIds: readonly string[];
  /** Customer id and a ticket grant on it. */
  readonly grants: readonly { readonly customerId: string; readonly grantId: string }[];
  readonly deliveries: readonly string[];
  /** Authorization headers, renewed while the benchmark runs. */
  readonly bearer: Readonly<Record<'shop' | 'support' | 'courier', () => string>>;
}

/** Grants and parcels made; reads pick among them. */
const granted = 300;

export async function seedVault(service: Service, count: number): Promise<Seed> {
  const { url, firstRun } = service;
  const admin = await keepToken(url, firstRun.clientId, firstRun.clientSecret);
  const client = async (role: string) => {
    const made = await post(url, '/v1/clients', { name: role, role, authMethod: 'client_secret' }, admin());
    return { id: made['id'] as string, bearer: await keepToken(url, made['id'] as string, made['secret'] as string) };
  };
  const [shop, support, courier] = [await client('shop_backend'), await client('support'), await client('courier')];
  const people = synthetic(3);
  const ids: string[] = [];
  const nationalIds: string[] = [];
  const addressed: { id: string; addressId: string }[] = [];
  for (let done = 0; done < count; done += 200) {
    const customers = Array.from({ length: Math.min(200, count - done) }, () => people.naturalCustomer());
    const answer = await post(url, '/v1/customers/batch', { customers }, shop.bearer());
    for (const [i, result] of (answer['results'] as { id: string }[]).entries()) {
      ids.push(result.id);
      nationalIds.push(customers[i]?.fields['nationalId'] ?? '');
    }
  }
  for (const id of ids.slice(0, granted)) {
    const read = await get(url, `/v1/customers/${id}`, shop.bearer());
    addressed.push({ id, addressId: (read['addresses'] as { id: string }[])[0]?.id ?? '' });
  }
  const grants: { customerId: string; grantId: string }[] = [];
  const deliveries: string[] = [];
  const closesAt = new Date(Date.now() + 3_600_000).toISOString();
  for (const { id, addressId } of addressed) {
    const order = await post(
      url,
      '/v1/orders',
      { customerId: id, externalRef: `O-${id.slice(-12)}`, delivery: { to: 'customer', addressId } },
      shop.bearer(),
    );
    const ticket = { kind: 'ticket', customerId: id, orderId: order['id'], grantee: { role: 'support' }, closesAt };
    grants.push({ customerId: id, grantId: (await post(url, '/v1/grants', ticket, shop.bearer()))['id'] as string });
    const shipment = await post(
      url,
      `/v1/orders/${String(order['id'])}/shipments`,
      { courierClientId: courier.id },
      shop.bearer(),
    );
    deliveries.push(shipment['id'] as string);
  }
  return {
    people,
    ids,
    nationalIds,
    grants,
    deliveries,
    bearer: { shop: shop.bearer, support: support.bearer, courier: courier.bearer },
  };
}

interface Named {
  readonly name: string;
  /** At least this ratio to the floor. */
  readonly goal: number;
  readonly against: FloorWork;
  readonly next: Work['next'];
  readonly records?: number;
}

export function vaultWorks(url: string, seed: Seed) {
  const fresh = seed.people;
  const { shop, support, courier } = seed.bearer;
  const read = (who: () => string, path: string) => ({
    method: 'GET' as const,
    path,
    headers: { authorization: who() },
  });
  const grantedItem = () => {
    const { customerId, grantId } = any(seed.grants);
    return { id: customerId, grant: grantId };
  };
  const send = (path: string, body: unknown, who = shop) => ({
    method: 'POST' as const,
    path,
    headers: { authorization: who() },
    body: JSON.stringify(body),
  });
  const three = 'givenName,familyName,mobile';
  const works: readonly Named[] = [
    { name: 'masked read', goal: 0.65, against: 'read', next: () => read(support, `/v1/customers/${any(seed.ids)}`) },
    {
      name: 'granted read, 3 fields',
      goal: 0.65,
      against: 'read',
      next: () => {
        const { customerId, grantId } = any(seed.grants);
        return read(support, `/v1/customers/${customerId}?grant=${grantId}&fields=${three}`);
      },
    },
    {
      name: 'granted read, all fields',
      goal: 0.65,
      against: 'read',
      next: () => {
        const { customerId, grantId } = any(seed.grants);
        return read(support, `/v1/customers/${customerId}?grant=${grantId}`);
      },
    },
    {
      name: 'courier read',
      goal: 0.65,
      against: 'read',
      next: () => read(courier, `/v1/deliveries/${any(seed.deliveries)}`),
    },
    {
      name: 'search',
      goal: 0.65,
      against: 'search',
      next: () => send('/v1/customers/search', { by: 'nationalId', value: any(seed.nationalIds) }),
    },
    {
      name: 'batch read of 100, masked, records',
      goal: 0.13,
      against: 'batchRead',
      records: 100,
      next: () =>
        send(
          '/v1/customers/batch-read',
          { customers: Array.from({ length: 100 }, () => ({ id: any(seed.ids) })) },
          support,
        ),
    },
    {
      name: 'batch read of 100, granted, records',
      goal: 0.13,
      against: 'batchRead',
      records: 100,
      next: () => send('/v1/customers/batch-read', { customers: Array.from({ length: 100 }, grantedItem) }, support),
    },
    { name: 'create', goal: 0.6, against: 'create', next: () => send('/v1/customers', fresh.naturalCustomer()) },
    {
      name: 'batch create of 100, records',
      goal: 0.13,
      against: 'batch',
      records: 100,
      next: () =>
        send('/v1/customers/batch', { customers: Array.from({ length: 100 }, () => fresh.naturalCustomer()) }),
    },
  ];
  return {
    works,
    of(name: string): Work {
      const work = works.find((w) => w.name === name);
      if (work === undefined) throw new Error(name);
      return { url, next: work.next, records: work.records ?? 1 };
    },
  };
}

/** A token lives five minutes; this one is renewed each three, until the process ends. */
async function keepToken(url: string, id: string, secret: string): Promise<() => string> {
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const fetchToken = async (): Promise<string> => {
    const answer = await fetch(`${url}/oauth/token`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    });
    return `Bearer ${((await answer.json()) as { access_token: string }).access_token}`;
  };
  let bearer = await fetchToken();
  setInterval(() => void fetchToken().then((token) => (bearer = token)), 180_000).unref();
  return () => bearer;
}

async function post(url: string, path: string, body: unknown, authorization: string): Promise<Record<string, unknown>> {
  return answerOf(
    await fetch(url + path, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );
}

async function get(url: string, path: string, authorization: string): Promise<Record<string, unknown>> {
  return answerOf(await fetch(url + path, { headers: { authorization } }));
}

async function answerOf(answer: Response): Promise<Record<string, unknown>> {
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}
