import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  bytesOf,
  changedMeanwhile,
  day,
  hour,
  leavesOf,
  made,
  newOrder,
  newParcel,
  newPerson,
  statuses,
  wrongCode,
  type Parcel,
  type Person,
} from '../support/work.ts';

let vault: TestVault;
let shop: TestClient;
let courier: TestClient;
let rival: TestClient;
let dpo: TestClient;
const people = synthetic(21);

beforeAll(async () => {
  vault = await startVault();
  [shop, courier, rival, dpo] = await Promise.all([
    vault.client('shop_backend'),
    vault.client('courier'),
    vault.client('courier'),
    vault.client('dpo'),
  ]);
});
afterAll(() => vault.stop());

const unknownId = '0199a9b0-0000-7000-8000-00000000abcd';

async function dispatched(
  terms: Record<string, unknown> = {},
): Promise<{ person: Person; orderId: string; parcel: Parcel }> {
  const person = await newPerson(shop, people.naturalCustomer());
  const orderId = await newOrder(shop, person);
  return { person, orderId, parcel: await newParcel(shop, orderId, courier, terms) };
}

const read = (parcel: Parcel, by = courier) => by.get(`/v1/deliveries/${parcel.id}`);
const confirm = (parcel: Parcel, code: string, by = courier) =>
  by.post(`/v1/deliveries/${parcel.id}/confirm`, { code });

/** The courier's view of the parcel is what a parcel that never was gives, on every route. */
async function expectGone(parcel: Parcel, by = courier): Promise<void> {
  const attempts: readonly [string, string, unknown?][] = [
    ['GET', ''],
    ['POST', '/confirm', { code: parcel.deliveryCode }],
    ['POST', '/fail', { reason: 'کسی نبود' }],
    ['POST', '/return', {}],
  ];
  for (const [method, end, body] of attempts) {
    const closed = await by.call(method, `/v1/deliveries/${parcel.id}${end}`, body);
    const never = await by.call(method, `/v1/deliveries/${unknownId}${end}`, body);
    expect(closed.status, `${method} ${end}`).toBe(404);
    expect(bytesOf(closed)).toBe(bytesOf(never));
  }
  const listed = made(await by.get('/v1/deliveries?limit=100'), 200).items;
  expect(listed.map((item: { id: string }) => item.id)).not.toContain(parcel.id);
}

describe('what a courier sees of its own open parcel', () => {
  test('the customer’s delivery in full, and nothing else', async () => {
    const { person, parcel } = await dispatched();
    const { sent } = person;
    const answer = await read(parcel);
    const [place] = sent.addresses;
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body).toEqual({
      id: parcel.id,
      recipientName: `${sent.fields['givenName']} ${sent.fields['familyName']}`,
      phone: `+98${sent.phones.find((p) => p.kind === 'mobile')?.number.slice(1)}`,
      address: place?.address,
      postalCode: place?.postalCode,
      location: place?.location,
      opensAt: expect.any(String),
      closesAt: expect.any(String),
    });
    for (const field of ['nationalId', 'email', 'iban'] as const) expect(answer.text).not.toContain(sent.fields[field]);
    expect(answer.text).not.toContain(person.id);
    expect(Date.parse(answer.body.closesAt) - Date.parse(answer.body.opensAt)).toBe(15 * day);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test('an alternate recipient’s three items, and nothing of the buyer', async () => {
    const person = await newPerson(shop, people.naturalCustomer());
    const recipient = people.recipient();
    const orderId = await newOrder(shop, person, { to: 'recipient', recipient });
    const answer = await read(await newParcel(shop, orderId, courier));
    expect(answer.body).toMatchObject({
      recipientName: recipient.name,
      phone: `+98${recipient.phone.slice(1)}`,
      address: recipient.address,
      postalCode: recipient.postalCode,
    });
    for (const value of Object.values(person.sent.fields)) expect(answer.text).not.toContain(value);
    for (const { number } of person.sent.phones) expect(answer.text).not.toContain(number.slice(1));
  });

  test('of a company its name and contact', async () => {
    const person = await newPerson(shop, people.legalCustomer());
    const answer = await read(await newParcel(shop, await newOrder(shop, person), courier));
    const { legalName, contactGivenName, contactFamilyName, legalNationalId } = person.sent.fields as Record<
      string,
      string
    >;
    expect(answer.body.recipientName).toBe(`${legalName}، ${contactGivenName} ${contactFamilyName}`);
    expect(answer.text).not.toContain(legalNationalId);
  });

  test('only what its carrier needs; Post alone the national ID, and only of a customer who receives', async () => {
    const person = await newPerson(shop, people.naturalCustomer());
    const [mahex, post] = await Promise.all([
      vault.client('courier', { carrierProfile: 'mahex' }),
      vault.client('courier', { carrierProfile: 'post' }),
    ]);
    const plain = made(
      await mahex.get(`/v1/deliveries/${(await newParcel(shop, await newOrder(shop, person), mahex)).id}`),
      200,
    );
    expect(Object.keys(plain).toSorted()).toEqual(['address', 'closesAt', 'id', 'opensAt', 'phone', 'recipientName']);
    const own = made(
      await post.get(`/v1/deliveries/${(await newParcel(shop, await newOrder(shop, person), post)).id}`),
      200,
    );
    expect(own.nationalId).toBe(person.sent.fields['nationalId']);
    const toOther = await newOrder(shop, person, { to: 'recipient', recipient: people.recipient() });
    const other = made(await post.get(`/v1/deliveries/${(await newParcel(shop, toOther, post)).id}`), 200);
    expect(other).not.toHaveProperty('nationalId');
  });

  test('reassigned from Post to another carrier, the national ID stays behind', async () => {
    const person = await newPerson(shop, people.naturalCustomer());
    const post = await vault.client('courier', { carrierProfile: 'post' });
    const orderId = await newOrder(shop, person);
    const first = await newParcel(shop, orderId, post);
    expect((await post.get(`/v1/deliveries/${first.id}`)).body.nationalId).toBe(person.sent.fields['nationalId']);
    const answer = await read(await newParcel(shop, orderId, courier));
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain(person.sent.fields['nationalId']);
  });

  test('every read leaves a leaf that names subject, parcel, grant, purpose and fields', async () => {
    const { person, parcel } = await dispatched();
    await read(parcel);
    const [leaf] = await leavesOf(dpo, `grant=${parcel.grantId}`);
    expect(leaf).toMatchObject({
      action: 'deliveries.read',
      outcome: 'allowed',
      clientId: courier.id,
      subjectId: person.id,
      objectKind: 'deliveries',
      objectId: parcel.id,
      grantId: parcel.grantId,
      purpose: 'shipping',
      full: ['givenName', 'familyName', 'mobile', 'landline', 'address', 'postalCode', 'location'],
      masked: [],
    });
  });

  test('a corrected delivery is seen at once, and its leaf names whose fields they were', async () => {
    const { person, orderId, parcel } = await dispatched();
    await read(parcel);
    const recipient = people.recipient();
    made(await shop.patch(`/v1/orders/${orderId}`, { delivery: { to: 'recipient', recipient } }, 1), 200);
    const answers = await Promise.all(Array.from({ length: 10 }, () => read(parcel)));
    for (const answer of answers) expect(answer.body.recipientName).toBe(recipient.name);
    const leaves = await leavesOf(dpo, `grant=${parcel.grantId}`);
    for (const leaf of leaves.slice(0, 10)) expect(leaf.full).toContain('recipientName');
    expect(leaves.at(-2).full).toContain('givenName');
    expect(person.id).toBe(leaves[0].subjectId);
  });
});

describe('a courier’s view closes (P13)', () => {
  test('at delivery', async () => {
    const { orderId, parcel } = await dispatched();
    expect((await read(parcel)).status).toBe(200);
    expect(made(await confirm(parcel, parcel.deliveryCode), 200)).toEqual({ id: parcel.id, status: 'delivered' });
    await expectGone(parcel);
    expect(made(await shop.get(`/v1/orders/${orderId}`), 200).status).toBe('delivered');
    const [row] = await atDatabase<{ code_hash: unknown; closed_reason: string }>(
      vault,
      `select s.code_hash, g.closed_reason from amanat.shipments s join amanat.grants g on g.id = s.grant_id where s.id = $1`,
      [parcel.id],
    );
    expect(row).toEqual({ code_hash: null, closed_reason: 'delivered' });
  });

  test('at return', async () => {
    const { orderId, parcel } = await dispatched();
    expect((await read(parcel)).status).toBe(200);
    expect(made(await courier.post(`/v1/deliveries/${parcel.id}/return`), 200).status).toBe('returned');
    await expectGone(parcel);
    expect(made(await shop.get(`/v1/orders/${orderId}`), 200).status).toBe('returned');
    // What came back may be sent again.
    expect((await read(await newParcel(shop, orderId, courier))).status).toBe(200);
  });

  test('at cancellation', async () => {
    const { orderId, parcel } = await dispatched();
    expect((await read(parcel)).status).toBe(200);
    made(await shop.post(`/v1/orders/${orderId}/cancel`), 200);
    await expectGone(parcel);
  });

  test('at reassignment, and opens for the other courier only', async () => {
    const { orderId, parcel } = await dispatched();
    expect((await read(parcel)).status).toBe(200);
    const second = await newParcel(shop, orderId, rival);
    await expectGone(parcel);
    expect((await read(second, rival)).status).toBe(200);
    await expectGone(second, courier);
    expect(made(await shop.get(`/v1/shipments/${parcel.id}`), 200).status).toBe('reassigned');
    expect(
      (
        await confirm(
          second,
          parcel.deliveryCode === second.deliveryCode ? wrongCode(second) : parcel.deliveryCode,
          rival,
        )
      ).body.code,
    ).toBe('wrong_code');
  });

  test('when the shop closes its grant', async () => {
    const { parcel } = await dispatched();
    expect((await read(parcel)).status).toBe(200);
    made(await shop.post(`/v1/grants/${parcel.grantId}/close`), 200);
    await expectGone(parcel);
  });

  test('with the last read; the parcel can still be handed over', async () => {
    const { parcel } = await dispatched({ maxReads: 2 });
    const listed = made(await courier.get('/v1/deliveries?limit=100'), 200).items;
    expect(listed.map((item: { id: string }) => item.id)).toContain(parcel.id);
    expect([(await read(parcel)).status, (await read(parcel)).status]).toEqual([200, 200]);
    const never = await courier.get(`/v1/deliveries/${unknownId}`);
    expect(bytesOf(await read(parcel))).toBe(bytesOf(never));
    expect(made(await courier.get('/v1/deliveries?limit=100'), 200).items).not.toContainEqual(
      expect.objectContaining({ id: parcel.id }),
    );
    expect((await confirm(parcel, parcel.deliveryCode)).status).toBe(200);
  });

  test('another courier, another tenant and malformed ids meet the same 404', async () => {
    const { parcel } = await dispatched();
    await expectGone(parcel, rival);
    const elsewhere = await vault.secondTenant();
    await expectGone(parcel, await elsewhere.client('courier'));
    const never = await courier.get(`/v1/deliveries/${unknownId}`);
    for (const id of ['x', '1', parcel.id.slice(1), `${parcel.id}0`, 'null', '%30', '-']) {
      expect(bytesOf(await courier.get(`/v1/deliveries/${id}`)), id).toBe(bytesOf(never));
    }
    // The control: the door is there for the one whose parcel it is.
    expect((await read(parcel)).status).toBe(200);
    expect((await courier.get(`/v1/deliveries/${parcel.id.toUpperCase()}`)).status).toBe(200);
  });

  test('in a batch of reads each courier gets its own and nobody else’s', async () => {
    const elsewhere = await vault.secondTenant();
    const stranger = await elsewhere.client('courier');
    const strangers = await elsewhere.client('shop_backend');
    const theirs = await newParcel(
      strangers,
      await newOrder(strangers, await newPerson(strangers, people.naturalCustomer())),
      stranger,
    );
    const mine = (await dispatched()).parcel;
    const other = await newParcel(shop, (await dispatched()).orderId, rival);
    const ids = [mine.id, other.id, theirs.id, unknownId];
    const owners = new Map([
      [mine.id, courier],
      [other.id, rival],
      [theirs.id, stranger],
    ]);
    const asked = Array.from({ length: 8 }, () =>
      [courier, rival, stranger].flatMap((by) => ids.map((id) => ({ by, id }))),
    ).flat();
    const answers = await Promise.all(
      asked.map(async ({ by, id }) => ({ by, id, answer: await by.get(`/v1/deliveries/${id}`) })),
    );
    for (const { by, id, answer } of answers) {
      expect(answer.status).toBe(owners.get(id) === by ? 200 : 404);
      if (answer.status === 200) expect(answer.body.id).toBe(id);
    }
  });

  test('nobody but a courier comes here, and a courier comes nowhere else', async () => {
    const { person, orderId, parcel } = await dispatched();
    for (const role of ['support', 'accounting', 'dpo', 'marketing']) {
      const other = await vault.client(role);
      expect((await read(parcel, other)).body.code, role).toBe('not_permitted');
    }
    expect((await read(parcel, shop)).body.code).toBe('not_permitted');
    const elsewhere = [
      `/v1/customers/${person.id}`,
      `/v1/orders/${orderId}`,
      `/v1/orders?customerId=${person.id}`,
      `/v1/grants/${parcel.grantId}`,
      `/v1/shipments/${parcel.id}`,
    ];
    for (const path of elsewhere) expect((await courier.get(path)).body.code, path).toBe('not_permitted');
    const reading = await courier.as(undefined, 'deliveries');
    expect((await read(parcel, reading)).status).toBe(200);
  });
});

describe('the window', () => {
  let timed: TestVault;
  let seller: TestClient;
  let carrier: TestClient;
  let orderId: string;
  beforeAll(async () => {
    timed = await startVault();
    seller = await timed.client('shop_backend');
    carrier = await timed.client('courier');
    orderId = await newOrder(seller, await newPerson(seller, people.naturalCustomer()));
  });
  afterAll(() => timed.stop());

  test('is closed before it opens and after it ends', async () => {
    const now = timed.vault.now();
    const at = (ms: number) => new Date(now + ms).toISOString();
    const parcel = await newParcel(seller, orderId, carrier, { opensAt: at(60_000), closesAt: at(180_000) });
    await expectGone(parcel, carrier);
    timed.advance(61_000);
    expect((await read(parcel, carrier)).status).toBe(200);
    timed.advance(120_000);
    await expectGone(parcel, carrier);
  });

  test.each([
    ['its end in the past', { closesAt: -1 }, '/closesAt', 'past'],
    ['its end before it opens', { opensAt: 2 * hour, closesAt: hour }, '/closesAt', 'before_opening'],
    ['longer than the policy lets it be', { closesAt: 16 * day }, '/closesAt', 'too_late'],
    ['opening after it could have ended', { opensAt: 16 * day }, '/opensAt', 'too_late'],
  ])('cannot be %s', async (_what, terms, pointer, code) => {
    const given = Object.fromEntries(
      Object.entries(terms).map(([k, ms]) => [k, new Date(timed.vault.now() + ms).toISOString()]),
    );
    const answer = await seller.post(`/v1/orders/${orderId}/shipments`, { courierClientId: carrier.id, ...given });
    expect([answer.status, answer.body.errors]).toEqual([422, [{ pointer, code }]]);
  });
});

describe('the delivery code', () => {
  test('is taken in Persian and Arabic digits', async () => {
    for (const digits of ['۰۱۲۳۴۵۶۷۸۹', '٠١٢٣٤٥٦٧٨٩']) {
      const { parcel } = await dispatched();
      const code = parcel.deliveryCode.replace(/\d/g, (d) => digits[Number(d)] ?? d);
      expect((await confirm(parcel, code)).status).toBe(200);
    }
  });

  test('has five tries, after which the right one is wrong too; the parcel stays open', async () => {
    const { parcel } = await dispatched();
    for (let i = 0; i < 5; i += 1) {
      const answer = await confirm(parcel, wrongCode(parcel));
      expect([answer.status, answer.body.code]).toEqual([422, 'wrong_code']);
    }
    expect((await confirm(parcel, parcel.deliveryCode)).body.code).toBe('wrong_code');
    expect((await read(parcel)).status).toBe(200);
    expect(made(await shop.get(`/v1/shipments/${parcel.id}`), 200)).toMatchObject({ status: 'open' });
  });

  test('after four wrong tries the right one still opens', async () => {
    const { parcel } = await dispatched();
    for (let i = 0; i < 4; i += 1) await confirm(parcel, wrongCode(parcel));
    expect((await confirm(parcel, parcel.deliveryCode)).status).toBe(200);
  });

  test('each wrong try leaves one leaf, with the parcel and its subject', async () => {
    const { person, parcel } = await dispatched();
    await confirm(parcel, wrongCode(parcel));
    const leaves = await leavesOf(dpo, `subject=${person.id}`);
    const refused = leaves.filter((leaf) => leaf.action === 'deliveries.confirm');
    expect(refused).toMatchObject([
      { outcome: 'refused', rule: 'wrong_code', objectId: parcel.id, grantId: parcel.grantId },
    ]);
    const byClient = await leavesOf(dpo, `client=${courier.id}`);
    expect(byClient.filter((leaf) => leaf.objectId === parcel.id && leaf.outcome === 'refused')).toHaveLength(1);
  });

  test('forty wrong tries at once count five', async () => {
    const { parcel } = await dispatched();
    const answers = await Promise.all(Array.from({ length: 40 }, () => confirm(parcel, wrongCode(parcel))));
    expect(new Set(answers.map((a) => a.body.code))).toEqual(new Set(['wrong_code']));
    const [row] = await atDatabase<{ code_tries: number }>(
      vault,
      `select code_tries from amanat.shipments where id = $1`,
      [parcel.id],
    );
    expect(row?.code_tries).toBe(5);
    expect((await confirm(parcel, parcel.deliveryCode)).body.code).toBe('wrong_code');
  });

  test('raced, the right code delivers once or not at all, and what stands agrees', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { orderId, parcel } = await dispatched();
      const codes = Array.from({ length: 16 }, (_, i) => (i % 4 === 3 ? parcel.deliveryCode : wrongCode(parcel)));
      const answers = await Promise.all(codes.map((code) => confirm(parcel, code)));
      const delivered = answers.filter((a) => a.status === 200);
      expect(delivered.length).toBeLessThanOrEqual(1);
      for (const answer of answers) expect(['wrong_code', 'not_found', undefined]).toContain(answer.body.code);
      const order = made(await shop.get(`/v1/orders/${orderId}`), 200);
      expect(order.status).toBe(delivered.length === 1 ? 'delivered' : 'dispatched');
    }
  });

  test('is kept as a keyed hash and shown once', async () => {
    const { parcel } = await dispatched();
    expect(parcel.deliveryCode).toMatch(/^\d{5}$/);
    const rows = await atDatabase<{ row: string }>(
      vault,
      `select s::text as row from amanat.shipments s where s.id = $1`,
      [parcel.id],
    );
    expect(rows[0]?.row).toContain(parcel.id);
    expect(rows[0]?.row).not.toMatch(new RegExp(`[,(]${parcel.deliveryCode}[,)]`));
    expect((await shop.get(`/v1/shipments/${parcel.id}`)).body).not.toHaveProperty('deliveryCode');
    // One parcel's code is not another's.
    const other = (await dispatched()).parcel;
    if (other.deliveryCode !== parcel.deliveryCode) {
      expect((await confirm(other, parcel.deliveryCode)).body.code).toBe('wrong_code');
    }
  });

  test('a request that comes twice under one Idempotency-Key delivers once and is answered twice', async () => {
    const { parcel } = await dispatched();
    const key = { 'idempotency-key': `confirm-${parcel.id}` };
    const first = await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }, key);
    const again = await courier.post(`/v1/deliveries/${parcel.id}/confirm`, { code: parcel.deliveryCode }, key);
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.text).toBe(first.text);
    expect((await confirm(parcel, parcel.deliveryCode)).status).toBe(404);
  });
});

describe('a failed attempt', () => {
  test('is counted, keeps the parcel open, and its words are sealed', async () => {
    const { parcel } = await dispatched();
    const reason = 'زنگ زدم، کسی در را باز نکرد';
    expect(made(await courier.post(`/v1/deliveries/${parcel.id}/fail`, { reason }), 200)).toEqual({
      id: parcel.id,
      status: 'open',
    });
    expect((await read(parcel)).status).toBe(200);
    const shown = await shop.get(`/v1/shipments/${parcel.id}`);
    expect(shown.body).toMatchObject({ status: 'open', attempts: 1 });
    expect(shown.text).not.toContain(reason);
    const [row] = await atDatabase<{ last_failure: Buffer }>(
      vault,
      `select last_failure from amanat.shipments where id = $1`,
      [parcel.id],
    );
    expect(row?.last_failure.length).toBeGreaterThan(Buffer.byteLength(reason));
    expect(row?.last_failure.includes(reason)).toBe(false);
  });

  test.each([
    ['nothing', '', 'empty'],
    ['201 characters', 'ن'.repeat(201), 'too_long'],
    ['a direction override', 'نبود\u202E', 'bidi_control'],
  ])('cannot be told with %s', async (_what, reason, code) => {
    const { parcel } = await dispatched();
    const answer = await courier.post(`/v1/deliveries/${parcel.id}/fail`, { reason });
    expect([answer.status, answer.body.errors]).toEqual([422, [{ pointer: '/reason', code }]]);
  });

  test('takes no card number', async () => {
    const { parcel } = await dispatched();
    const answer = await courier.post(`/v1/deliveries/${parcel.id}/fail`, { reason: 'کارت 9999990000000014 داد' });
    expect(answer.body.code).toBe('card_data_refused');
    expect(made(await shop.get(`/v1/shipments/${parcel.id}`), 200).attempts).toBe(0);
  });
});

describe('races', () => {
  test.each([
    ['nothing', `select $1::uuid`, 200, undefined],
    ['the fifth wrong try', `update amanat.shipments set code_tries = 5 where id = $1`, 422, 'wrong_code'],
    ['the end of the code', `update amanat.shipments set code_expires_at = now() where id = $1`, 422, 'wrong_code'],
    ['a reassignment', `update amanat.shipments set status = 'reassigned' where id = $1`, 404, 'not_found'],
    [
      'the end of its grant',
      `update amanat.grants set closed_at = now() where id = (select grant_id from amanat.shipments where id = $1)`,
      404,
      'not_found',
    ],
  ])('the right code, already checked, meets %s before its commit', async (_what, change, status, code) => {
    const { orderId, parcel } = await dispatched();
    const answer = await changedMeanwhile(vault, orderId, change, [parcel.id], () =>
      confirm(parcel, parcel.deliveryCode),
    );
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(made(await shop.get(`/v1/orders/${orderId}`), 200).status).toBe(status === 200 ? 'delivered' : 'dispatched');
  });

  test('a read raced with the delivery: what comes after the confirmation’s answer is closed', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { parcel } = await dispatched();
      await read(parcel);
      let confirmed = false;
      const late: number[] = [];
      const reader = async () => {
        for (let i = 0; i < 12; i += 1) {
          const after = confirmed;
          const { status } = await read(parcel);
          if (after) late.push(status);
        }
      };
      const deliver = async () => {
        const answer = await confirm(parcel, parcel.deliveryCode);
        confirmed = answer.status === 200;
      };
      await Promise.all([reader(), reader(), reader(), deliver()]);
      expect(confirmed).toBe(true);
      expect(late.every((status) => status === 404)).toBe(true);
      await expectGone(parcel);
    }
  });

  test('of 20 reads at once under a grant for one, exactly one is full', async () => {
    const { parcel } = await dispatched({ maxReads: 1 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => read(parcel)));
    expect(statuses(answers)).toEqual({ 200: 1, 404: 19 });
    const leaves = await leavesOf(dpo, `grant=${parcel.grantId}`);
    expect(leaves.filter((leaf) => leaf.action === 'deliveries.read')).toHaveLength(1);
    // The control: without a count all of them are.
    const open = (await dispatched()).parcel;
    const all = await Promise.all(Array.from({ length: 20 }, () => read(open)));
    expect(all.every((a) => a.status === 200)).toBe(true);
  });

  test('reassigned many times at once, one courier holds the parcel', async () => {
    const { orderId } = await dispatched();
    const holders = [courier, rival];
    const made2 = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const by = holders[i % 2] ?? courier;
        return { by, answer: await shop.post(`/v1/orders/${orderId}/shipments`, { courierClientId: by.id }) };
      }),
    );
    const parcels = made2.filter(({ answer }) => answer.status === 201);
    expect(parcels.length).toBeGreaterThan(0);
    for (const { answer } of made2) expect([201, 409]).toContain(answer.status);
    const seen = await Promise.all(parcels.map(({ by, answer }) => read(answer.body, by)));
    expect(seen.filter((a) => a.status === 200)).toHaveLength(1);
    const rows = await atDatabase(vault, `select 1 from amanat.shipments where order_id = $1 and status = 'open'`, [
      orderId,
    ]);
    expect(rows).toHaveLength(1);
    const grants = await atDatabase(vault, `select 1 from amanat.grants where order_id = $1 and closed_at is null`, [
      orderId,
    ]);
    expect(grants).toHaveLength(1);
  });

  test('delivery, return and cancellation at once: one of them happens', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { orderId, parcel } = await dispatched();
      const answers = await Promise.all([
        confirm(parcel, parcel.deliveryCode),
        courier.post(`/v1/deliveries/${parcel.id}/return`),
        shop.post(`/v1/orders/${orderId}/cancel`),
        courier.post(`/v1/deliveries/${parcel.id}/fail`, { reason: 'نبود' }),
      ]);
      const [delivered, returned, cancelled] = answers.map((a) => a.status === 200);
      const order = made(await shop.get(`/v1/orders/${orderId}`), 200).status;
      // A parcel that has come back can be cancelled after all; otherwise only one can be.
      expect(delivered && (returned || cancelled)).toBe(false);
      expect(order).toBe(delivered ? 'delivered' : cancelled ? 'cancelled' : 'returned');
      for (const answer of answers) expect([200, 404, 409]).toContain(answer.status);
      await expectGone(parcel);
    }
  });
});

describe('the list', () => {
  test('tells id, window and city of a courier’s own open parcels, page by page', async () => {
    const carrier = await vault.client('courier');
    const parcels: Parcel[] = [];
    const cities: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      const person = await newPerson(shop, people.naturalCustomer());
      cities.push(person.sent.addresses[0]?.address.city ?? '');
      parcels.push(await newParcel(shop, await newOrder(shop, person), carrier));
    }
    const first = made(await carrier.get('/v1/deliveries?limit=3'), 200);
    const second = made(await carrier.get(`/v1/deliveries?limit=3&cursor=${first.nextCursor}`), 200);
    const items = [...first.items, ...second.items];
    expect(second).not.toHaveProperty('nextCursor');
    expect(items.map((item) => item.id)).toEqual(parcels.map((p) => p.id).toReversed());
    expect(items.map((item) => item.city)).toEqual(cities.toReversed());
    for (const item of items) expect(Object.keys(item).toSorted()).toEqual(['city', 'closesAt', 'id', 'opensAt']);
    const [leaf] = await leavesOf(dpo, `client=${carrier.id}`);
    expect(leaf).toMatchObject({ action: 'deliveries.list', outcome: 'allowed', purpose: 'shipping' });
  });

  test('a damaged order loses its city here and hides nobody else’s', async () => {
    const carrier = await vault.client('courier');
    const [good, bad] = [(await dispatched()).orderId, (await dispatched()).orderId];
    const whole = await newParcel(shop, good, carrier);
    const damaged = await newParcel(shop, bad, carrier);
    expect((await read(damaged, carrier)).status).toBe(200);
    await atDatabase(
      vault,
      `update amanat.orders set sealed = overlay(sealed placing '\\x00' from 1 for 1) where id = $1`,
      [bad],
    );
    const items = made(await carrier.get('/v1/deliveries'), 200).items;
    expect(items.map((item: { id: string; city?: string }) => [item.id, item.city === undefined])).toEqual([
      [damaged.id, true],
      [whole.id, false],
    ]);
    expect((await read(damaged, carrier)).body.code).toBe('integrity_failure');
    expect((await read(whole, carrier)).status).toBe(200);
  });
});

test('a parcel passed off as another party’s does not open', async () => {
  const { orderId, parcel } = await dispatched();
  expect((await read(parcel)).status).toBe(200);
  await atDatabase(vault, `update amanat.orders set delivery_to = 'recipient' where id = $1`, [orderId]);
  expect((await read(parcel)).body.code).toBe('integrity_failure');
  expect((await shop.get(`/v1/orders/${orderId}`)).body.code).toBe('integrity_failure');
});
