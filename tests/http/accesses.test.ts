import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { normaliser, noting, withoutTheWatchs } from '../attacks/twins.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import {
  atDatabase,
  bytesOf,
  day,
  hour,
  made,
  newOrder,
  newParcel,
  newPerson,
  subjectOf,
  type Person,
} from '../support/work.ts';
import { dayFrom, expectRefusal, legalDesk, type LegalDesk } from './legalDesk.ts';

let vault: TestVault;
let shop: TestClient;
let support: TestClient;
let courier: TestClient;
let dpo: TestClient;
let desk: LegalDesk;
const people = synthetic(617);
const sent: string[] = [];

beforeAll(async () => {
  vault = await startVault({ wrapDatabase: noting(sent) });
  // What it looks up by itself is in no answer.
  vault.vault.watch.stop();
  shop = await vault.client('shop_backend');
  support = await vault.client('support', { actor: 'staff-3' });
  courier = await vault.client('courier');
  dpo = await vault.client('dpo', { actor: 'staff-9' });
  desk = await legalDesk(vault, 618);
});
afterAll(() => vault.stop());

/** Somebody whom support has seen under a ticket, a courier was sent to, and the shop reads in masks. */
async function known(): Promise<Person & { subject: TestClient }> {
  const person = await newPerson(shop, people.naturalCustomer());
  const order = await newOrder(shop, person);
  const parcel = await newParcel(shop, order, courier);
  made(await courier.get(`/v1/deliveries/${parcel.id}`), 200);
  const closesAt = new Date(vault.vault.now() + hour).toISOString();
  const ticket = { kind: 'ticket', customerId: person.id, grantee: { role: 'support' }, closesAt, fields: ['mobile'] };
  const grant = made(await shop.post('/v1/grants', ticket)).id;
  made(await support.get(`/v1/customers/${person.id}?grant=${grant}&fields=mobile,email`), 200);
  return { ...person, subject: await subjectOf(vault, shop, person.id) };
}

const accessesOf = async (by: TestClient, { id }: Pick<Person, 'id'>, query = '') =>
  made(await by.get(`/v1/customers/${id}/accesses${query}`), 200);

describe('who saw what, by department (C16)', () => {
  test('when, which department, for what, under which work and which fields; nobody of the staff', async () => {
    const person = await known();
    const { items } = await accessesOf(person.subject, person);
    expect(items.map((item: { department: { id: string } }) => item.department.id)).toEqual([
      'support',
      'courier',
      'shop_backend',
    ]);
    expect(items[0]).toEqual({
      id: expect.any(String),
      how: 'shown',
      at: expect.any(String),
      atJalali: expect.any(String),
      department: { id: 'support', title: 'پشتیبانی' },
      purpose: { id: 'support', title: 'پشتیبانی' },
      work: { id: 'ticket', title: expect.any(String) },
      full: ['mobile'],
      masked: ['email'],
    });
    expect(items[1]).toMatchObject({ department: { title: 'شرکت حمل و نقل' }, work: { id: 'shipment' } });
    expect(items[2].work).toBeUndefined();
    const text = JSON.stringify(items);
    for (const name of ['staff-3', support.id, courier.id, shop.id]) expect(text).not.toContain(name);
    // On their behalf the same; nobody else, and nobody of others.
    for (const by of [support, dpo]) expect((await accessesOf(by, person)).items).toEqual(items);
    const other = await known();
    expect((await other.subject.get(`/v1/customers/${person.id}/accesses`)).status).toBe(404);
    expectRefusal(await shop.get(`/v1/customers/${person.id}/accesses`), 403, 'not_permitted');
  });

  test('page by page, whatever lies between what shows something', async () => {
    const person = await known();
    for (let n = 0; n < 3; n += 1) made(await support.get(`/v1/requests?customerId=${person.id}`), 200);
    made(await shop.get(`/v1/customers/${person.id}`), 200);
    const all = (await accessesOf(dpo, person)).items;
    const paged: unknown[] = [];
    for (let query = '?limit=1'; ;) {
      const { items, nextCursor } = await accessesOf(dpo, person, query);
      paged.push(...items);
      if (nextCursor === undefined) break;
      query = `?limit=1&cursor=${nextCursor}`;
    }
    expect(paged).toEqual(all);
    expect(all).toHaveLength(4);
  });

  test('stands in the copy, as a part of it and in Persian', async () => {
    const person = await known();
    const ask = async () => made(await person.subject.post('/v1/requests', { customerId: person.id, kind: 'copy' })).id;
    const copy = made(await person.subject.get(`/v1/requests/${await ask()}/copy`), 200);
    const told = copy.accesses.map(({ facts }: { facts: { name: string; text?: string }[] }) =>
      facts.find(({ name }) => name === 'department'),
    );
    expect(told.map(({ text }: { text: string }) => text)).toEqual(['پشتیبانی', 'شرکت حمل و نقل', 'سامانهٔ فروشگاه']);
    const page = await person.subject.get(`/v1/requests/${await ask()}/copy?format=html`);
    expect(page.text).toContain('چه بخشی داده‌های شما را دید');
    expect(page.text).toContain('شرکت حمل و نقل');
  });

  test('a leaf that somebody rewrote is told by nobody, and the others are', async () => {
    const person = await known();
    await atDatabase(
      vault,
      `update amanat.audit_leaves set leaf = set_byte(leaf, 20, get_byte(leaf, 20) # 1)
        where subject_id = $1 and client_id = $2`,
      [person.id, courier.id],
    );
    const { items } = await accessesOf(person.subject, person);
    expect(items.map((item: { department: { id: string } }) => item.department.id)).toEqual([
      'support',
      'shop_backend',
    ]);
  });
});

describe('twins, of whom one is held, looked up and disclosed under an order that is secret', () => {
  async function disclose(person: Person, secret: object): Promise<string> {
    const order = await desk.approve([{ customerId: person.id }], { secret });
    const done = made(await desk.registrar.post('/v1/exports', { legalOrderId: order }));
    made(await desk.registrar.get(`/v1/exports/${done.id}/package`), 200);
    return order;
  }

  /** All that the person and those who ask for them may look at. */
  async function looks(person: Person & { subject: TestClient }) {
    const plain = normaliser({ side: vault });
    const from = sent.length;
    const answers = [];
    for (const by of [person.subject, support, dpo])
      for (const query of ['', '?limit=1', '?limit=2'])
        answers.push(plain(bytesOf(await by.get(`/v1/customers/${person.id}/accesses${query}`))));
    const { id } = made(await person.subject.post('/v1/requests', { customerId: person.id, kind: 'copy' }));
    const { accesses, requests, messages, cut } = made(await person.subject.get(`/v1/requests/${id}/copy`), 200);
    return {
      seen: plain(JSON.stringify([answers, accesses, requests, messages, cut])),
      statements: withoutTheWatchs(sent.slice(from)),
    };
  }

  test('control: an order that is not secret is told at once', async () => {
    const [open, free] = [await known(), await known()];
    await disclose(open, { fromSubject: false });
    const [one, other] = [await looks(open), await looks(free)];
    expect(one.seen).not.toBe(other.seen);
    expect(one.seen).toContain('دادسرای عمومی و انقلاب');
  });

  test('the same bytes and statements; once it may be told, the authority stands there', async () => {
    const [held, free] = [await known(), await known()];
    const secret = { fromSubject: true, basis: 'ماده ۶۶۹', until: dayFrom(vault, 3) };
    made(await desk.registrar.get(`/v1/customers/${held.id}`), 200);
    const search = { by: 'nationalId', value: held.sent.fields['nationalId'] };
    made(await desk.registrar.post('/v1/customers/search', search), 200);
    await desk.register([{ customerId: held.id }], { kind: 'preservation', secret: { fromSubject: true, basis: 'ق' } });
    await disclose(held, secret);
    const [one, other] = [await looks(held), await looks(free)];
    expect(one).toEqual(other);
    expect(one.seen).toContain('پشتیبانی');

    vault.advance(5 * day);
    await vault.vault.watch.lookAnew();
    dpo = await dpo.as('staff-9');
    const told = (await accessesOf(dpo, held)).items.find((item: { how: string }) => item.how === 'disclosed');
    expect(told).toMatchObject({
      department: { id: 'legal', title: 'دادسرای عمومی و انقلاب' },
      full: ['givenName', 'nationalId', 'mobile'],
    });
    expect(JSON.stringify(told)).not.toContain('کاوه');
    expect((await accessesOf(dpo, free)).items.some((item: { how: string }) => item.how === 'disclosed')).toBe(false);
  });
});
