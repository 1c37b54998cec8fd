import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { sweepPolicyChanges } from '../../src/vault/policySweep.ts';
import { policyText } from '../support/policyTexts.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, hour, leavesOf, made, newPerson, statuses } from '../support/work.ts';
import { kalakText, type Edits } from '../unit/policy/kalak.ts';
import { expectRefusal } from './legalDesk.ts';

const minute = 60_000;
const people = synthetic(313);

interface Side {
  readonly vault: TestVault;
  dpo: TestClient;
  shop: TestClient;
  support: TestClient;
}

/** A vault of its own, for a policy that moves on. */
async function openSide(options: Parameters<typeof startVault>[0] = {}): Promise<Side> {
  const vault = await startVault(options);
  const [dpo, shop, support] = [
    await vault.client('dpo', { actor: 'staff-9' }),
    await vault.client('shop_backend'),
    await vault.client('support', { actor: 'staff-1' }),
  ];
  return { vault, dpo, shop, support };
}

/** Moves the clock; the same clients go on with tokens of that time. */
async function later(side: Side, ms: number): Promise<void> {
  side.vault.advance(ms);
  side.dpo = await side.dpo.as('staff-9');
  side.shop = await side.shop.as(undefined);
  side.support = await side.support.as('staff-1');
}

const at = ({ vault }: Side, ms: number) => new Date(vault.vault.now() + ms).toISOString();
const publish = ({ dpo }: Side, edits: Edits, more: object = {}): Promise<Answer> =>
  dpo.post('/v1/policies', { policy: policyText(edits), material: true, ...more });
const tell = ({ dpo }: Side, number: number, more: object = {}): Promise<Answer> =>
  dpo.post(`/v1/policies/${number}/notices`, { channel: 'site', ...more });
const published = ({ vault }: Side, path = '', headers = {}): Promise<Answer> =>
  vault.request('GET', `/v1/tenants/${vault.tenantId}/policies${path}`, { headers });

/** Which version a read is judged by, and what it gives of the mobile under a grant. */
async function mobileUnder(by: TestClient, customerId: string, grantId: string): Promise<[string, string]> {
  const read = made(await by.get(`/v1/customers/${customerId}?grant=${grantId}&fields=mobile`), 200);
  return [read.policyVersion, read.phones[0].number.state];
}

async function ticket(side: Side, customerId: string, kind = 'ticket'): Promise<string> {
  const body = { kind, customerId, grantee: { role: 'support' }, closesAt: at(side, 60 * day) };
  return made(await side.shop.post('/v1/grants', body)).id;
}

/** Support sees phones no more: neither a cell nor a kind of work opens them. */
const noPhones: Edits = {
  '/access/mobile/support': { base: 'masked', clauses: ['E9'] },
  '/version/date': '2025-11-11',
};
/** There are no inquiries any more. */
const noInquiries: Edits = {
  '/grantKinds/inquiry': undefined,
  ...Object.fromEntries(
    [
      'givenName',
      'familyName',
      'contactGivenName',
      'contactFamilyName',
      'legalName',
      'email',
      'mobile',
      'landline',
      'externalRef',
    ].map((field) => [`/access/${field}/support`, { base: 'masked', full: ['ticket'], clauses: ['E9'] }]),
  ),
};

describe('publishing', () => {
  let side: Side;
  beforeAll(async () => {
    side = await openSide();
  });
  afterAll(() => side.vault.stop());

  test('is checked whole: what is wrong has its place, and nothing is stored', async () => {
    const { dpo } = side;
    const cases: readonly (readonly [unknown, string, string])[] = [
      ['format: 1\n\tid: x', '/policy#line=2', 'tab_as_indent'],
      [policyText({ '/grantKinds/ticket/purpose': 'gossip' }), '/policy/grantKinds/ticket', 'unknown_purpose'],
      [policyText({ '/masks/mobile': undefined }), '/policy/masks/mobile', 'mask_missing'],
      [policyText({ '/surprise': 1 }), '/policy/surprise', 'unknown_field'],
      [policyText({ '/id': 'citra' }), '/policy/id', 'another_policy'],
      [{ format: 1 }, '/policy/id', 'invalid_type'],
    ];
    for (const [policy, pointer, code] of cases) {
      const answer = await dpo.post('/v1/policies', { policy, material: true });
      expect([answer.status, answer.body.code], answer.text).toEqual([422, 'invalid_body']);
      expect(answer.body.errors).toContainEqual({ pointer, code });
    }
    expectRefusal(await publish(side, {}, { effectiveFrom: at(side, -minute) }), 422, 'invalid_body', '/effectiveFrom');
    const early = await publish(side, { '/version/effectiveFrom': '2999-01-01' });
    expectRefusal(early, 422, 'invalid_body', '/effectiveFrom');
    expect((await dpo.post('/v1/policies', { policy: kalakText, material: false })).status).toBe(409);
    expect(made(await published(side), 200).items).toHaveLength(1);
    expect((await side.shop.post('/v1/policies', { policy: policyText(), material: true })).status).toBe(403);
  });

  test('takes YAML and JSON, tells contradictions, and keeps the text to the byte under its hash', async () => {
    const text = policyText({ '/consent/impliedOpensSending': true });
    const answer = made(await side.dpo.post('/v1/policies', { policy: text, material: true, follows: 1 }));
    expect(answer).toMatchObject({ number: 2, policyVersion: 'kalak/2', status: 'awaiting_notice', noticesMissing: 1 });
    expect(answer.sha256).toBe(createHash('sha256').update(text).digest('hex'));
    expect(answer.findings.map((f: { code: string }) => f.code)).toContain('implied_consent_sends');
    const read = made(await published(side, '/2'), 200);
    expect(read.text).toBe(text);
    expect(read.changes).toEqual([
      {
        pointer: '/consent/impliedOpensSending',
        change: 'changed',
        place: 'رضایت ‹ ارسال با رضایت ضمنی',
        before: 'خیر',
        after: 'بله',
      },
    ]);
    const json = {
      policy: JSON.parse(JSON.stringify(read.text)) && (await import('yaml')).parse(text, { merge: true }),
      material: false,
    };
    expect(made(await side.dpo.post('/v1/policies', json)).number).toBe(3);
    expectRefusal(await publish(side, { '/title/en': 'x' }, { follows: 2 }), 409, 'conflict', '/follows');
    const leaf = (await leavesOf(side.dpo, `client=${side.dpo.id}`)).find(
      (one) => one.action === 'policies.publish' && one.recordVersion === 2,
    );
    expect(leaf).toMatchObject({
      digest: answer.sha256,
      policyVersion: 'kalak/1',
      objectKind: 'policies',
      actor: 'staff-9',
    });
  });

  test('in a race gives every version one text: one wins each number', async () => {
    const before = made(await published(side), 200).items[0].number;
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, i) => publish(side, { '/title/en': `Race ${i}` }, { follows: before })),
    );
    expect(statuses(answers)).toEqual({ 201: 1, 409: 5 });
    const numbers = made(await published(side), 200).items.map((item: { number: number }) => item.number);
    expect(numbers).toEqual(Array.from({ length: before + 1 }, (_, i) => before + 1 - i));
  });

  test('is for anybody to read, by data and by page; who did it is the officer’s to see', async () => {
    const [anybodys, own] = [await published(side, '/2'), await side.dpo.get('/v1/policies/2')];
    expect(anybodys.body.publishedBy).toBeUndefined();
    expect(own.body.publishedBy).toEqual({ clientId: side.dpo.id, actor: 'staff-9' });
    expect((await side.shop.get('/v1/policies/2')).body.publishedBy).toBeUndefined();
    const page = await published(side, '/2?format=html');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    for (const text of ['حریم خصوصی کالاک', '۱۳۹۷/۰۶/۰۷', 'ارسال با رضایت ضمنی', '<td>', anybodys.body.sha256])
      expect(page.text).toContain(text);
    expect(page.text).not.toMatch(/<script|src=|href=/);
    const first = await published(side, '?limit=2');
    const [many, rest] = [await published(side, '?format=html&limit=2'), await published(side, '?format=html')];
    expect([many.status, many.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const links = [...rest.text.matchAll(/<a href="policies\/(\d+)\?format=html">/g)].map(([, number]) =>
      Number(number),
    );
    expect(links).toEqual(made(await published(side), 200).items.map((item: { number: number }) => item.number));
    expect(made(await published(side, `/${links[0]}?format=html`), 200)).toBeDefined();
    const [, cursor] = /cursor=([^"]+)"/.exec(many.text) ?? [];
    expect([cursor, many.text.match(/policies\//g)?.length]).toEqual([first.body.nextCursor, 2]);
    expect(rest.text).not.toMatch(/<script|src=|cursor=/);
    expectRefusal(await published(side, '?format=pdf'), 422, 'invalid_query', '?format');
    const second = await published(side, `?limit=100&cursor=${first.body.nextCursor}`);
    expect([...first.body.items, ...second.body.items].at(-1)).toMatchObject({ number: 1, status: 'in_force' });
    expectRefusal(await published(side, '?cursor=bjA'), 400, 'invalid_cursor');
    for (const path of ['/99', '/0', '/1x']) expect((await published(side, path)).status).toBe(404);
    const nobodys = `/v1/tenants/${side.dpo.id}/policies`;
    expect((await side.vault.request('GET', nobodys)).status).toBe(404);
  });
});

describe('taking effect', () => {
  test('waits for its day and for its notice (E33), and switches every process without a restart', async () => {
    const side = await openSide();
    const beside = await startVault({ beside: side.vault });
    const person = await newPerson(side.shop, people.naturalCustomer());
    const grant = await ticket(side, person.id);
    const judged = () => mobileUnder(side.support, person.id, grant);
    expect(await judged()).toEqual(['kalak/1', 'full']);
    made(await publish(side, noPhones, { effectiveFrom: at(side, hour) }));
    await later(side, 2 * hour);
    // Its day has come; nobody was told.
    expect(await judged()).toEqual(['kalak/1', 'full']);
    expect(made(await published(side, '/2'), 200)).toMatchObject({ status: 'awaiting_notice' });
    const told = made(await tell(side, 2));
    expect(told).toMatchObject({ status: 'in_force', channel: 'site' });
    expect(await judged()).toEqual(['kalak/2', 'masked']);
    // The other process hears of it by itself; its clock stands where it stood, and a turn is a turn.
    beside.advance(2 * hour);
    await expect
      .poll(() => beside.vault.watch.policy(side.vault.tenantId).label, { timeout: 5_000, interval: 50 })
      .toBe('kalak/2');
    const read = await beside.request('GET', `/v1/customers/${person.id}?grant=${grant}&fields=mobile`, {
      token: side.support.token,
    });
    expect(read.body.phones[0].number.state).toBe('masked');
    const [leaf] = await leavesOf(side.dpo, `subject=${person.id}&grant=${grant}`);
    expect(leaf).toMatchObject({ policyVersion: 'kalak/2', rule: 'support.base' });
    await beside.stop();
    await side.vault.stop();
  });

  test('told before its day, holds from its first moment on, without a look at the database', async () => {
    const side = await openSide();
    const { watch } = side.vault.vault;
    made(await publish(side, noPhones, { effectiveFrom: at(side, hour) }));
    expect(made(await tell(side, 2))).toMatchObject({ status: 'scheduled' });
    watch.stop();
    expect(watch.policy(side.vault.tenantId).label).toBe('kalak/1');
    side.vault.advance(hour);
    expect(watch.policy(side.vault.tenantId).label).toBe('kalak/2');
    // A clock that is set back brings no older policy back.
    side.vault.advance(-hour);
    expect(watch.policy(side.vault.tenantId).label).toBe('kalak/2');
    await side.vault.stop();
  });

  test('by a changed version date only when it has changed (E34)', async () => {
    const side = await openSide();
    const { '/version/date': _date, ...undated } = noPhones;
    made(await publish(side, undated));
    expectRefusal(await tell(side, 2, { channel: 'version_date' }), 422, 'invalid_body', '/channel');
    expectRefusal(await tell(side, 2, { givenAt: at(side, hour) }), 422, 'invalid_body', '/givenAt');
    expectRefusal(await tell(side, 2, { givenAt: at(side, -hour) }), 422, 'invalid_body', '/givenAt');
    expect((await tell(side, 9)).status).toBe(404);
    made(await publish(side, noPhones));
    expect(made(await tell(side, 3, { channel: 'version_date', audience: 12 }))).toMatchObject({ status: 'in_force' });
    expect(made(await published(side, '/2'), 200).status).toBe('superseded');
    expect(made(await side.dpo.get('/v1/policies/3'), 200).notices).toMatchObject([
      { channel: 'version_date', audience: 12 },
    ]);
    await side.vault.stop();
  });

  test('needs a site notice of what is material (C15), and nothing where publishing is enough (A26, B26)', async () => {
    const important: Edits = { '/notice/onlyIfMaterial': true, '/notice/channels/email/counts': false };
    const c = await openSide({ profileText: policyText(important) });
    expect(made(await publish(c, { ...important, '/title/en': '2' }, { material: false })).status).toBe('in_force');
    expect(made(await publish(c, { ...important, '/title/en': '3' })).status).toBe('awaiting_notice');
    expect(made(await tell(c, 3, { channel: 'email' })).status).toBe('awaiting_notice');
    expect(made(await tell(c, 3)).status).toBe('in_force');
    await c.vault.stop();
    const b = await openSide({ profileText: policyText({ '/notice/requiredBeforeEffect': false }) });
    expect(made(await publish(b, { '/notice/requiredBeforeEffect': false, '/title/en': '2' })).status).toBe('in_force');
    // A version that itself promises a notice keeps its word from the start.
    expect(made(await publish(b, {})).status).toBe('awaiting_notice');
    await b.vault.stop();
  });
});

describe('grants that a new version forbids', () => {
  test('are closed when it takes effect, once, by whatever process; others stay open', async () => {
    const side = await openSide();
    const beside = await startVault({ beside: side.vault });
    const person = await newPerson(side.shop, people.naturalCustomer());
    const [inquiry, work] = [await ticket(side, person.id, 'inquiry'), await ticket(side, person.id)];
    made(await publish(side, noInquiries));
    const sweep = () =>
      Promise.all([side.vault, beside].map(({ vault }) => sweepPolicyChanges(vault, new Map<string, number>())));
    await sweep();
    const state = async (id: string) => made(await side.shop.get(`/v1/grants/${id}`), 200).status;
    expect([await state(inquiry), await state(work)]).toEqual(['open', 'open']);
    made(await tell(side, 2));
    await beside.vault.watch.lookAnew();
    expect(await mobileUnder(side.support, person.id, inquiry)).toEqual(['kalak/2', 'masked']);
    await sweep();
    await sweep();
    expect([await state(inquiry), await state(work)]).toEqual(['closed', 'open']);
    expect(await mobileUnder(side.support, person.id, work)).toEqual(['kalak/2', 'full']);
    // Told once, to each role that has to know, however often and wherever it was swept.
    for (const by of [side.dpo, side.shop]) {
      const heard = made(await by.get('/v1/events?state=all'), 200).items;
      expect(heard.filter(({ kind }: { kind: string }) => kind === 'policy.in_force')).toMatchObject([
        { object: { kind: 'policies', id: side.vault.tenantId } },
      ]);
    }
    const closed = (await leavesOf(side.dpo, `grant=${inquiry}`)).filter(({ action }) => action === 'grants.close');
    expect(closed).toMatchObject([
      { rule: 'policy_change', policyVersion: 'kalak/2', actor: 'sweep', subjectId: person.id },
    ]);
    // What a process that has not heard yet opens late is closed as well, and then the change is done with.
    expect(await atDatabase(side.vault, 'select 1 from amanat.policy_changes')).toEqual([]);
    await later(side, 2 * minute);
    beside.advance(2 * minute);
    await sweep();
    await sweep();
    expect(await atDatabase(side.vault, 'select number from amanat.policy_changes')).toEqual([{ number: 2 }]);
    const effects = (await leavesOf(side.dpo, 'from=2020-01-01T00:00:00Z')).filter(
      ({ action }) => action === 'policies.take_effect',
    );
    expect(effects).toHaveLength(1);
    // A process that begins now knows what took effect, and no more of the past than it needs.
    const third = await startVault({ beside: side.vault });
    expect(third.vault.watch.policy(side.vault.tenantId).label).toBe('kalak/2');
    await third.stop();
    await beside.stop();
    await side.vault.stop();
  });
});

describe('who edits the tables', () => {
  test('brings no version into force: a forged notice counts for nothing and is told', async () => {
    const side = await openSide({ clock: 'machine' });
    made(await publish(side, noPhones));
    const row = (number: number, mac: string) =>
      atDatabase(
        side.vault,
        `insert into amanat.policy_notices (tenant_id, id, number, channel, given_at, recorded_at, recorded_by, mac)
         values ($1, gen_random_uuid(), $2, 'site', now(), now(), $1, ${mac})`,
        [side.vault.tenantId, number],
      );
    await row(2, `'\\x00'`);
    await side.vault.vault.watch.lookAnew();
    expect(side.vault.vault.watch.policy(side.vault.tenantId).label).toBe('kalak/1');
    expect(side.vault.logLines.filter((line) => line.includes('policy_notice'))).toHaveLength(1);
    expect(made(await published(side, '/2'), 200)).toMatchObject({ status: 'awaiting_notice', notices: [] });
    // One of another version, moved: the MAC names its version.
    made(await publish(side, { ...noPhones, '/title/en': '3' }, { effectiveFrom: at(side, day) }));
    made(await tell(side, 3));
    await atDatabase(side.vault, `update amanat.policy_notices set number = 2 where mac <> '\\x00'`);
    const fresh = await startVault({ beside: side.vault });
    expect(fresh.vault.watch.policy(side.vault.tenantId).label).toBe('kalak/1');
    await fresh.stop();
    // Control: a genuine one does.
    expect(made(await tell(side, 2)).status).toBe('in_force');
    await side.vault.stop();
  });

  test('takes no version’s importance away, and back-dates none', async () => {
    const important: Edits = { '/notice/onlyIfMaterial': true };
    const side = await openSide({ profileText: policyText(important) });
    made(await publish(side, { ...important, '/title/en': '2' }));
    const label = async () => {
      const fresh = await startVault({ beside: side.vault });
      const { status } = await fresh.request('GET', '/v1/customers', { token: side.shop.token });
      const name = status === 200 ? fresh.vault.watch.policy(side.vault.tenantId).label : status;
      await fresh.stop();
      return name;
    };
    const spoil = (set: string) => atDatabase(side.vault, set);
    expect(await label()).toBe('kalak/1');
    await spoil('update amanat.policy_publications set material = false');
    expect(await label()).toBe(500);
    await spoil('update amanat.policy_publications set material = true');
    expect(await label()).toBe('kalak/1');
    const [gone] = await atDatabase<{ row: object }>(
      side.vault,
      'with d as (delete from amanat.policy_publications returning *) select to_jsonb(d) as row from d',
    );
    // Without its publication it counts as material.
    expect(await label()).toBe('kalak/1');
    const forged = {
      tenant_id: side.vault.tenantId,
      number: 2,
      in_force_from: at(side, 0),
      swept_at: at(side, 0),
      mac: '\\x00',
    };
    await atDatabase(
      side.vault,
      `insert into amanat.policy_changes select * from jsonb_populate_record(null::amanat.policy_changes, $1)`,
      [JSON.stringify(forged)],
    );
    expect(await label()).toBe(500);
    await spoil('delete from amanat.policy_changes');
    expect(gone?.row).toMatchObject({ number: 2 });
    expect(await label()).toBe('kalak/1');
    await side.vault.stop();
  });

  test('takes no version away from the end: whoever starts after it serves nothing', async () => {
    const side = await openSide();
    const { tenantId } = side.vault;
    made(await publish(side, noPhones));
    made(await tell(side, 2));
    const asSeen = async () => {
      const fresh = await startVault({ beside: side.vault });
      const { status } = await fresh.request('GET', '/v1/customers', { token: side.shop.token });
      const told = fresh.logLines.filter((line) => line.includes('policy_version')).length;
      const inForce = status === 200 ? fresh.vault.watch.policy(tenantId).label : status;
      await fresh.stop();
      return [inForce, told];
    };
    expect(await asSeen()).toEqual(['kalak/2', 0]);
    const taken: Record<string, object[]> = {};
    for (const table of ['policy_notices', 'policy_publications', 'policy_versions']) {
      taken[table] = await atDatabase(
        side.vault,
        `with d as (delete from amanat.${table} where number = 2 returning *) select to_jsonb(d) as row from d`,
      );
    }
    expect(await asSeen()).toEqual([500, 1]);
    // Nor does another one get its number.
    expect((await publish(side, { ...noPhones, '/title/en': 'again' })).status).toBe(500);
    // A head that somebody wrote is believed no more than none that should be there.
    await atDatabase(side.vault, 'update amanat.policy_heads set number = 1');
    expect(await asSeen()).toEqual([500, 1]);
    for (const table of ['policy_versions', 'policy_publications', 'policy_notices'])
      for (const { row } of taken[table] as { row: object }[])
        await atDatabase(
          side.vault,
          `insert into amanat.${table} select * from jsonb_populate_record(null::amanat.${table}, $1)`,
          [JSON.stringify(row)],
        );
    await atDatabase(side.vault, 'delete from amanat.policy_heads');
    expect(await asSeen()).toEqual(['kalak/2', 1]);
    await side.vault.stop();
  });

  test('is no one of the service’s own: it may change and delete nothing of what was published', async () => {
    const rows = await withRights();
    expect(rows).toEqual([
      ['acceptances', 'INSERT,SELECT'],
      ['policy_changes', 'INSERT,SELECT'],
      ['policy_heads', 'INSERT,SELECT'],
      ['policy_mailings', 'INSERT,SELECT'],
      ['policy_notices', 'INSERT,SELECT'],
      ['policy_publications', 'INSERT,SELECT'],
      ['policy_versions', 'INSERT,SELECT'],
    ]);
  });

  async function withRights(): Promise<unknown[]> {
    const side = await startVault();
    const rows = await atDatabase<{ name: string; rights: string }>(
      side,
      `select table_name as name, string_agg(privilege_type, ',' order by privilege_type) as rights
         from information_schema.table_privileges
        where grantee = 'amanat_service' and (table_name like 'policy%' or table_name = 'acceptances')
        group by 1 order by 1`,
    );
    await side.stop();
    return rows.map(({ name, rights }) => [name, rights]);
  }
});
