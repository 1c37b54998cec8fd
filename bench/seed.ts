import { synthetic } from '../src/cli/synthetic.ts';
import type { Service } from './processes.ts';

export interface Seed {
  readonly people: ReturnType<typeof synthetic>;
  readonly ids: readonly string[];
  readonly nationalIds: readonly string[];
  /** Who is patched next and at which version: all those without grants and parcels, and then all of them again. */
  readonly patchable: () => { readonly id: string; readonly version: number };
  /** Customer id and a ticket grant on it. */
  readonly grants: readonly { readonly customerId: string; readonly grantId: string }[];
  readonly deliveries: readonly string[];
  /** Authorization headers, renewed while the benchmark runs. */
  readonly bearer: Readonly<Record<'shop' | 'support' | 'courier', () => string>>;
}

/** Grants and parcels made; reads pick among them. */
const granted = 300;

/** The clients that the benchmark works as. */
export interface Clients extends Readonly<Record<'shop' | 'support' | 'courier', () => string>> {
  readonly courierId: string;
}

export async function seedVault(service: Service, count: number, worked = granted): Promise<Seed> {
  const clients = await makeClients(service);
  const people = synthetic(3);
  const ids: string[] = [];
  const nationalIds: string[] = [];
  for (let done = 0; done < count; done += 200) {
    const customers = Array.from({ length: Math.min(200, count - done) }, () => people.naturalCustomer());
    const answer = await post(service.url, '/v1/customers/batch', { customers }, clients.shop());
    for (const [i, result] of (answer['results'] as { id: string }[]).entries()) {
      ids.push(result.id);
      nationalIds.push(customers[i]?.fields['nationalId'] ?? '');
    }
  }
  const given = await giveWork(service.url, clients, ids.slice(0, worked));
  const alone = ids.slice(worked);
  let patched = 0;
  return {
    people,
    ids,
    nationalIds,
    patchable() {
      const id = alone[patched % alone.length];
      if (id === undefined) throw new Error('nobody is there to be patched: seed more');
      const version = 1 + Math.floor(patched / alone.length);
      patched += 1;
      return { id, version };
    },
    ...given,
    bearer: clients,
  };
}

export async function makeClients(service: Made): Promise<Clients> {
  const admin = await administrator(service);
  const client = (role: string) => makeClient(service, role, admin);
  const [shop, support, courier] = [await client('shop_backend'), await client('support'), await client('courier')];
  return { shop: shop.bearer, support: support.bearer, courier: courier.bearer, courierId: courier.id };
}

type Made = Pick<Service, 'url' | 'firstRun'>;
const administrator = ({ url, firstRun }: Made): Promise<() => string> =>
  keepToken(url, firstRun.clientId, firstRun.clientSecret);

export async function makeClient(service: Made, role: string, admin?: () => string) {
  const by = admin ?? (await administrator(service));
  const made = await post(service.url, '/v1/clients', { name: role, role, authMethod: 'client_secret' }, by());
  const id = made['id'] as string;
  return { id, bearer: await keepToken(service.url, id, made['secret'] as string) };
}

/** An order of each customer, a ticket on it, and a parcel under way. */
export async function giveWork(
  url: string,
  { shop, courierId }: Clients,
  ids: readonly string[],
): Promise<Pick<Seed, 'grants' | 'deliveries'>> {
  const grants: { customerId: string; grantId: string }[] = [];
  const deliveries: string[] = [];
  const closesAt = new Date(Date.now() + 3_600_000).toISOString();
  for (const id of ids) {
    const read = await get(url, `/v1/customers/${id}`, shop());
    const delivery = { to: 'customer', addressId: (read['addresses'] as { id: string }[])[0]?.id ?? '' };
    const order = await post(
      url,
      '/v1/orders',
      { customerId: id, externalRef: `O-${id.slice(-12)}`, delivery },
      shop(),
    );
    const ticket = { kind: 'ticket', customerId: id, orderId: order['id'], grantee: { role: 'support' }, closesAt };
    grants.push({ customerId: id, grantId: (await post(url, '/v1/grants', ticket, shop()))['id'] as string });
    const parcels = `/v1/orders/${String(order['id'])}/shipments`;
    deliveries.push((await post(url, parcels, { courierClientId: courierId }, shop()))['id'] as string);
  }
  return { grants, deliveries };
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
