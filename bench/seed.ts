import { synthetic } from '../src/cli/synthetic.ts';
import type { Service } from './processes.ts';

export interface Seed {
  readonly people: ReturnType<typeof synthetic>;
  readonly ids: readonly string[];
  readonly nationalIds: readonly string[];
  /** A customer that nothing has changed yet: each is patched once, at its first version. */
  readonly untouched: () => string;
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
  let patched = granted;
  return {
    people,
    ids,
    nationalIds,
    untouched() {
      const id = ids[patched];
      if (id === undefined) throw new Error('every customer of the seed was patched: seed more');
      patched += 1;
      return id;
    },
    grants,
    deliveries,
    bearer: { shop: shop.bearer, support: support.bearer, courier: courier.bearer },
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
  const renew = () =>
    fetchToken().then(
      (token) => (bearer = token),
      // The service has been stopped.
      () => undefined,
    );
  setInterval(() => void renew(), 180_000).unref();
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
