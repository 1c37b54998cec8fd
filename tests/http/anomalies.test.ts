import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { housekeep } from '../../src/vault/housekeeping.ts';
import { watchReaders } from '../../src/vault/readerWatch.ts';
import { policyText } from '../support/policyTexts.ts';
import { login, startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, bytesOf, day, hour, made, newPerson, type Person } from '../support/work.ts';
import { expectRefusal } from './legalDesk.ts';

/** C10: unusual reads, out of hours, bursts of refusals, decoys. Each with a control just under its threshold. */

const monitoring = {
  reads: { window: 'PT1H', person: 8, client: 1000, timesOwnPast: 2, past: 'P14D', atLeast: 5 },
  subjects: { window: 'P1D', person: 4, client: 1000 },
  outOfHours: { window: 'P1D', person: 2, opens: '07:00', closes: '21:00', daysOff: ['friday'] },
  refused: { window: 'PT10M', person: 4, client: 6 },
  clauses: ['E20'],
};
let vault: TestVault;
/** The next one, ten o'clock in Tehran: where this file begins. */
let monday: number;
let enrolled: Readonly<Record<'shop_backend' | 'support' | 'after_sales' | 'dpo', TestClient>>;
const people = synthetic(711);
const heads = new Map<string, string>();

/** Tokens last five minutes, and days pass here. */
const as = (role: keyof typeof enrolled, actor?: string) =>
  login(vault.url, enrolled[role].id, enrolled[role].secret, actor);

beforeAll(async () => {
  vault = await startVault({ profileText: policyText({ '/monitoring': monitoring }) });
  const [shop, support, after, dpo] = await Promise.all(
    ['shop_backend', 'support', 'after_sales', 'dpo'].map((role) => vault.client(role)),
  );
  enrolled = { shop_backend: shop!, support: support!, after_sales: after!, dpo: dpo! };
  const ahead = (8 - new Date(vault.vault.now()).getUTCDay()) % 7 || 7;
  monday = new Date(vault.vault.now() + ahead * day).setUTCHours(6, 30, 0, 0);
  vault.advance(monday - vault.vault.now());
  await watchReaders(vault.vault, heads);
});
afterAll(() => vault.stop());

const person = async (): Promise<Person> => newPerson(await as('shop_backend'), people.naturalCustomer());

interface Anomaly {
  readonly id: string;
  readonly kind: string;
  readonly actor?: string;
  readonly clientId?: string;
  readonly count: number;
  readonly threshold: number;
}

/** Lets the log of now become whole, and looks. */
async function found(
  of: { actor?: string; clientId?: string; kind?: string; decoyId?: string } = {},
): Promise<Anomaly[]> {
  vault.advance(11_000);
  await watchReaders(vault.vault, heads);
  const { items } = made(await (await as('dpo', 'staff-9')).get('/v1/anomalies?limit=100'), 200);
  return items.filter((one: Anomaly) => Object.entries(of).every(([name, value]) => one[name as 'kind'] === value));
}

/** Reads one person in full, so many times, under a ticket. */
async function read(actor: string, times: number, who?: Person): Promise<Answer[]> {
  const { id } = who ?? (await person());
  const closesAt = new Date(vault.vault.now() + hour).toISOString();
  const ticket = { kind: 'ticket', customerId: id, grantee: { role: 'support' }, closesAt };
  const grant = made(await (await as('shop_backend')).post('/v1/grants', ticket)).id;
  const by = await as('support', actor);
  const answers: Answer[] = [];
  for (let n = 0; n < times; n += 1) answers.push(await by.get(`/v1/customers/${id}?grant=${grant}&fields=mobile`));
  expect(answers[0]?.body.phones[0].number.state, 'control: in full').toBe('full');
  return answers;
}

describe('what is unusual', () => {
  test('many reads in an hour by one person: at the threshold, once a window, with an alarm that says ids and counts', async () => {
    const one = await person();
    await read('reads-1', 7, one);
    expect(await found({ actor: 'reads-1' }), 'control').toEqual([]);
    await read('Reads-1', 1, one);
    const [anomaly, ...more] = await found({ actor: 'reads-1' });
    expect(anomaly).toMatchObject({ kind: 'reads', count: 8, threshold: 8, from: new Date(monday).toISOString() });
    expect(more).toEqual([]);
    const events = made(await (await as('dpo', 'staff-9')).get('/v1/events?limit=100'), 200).items;
    expect(events.filter((e: { object: { id: string } }) => e.object.id === anomaly?.id)).toMatchObject([
      { kind: 'anomaly.found', alarm: true, object: { kind: 'anomalies' } },
    ]);
    await read('reads-1', 2, one);
    expect(await found({ actor: 'reads-1' }), 'once a window').toHaveLength(1);
    const [row] = await atDatabase(vault, `select * from amanat.anomalies where id = $1`, [anomaly?.id]);
    expect(JSON.stringify(row)).not.toContain('reads-1');
    vault.advance(hour);
    await read('reads-1', 7, one);
    expect(await found({ actor: 'reads-1', kind: 'reads' }), 'another window').toHaveLength(1);
  });

  test('more than so many times one’s own past', async () => {
    for (let n = 0; n < 3; n += 1) {
      await read('past-1', 2);
      await read('past-2', 3);
      await found();
      vault.advance(hour);
    }
    await read('past-1', 5);
    await read('past-2', 5);
    await read('past-3', 5);
    expect(await found({ actor: 'past-1', kind: 'own_past' })).toMatchObject([
      { kind: 'own_past', count: 5, threshold: 4 },
    ]);
    expect(await found({ actor: 'past-2', kind: 'own_past' }), 'control: no more than twice').toEqual([]);
    expect(await found({ actor: 'past-3', kind: 'own_past' }), 'control: no past').toEqual([]);
  });

  test('many different persons in a day, masked or not', async () => {
    const crowd = [await person(), await person(), await person(), await person()];
    const by = await as('after_sales', 'crowd-1');
    for (const { id } of [...crowd.slice(0, 3), ...crowd.slice(0, 3)]) made(await by.get(`/v1/customers/${id}`), 200);
    expect(await found({ actor: 'crowd-1' }), 'control: three, twice').toEqual([]);
    made(await (await as('after_sales', 'crowd-1')).get(`/v1/customers/${crowd[3]?.id}`), 200);
    expect(await found({ actor: 'crowd-1' })).toMatchObject([{ kind: 'subjects', count: 4 }]);
  });

  test('reads in full at night and on a Friday, by the clock of Tehran', async () => {
    const at = (days: number, hours: number, minutes: number) =>
      vault.advance(new Date(monday + days * day).setUTCHours(hours, minutes, 0, 0) - vault.vault.now());
    at(1, 17, 29); // Tuesday 20:59
    await read('night-1', 3);
    expect(await found({ actor: 'night-1' }), 'control: in hours').toEqual([]);
    at(1, 17, 31); // 21:01
    await read('night-1', 1);
    expect(await found({ actor: 'night-1' }), 'control: one').toEqual([]);
    await read('night-1', 1);
    expect(await found({ actor: 'night-1' })).toMatchObject([{ kind: 'out_of_hours', count: 2 }]);
    at(3, 8, 0); // Thursday 11:30
    await read('night-2', 2);
    expect(await found({ actor: 'night-2' }), 'control: Thursday').toEqual([]);
    at(4, 8, 0); // Friday
    await read('night-2', 2);
    expect(await found({ actor: 'night-2' })).toMatchObject([{ kind: 'out_of_hours' }]);
  });

  test('a burst of refusals, by a person and by a client', async () => {
    const refusedTimes = async (actor: string, times: number) => {
      const by = await as('support', actor);
      for (let n = 0; n < times; n += 1) expectRefusal(await by.post('/v1/orders', {}), 403, 'not_permitted');
    };
    await refusedTimes('burst-1', 3);
    expect(await found({ actor: 'burst-1' }), 'control').toEqual([]);
    await refusedTimes('burst-1', 1);
    expect(await found({ actor: 'burst-1' })).toMatchObject([{ kind: 'refused', count: 4 }]);
    await refusedTimes('burst-2', 1);
    expect(await found({ clientId: enrolled.support.id, kind: 'refused' }), 'control: five').toEqual([]);
    await refusedTimes('burst-3', 1);
    expect(await found({ clientId: enrolled.support.id })).toMatchObject([{ kind: 'refused', count: 6 }]);
  });

  test('two processes watch at once and count each leaf once; what somebody rewrote counts for nothing', async () => {
    vault.advance(day);
    const beside = await startVault({ beside: vault });
    expect(beside.vault.watch.policy(vault.tenantId).number, 'it watches').toBe(1);
    await read('pair-1', 7);
    for (const on of [vault, beside]) on.advance(11_000);
    await Promise.all([vault, beside, vault].map((on) => watchReaders(on.vault, new Map())));
    await watchReaders(beside.vault, new Map());
    await beside.stop();
    const counts = await atDatabase<{ count: number }>(
      vault,
      `select count from amanat.reader_counts where measure = 'reads' and reader = 'pair-1'`,
    );
    expect(counts).toEqual([{ count: 7 }]);
    await atDatabase(vault, `update amanat.reader_counts set count = 100 where reader = 'pair-1'`);
    await read('pair-1', 1);
    expect(await found({ actor: 'pair-1' })).toEqual([]);
    expect(
      vault.logLines.some((line) => line.includes('reader_counts')),
      'the operator is told',
    ).toBe(true);
  });
});

describe('decoys', () => {
  const decoyed = async (who: Person) =>
    made(await (await as('dpo', 'staff-9')).post('/v1/decoys', { customerId: who.id }));

  /** Two customers with the same values, as far as one may have what another has. */
  async function twins(): Promise<[Person, Person]> {
    const { fields, externalRef: _externalRef, ...sent } = people.naturalCustomer();
    const { nationalId: _nationalId, ...same } = fields as Record<string, string>;
    const shop = await as('shop_backend');
    return [await newPerson(shop, { ...sent, fields: same }), await newPerson(shop, { ...sent, fields: same })];
  }

  test('are as any other to everybody but the officer, in answers and in tables', async () => {
    const [plain, decoy] = await twins();
    const lengths = async () =>
      (await atDatabase<{ n: number }>(vault, 'select length(sealed) as n from amanat.decoy_lists')).map(({ n }) => n);
    const { id } = await decoyed(decoy);
    const [one] = await lengths();
    await decoyed(await person());
    expect(await lengths(), 'its length says nothing').toEqual([one]);
    const rows = await atDatabase(vault, 'select * from amanat.decoy_lists');
    expect(JSON.stringify(rows)).not.toContain(decoy.id);
    const leaves = await atDatabase(vault, `select 1 from amanat.audit_leaves where subject_id = $1 and leaf like $2`, [
      decoy.id,
      Buffer.from('%decoys%'),
    ]);
    expect(leaves, 'no leaf says of whom').toEqual([]);
    const shop = await as('shop_backend');
    const seen = async (who: Person) => {
      const asked = [`/v1/customers/${who.id}`, `/v1/grants?customerId=${who.id}`, `/v1/orders?customerId=${who.id}`];
      const answers = [];
      for (const path of asked) answers.push(await shop.get(path));
      answers.push(
        await shop.post('/v1/customers/match', { id: who.id, field: 'email', value: who.sent.fields['email'] }),
      );
      return answers.map((answer) => bytesOf(answer).replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>'));
    };
    expect(await seen(decoy)).toEqual(await seen(plain));
    expectRefusal(await shop.post('/v1/decoys', { customerId: plain.id }), 403, 'not_permitted');
    const dpo = await as('dpo', 'staff-9');
    expect(made(await dpo.get('/v1/decoys'), 200).items).toContainEqual(
      expect.objectContaining({ id, customerId: decoy.id }),
    );
    expectRefusal(
      await dpo.post('/v1/decoys', { customerId: decoy.id }),
      409,
      'conflict',
      '/customerId',
      'decoy_already',
    );
    expectRefusal(await dpo.post('/v1/decoys', { customerId: id }), 422, 'invalid_body', '/customerId');
  });

  test('who touches one is told of and stopped at once; who reads another is not', async () => {
    const [plain, decoy] = [await person(), await person()];
    const { id } = await decoyed(decoy);
    const [thief, honest] = [await as('support', 'thief-1'), await as('support', 'honest-1')];
    const [stolen, read1] = [
      await thief.get(`/v1/customers/${decoy.id}`),
      await honest.get(`/v1/customers/${plain.id}`),
    ];
    expect(stolen.status).toBe(read1.status);
    // Before the log of that moment is whole: nobody waits for that.
    await watchReaders(vault.vault, heads);
    await vault.vault.watch.lookAnew();
    expect((await thief.get(`/v1/customers/${plain.id}`)).status).toBe(401);
    expect((await honest.get(`/v1/customers/${plain.id}`)).status, 'control').toBe(200);
    const mine = await found({ kind: 'decoy', actor: 'thief-1' });
    expect(mine).toMatchObject([
      { decoyId: id, customerId: decoy.id, action: 'customers.read', frozen: 'actor', clientId: enrolled.support.id },
    ]);
    expect(await found({ kind: 'decoy', actor: 'honest-1' }), 'control').toEqual([]);

    // A system without a person behind the token is told of, and goes on working; so is a search, and work opened on it.
    const shop = await as('shop_backend');
    const byMail = { by: 'email', value: decoy.sent.fields['email'] };
    expect(made(await shop.post('/v1/customers/search', byMail), 200).matches).toHaveLength(1);
    expect(await found({ decoyId: id, clientId: shop.id })).toMatchObject([{ action: 'customers.search' }]);
    expect((await (await as('shop_backend')).get(`/v1/customers/${plain.id}`)).status).toBe(200);

    const dpo = await as('dpo', 'staff-9');
    made(await dpo.post(`/v1/decoys/${id}/retire`), 200);
    expectRefusal(await dpo.post(`/v1/decoys/${id}/retire`), 404, 'not_found');
    made(await (await as('support', 'late-1')).get(`/v1/customers/${decoy.id}`), 200);
    expect(await found({ kind: 'decoy', actor: 'late-1' })).toEqual([]);
  });
});

test('what was found goes when the log would in which it was seen, and not before', async () => {
  await read('staff-81', monitoring.reads.person);
  const [one] = await found({ actor: 'staff-81' });
  const ids = async () =>
    (await atDatabase<{ id: string }>(vault, 'select id from amanat.anomalies where id = $1', [one?.id])).length;
  vault.advance(5 * 365 * day);
  await housekeep(vault.vault);
  expect(await ids(), 'five years have leap days').toBe(1);
  vault.advance(3 * day);
  await housekeep(vault.vault);
  expect(await ids()).toBe(0);
});
