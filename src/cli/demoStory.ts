/** The story of `npm run demo`: what a shop, its departments, its couriers and its legal staff see of the same people. */
import { readable, shownFields, textOf, type Actor, type Json, type Stage } from './demoStage.ts';
import { ServiceFault } from './service.ts';
import { synthetic } from './synthetic.ts';

/** Everybody who appears, each a client of its own. */
export interface Cast {
  readonly shop: Actor;
  readonly support: Actor;
  readonly courierA: Actor;
  readonly courierB: Actor;
  readonly registrar: Actor;
  readonly approver: Actor;
  /** The registrar's person at the approver's client. */
  readonly registrarElsewhere: Actor;
  readonly dpo: Actor;
}

const people = synthetic(1404);

export interface Stored {
  readonly customerId: string;
  readonly addressOrderId: string;
  readonly giftOrderId: string;
  /** Somebody else, who leaves. */
  readonly leavingId: string;
}

/** The shop fills the vault. */
export async function storeCustomers(stage: Stage, { shop }: Cast): Promise<Stored> {
  stage.chapter('The shop stores a customer, and gets an id for it');
  const sent = people.naturalCustomer();
  const made = await stage.ask(shop, 'POST /v1/customers', sent, 201);
  const customerId = textOf(made.body, 'id');
  stage.rows(
    [],
    [
      ['sent', `${sent.fields.givenName} ${sent.fields.familyName}`],
      [
        '',
        Object.keys({ ...sent.fields, mobile: '', address: '' })
          .slice(2)
          .join(' '),
      ],
      ['came back', `id ${customerId}`],
    ],
  );
  stage.say('From here on the shop keeps the id; the person stays in the vault.');
  const more = {
    customers: Array.from({ length: 20 }, (_, i) => (i % 5 === 4 ? people.legalCustomer() : people.naturalCustomer())),
  };
  const batch = await stage.ask(shop, 'POST /v1/customers/batch', more, 200);
  const [other] = batch.body['results'] as Json[];

  stage.chapter('It orders twice: once for itself, once for somebody else');
  const own = await stage.ask(shop, `GET /v1/customers/${customerId}`, undefined, 200);
  const [place] = own.body['addresses'] as { id: string }[];
  const self = { customerId, externalRef: 'ORDER-1', delivery: { to: 'customer', addressId: place?.id } };
  const addressOrder = await stage.ask(shop, 'POST /v1/orders', self, 201);
  const { location: _, ...recipient } = people.recipient();
  const gift = { customerId, externalRef: 'ORDER-2', delivery: { to: 'recipient', recipient } };
  const giftOrder = await stage.ask(shop, 'POST /v1/orders', gift, 201);
  stage.say("The recipient is sealed under that order's own key and is found by no search.");
  return {
    customerId,
    addressOrderId: textOf(addressOrder.body, 'id'),
    giftOrderId: textOf(giftOrder.body, 'id'),
    leavingId: textOf(other ?? {}, 'id'),
  };
}

/** Masks without work, the phone with it. */
export async function askForSupport(stage: Stage, { shop, support }: Cast, { customerId }: Stored): Promise<void> {
  stage.chapter('Support looks at the customer without a ticket: masks, each with its reason');
  const masked = await stage.ask(support, `GET /v1/customers/${customerId}`, undefined, 200);
  stage.rows(['field', 'state', 'reason', 'value'], shownFields(masked.body));

  stage.chapter('The shop opens a ticket for an hour; under it, support reads the phone');
  const ticket = {
    kind: 'ticket',
    customerId,
    grantee: { role: 'support' },
    fields: ['givenName', 'mobile'],
    externalRef: 'TICKET-7',
    closesAt: new Date(Date.now() + 3_600_000).toISOString(),
    maxReads: 3,
  };
  const grant = await stage.ask(shop, 'POST /v1/grants', ticket, 201);
  const path = `/v1/customers/${customerId}?grant=${textOf(grant.body, 'id')}&fields=givenName,mobile,iban`;
  const read = await stage.ask(support, `GET ${path}`, undefined, 200);
  const rows = shownFields(read.body);
  stage.rows(['field', 'state', 'reason', 'value'], rows);
  expectState(rows, 'mobile', 'full');
  expectState(rows, 'iban', 'withheld', 'masked');
  expectState(shownFields(masked.body), 'mobile', 'masked');
}

function expectState(rows: readonly (readonly string[])[], field: string, ...states: readonly string[]): void {
  const state = rows.find((row) => row[0] === field)?.[1];
  if (state === undefined || !states.includes(state))
    throw new ServiceFault('software', `unexpected answer: ${field} is ${state ?? 'not there'}`);
}

/** One parcel each, and nothing once it is delivered. */
export async function deliver(stage: Stage, cast: Cast, stored: Stored): Promise<void> {
  const { shop, courierA, courierB } = cast;
  stage.chapter('Two parcels go to two couriers; each sees its own');
  const ship = (orderId: string, courier: Actor) =>
    stage.ask(shop, `POST /v1/orders/${orderId}/shipments`, { courierClientId: courier.session.clientId }, 201);
  const gift = (await ship(stored.giftOrderId, courierA)).body;
  const other = (await ship(stored.addressOrderId, courierB)).body;
  const parcel = `/v1/deliveries/${textOf(gift, 'id')}`;
  const list = await stage.ask(courierA, 'GET /v1/deliveries', undefined, 200);
  const items = list.body['items'] as Json[];
  stage.rows(
    ['open for courier A', 'city'],
    items.map((item) => [`…${textOf(item, 'id').slice(-5)}`, readable(item['city'])]),
  );
  const seen = await stage.ask(courierA, `GET ${parcel}`, undefined, 200);
  stage.rows([], deliveryRows(seen.body));
  await stage.ask(courierA, `GET /v1/deliveries/${textOf(other, 'id')}`, undefined, [404, 'not_found']);
  await stage.ask(courierB, `GET ${parcel}`, undefined, [404, 'not_found']);

  stage.chapter('Delivered against the code that the recipient was sent: the view closes');
  const code = textOf(gift, 'deliveryCode');
  const wrong = String((Number(code) + 1) % 100_000).padStart(5, '0');
  await stage.ask(courierA, `POST ${parcel}/confirm`, { code: wrong }, [422, 'wrong_code']);
  await stage.ask(courierA, `POST ${parcel}/confirm`, { code }, 200);
  await stage.ask(courierA, `GET ${parcel}`, undefined, [404, 'not_found']);
}

function deliveryRows(body: Json): string[][] {
  const { id: _id, opensAt: _opens, closesAt: _closes, ...values } = body;
  return Object.entries(values).map(([name, value]) => [name, readable(value)]);
}

/** Who did what, from the log. */
export async function readLog(stage: Stage, { dpo, registrar }: Cast, { customerId }: Stored): Promise<void> {
  stage.chapter('Every act and every refusal stands in the log, without a value');
  const log = await stage.ask(dpo, `GET /v1/audit?subject=${customerId}&limit=100`, undefined, 200);
  stage.rows(
    ['time', 'role', 'act', 'outcome', 'read in full'],
    (log.body['items'] as Json[]).toReversed().map(logRow),
  );
  const desk = await stage.ask(dpo, `GET /v1/audit?client=${registrar.session.clientId}&limit=100`, undefined, 200);
  const refused = (desk.body['items'] as Json[]).filter((entry) => entry['outcome'] === 'refused').toReversed();
  stage.rows(
    ['time', 'role', 'act', 'rule that refused'],
    refused.map((entry) => [...logRow(entry).slice(0, 3), textOf(entry, 'rule')]),
  );
  if (!refused.some((entry) => entry['rule'] === 'legal_order_required'))
    throw new ServiceFault('software', 'the refusal is not in the log');
}

function logRow(entry: Json): string[] {
  const [first = '', ...more] = entry['full'] as string[];
  const full = more.length < 2 ? [first, ...more].join(' ') : `${first} and ${more.length} more`;
  return [
    textOf(entry, 'at').slice(11, 19),
    textOf(entry, 'role'),
    textOf(entry, 'action'),
    textOf(entry, 'outcome'),
    full,
  ];
}
