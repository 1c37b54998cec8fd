import { createHash, createPublicKey } from 'node:crypto';
import { checkProof } from '../../src/cli/receiptProof.ts';
import { checkpointKey } from '../../src/crypto/checkpoint.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { newKeyPair } from '../support/keyPair.ts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { decodeLeaf } from '../../src/crypto/leaf.ts';
import { verifyReceipt } from '../../src/crypto/signature.ts';
import { commit } from '../../src/db/commit.ts';
import { holdCustomers } from '../../src/db/legalSubjects.ts';
import { issueAccessToken, verifyAccessToken } from '../../src/vault/accessToken.ts';
import { fetchPackage } from '../../src/vault/exportDelivery.ts';
import { executeLegalOrder } from '../../src/vault/exports.ts';
import { scopesOf } from '../../src/vault/permit.ts';
import { endOfDay } from '../../src/vault/tehranDay.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { clientOf, login, startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { dayFrom, expectRefusal, legalDesk, orderBody, rowsOf, statusesOf, type LegalDesk } from './legalDesk.ts';

let vault: TestVault;
let desk: LegalDesk;
let dpo: TestClient;

beforeAll(async () => {
  vault = await startVault();
  desk = await legalDesk(vault, 47);
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

const execute = (legalOrderId: string, by = desk.registrar) => by.post('/v1/exports', { legalOrderId });
const never = '01a201ee-a7f1-762c-9b9e-564eab27c44f';

async function exportsOf(legalOrderId: string) {
  return rowsOf(vault, 'select * from amanat.exports where legal_order_id = $1', [legalOrderId]);
}

async function leavesOf(action: string, legalOrderId: string) {
  const rows = await rowsOf(vault, 'select leaf from amanat.audit_leaves order by id');
  return rows
    .map(({ leaf }) => decodeLeaf(leaf))
    .filter((leaf) => leaf.action === action && leaf.legalOrderId === legalOrderId);
}

/** Runs with no data key in memory, and says how many were unwrapped meanwhile. */
async function unwrapsOf(work: () => Promise<unknown>): Promise<number> {
  vault.vault.keyring.forget();
  const before = vault.vault.keyring.unwraps();
  await work();
  return vault.vault.keyring.unwraps() - before;
}

describe('P12: without an order nothing leaves', () => {
  const roles = [
    'shop_backend',
    'support',
    'after_sales',
    'accounting',
    'marketing',
    'courier',
    'payment_processor',
    'system_admin',
    'dpo',
    'legal_registrar',
    'legal_approver',
  ];

  test.each(roles)('%s gets legal_order_required, whatever it sends', async (role) => {
    const client = role === 'dpo' ? dpo : await vault.client(role, { actor: 'staff-5' });
    const { id } = await desk.storeCustomer();
    const attempts = [
      () => client.call('POST', '/v1/exports'),
      () => client.post('/v1/exports', {}),
      () => client.post('/v1/exports', { customerIds: [id], fields: ['nationalId'] }),
      () => client.post('/v1/exports', { legalOrderId: null }),
      () => client.post('/v1/exports', { legalOrderId: '' }),
      () => client.post('/v1/exports', { legalOrderId: [never] }),
      () => client.post('/v1/exports', []),
    ];
    const unwraps = await unwrapsOf(async () => {
      for (const attempt of attempts) expectRefusal(await attempt(), 403, 'legal_order_required');
    });
    expect(unwraps).toBe(0);
    const audit = await dpo.get(`/v1/audit?client=${client.id}&limit=100`);
    const refused = audit.body.items.filter((l: { action: string }) => l.action === 'exports.create');
    expect(refused).toHaveLength(attempts.length);
    for (const leaf of refused) expect(leaf).toMatchObject({ outcome: 'refused', rule: 'legal_order_required' });
  });

  test('the person themselves and a token without the scope get it too', async () => {
    const { id } = await desk.storeCustomer();
    const { token } = issueAccessToken(
      vault.vault.keys.token,
      vault.vault.issuer,
      {
        tenantId: vault.tenantId,
        clientId: desk.shop.id,
        role: 'subject',
        scopes: scopesOf('subject'),
        purposes: [],
        actor: desk.shop.id,
        department: undefined,
        carrierProfile: undefined,
        subjectId: id,
      },
      vault.vault.now(),
    );
    const subject = clientOf(vault.url, desk.shop.id, '', token);
    expect((await subject.get(`/v1/customers/${id}`)).status, 'control: the token is good').toBe(200);
    expectRefusal(await subject.post('/v1/exports', {}), 403, 'legal_order_required');
    const narrow = await desk.registrar.as('staff-1', 'legal_orders:read');
    expectRefusal(await narrow.post('/v1/exports', {}), 403, 'legal_order_required');
    expectRefusal(await narrow.post('/v1/exports', { legalOrderId: never }), 403, 'insufficient_scope');
  });
});

interface Attempt {
  readonly code: string;
  readonly order: () => Promise<string>;
  readonly by?: () => Promise<TestClient>;
}

describe('P12: the gate is passed by an approved order alone', () => {
  const subject = async () => [{ customerId: (await desk.storeCustomer()).id }];
  const step = (id: string, name: string, body: object = { reason: 'x' }) =>
    desk.approver.post(`/v1/legal-orders/${id}/${name}`, body);
  const approved = async () => desk.approve(await subject());
  const attempts: Readonly<Record<string, Attempt>> = {
    'an order that never was': { code: 'legal_order_required', order: async () => never },
    'another tenant’s order': {
      code: 'legal_order_required',
      order: async () => {
        const second = await vault.secondTenant();
        const registrar = await second.client('legal_registrar', { actor: 'staff-1' });
        const approver = await second.client('legal_approver', { actor: 'staff-2' });
        const made = await registrar.post('/v1/legal-orders', orderBody(vault, await subject()));
        await approver.post(`/v1/legal-orders/${made.body.id}/approve`);
        return made.body.id;
      },
    },
    'an order nobody decided on': {
      code: 'legal_order_not_approved',
      order: async () => desk.register(await subject()),
    },
    'a rejected order': {
      code: 'legal_order_not_approved',
      order: async () => {
        const id = await desk.register(await subject());
        await step(id, 'reject');
        return id;
      },
    },
    'an order whose approval was refused to the registrar’s person': {
      code: 'legal_order_not_approved',
      order: async () => {
        const id = await desk.register(await subject());
        const same = await vault.client('legal_approver', { actor: 'staff-1' });
        expectRefusal(await same.post(`/v1/legal-orders/${id}/approve`), 403, 'self_approval');
        return id;
      },
    },
    'a revoked order': {
      code: 'legal_order_revoked',
      order: async () => {
        const id = await approved();
        await step(id, 'revoke');
        return id;
      },
    },
    'an executed order': {
      code: 'legal_order_used',
      order: async () => {
        const id = await approved();
        expect((await execute(id)).status).toBe(201);
        return id;
      },
    },
    'the approver': { code: 'self_approval', order: approved, by: async () => desk.approver },
    'the approver through another client': {
      code: 'self_approval',
      order: approved,
      by: () => vault.client('legal_registrar', { actor: 'STAFF-2' }),
    },
    'the approver’s client for another person': {
      code: 'self_approval',
      order: approved,
      by: () => desk.approver.as('staff-3'),
    },
    'the approver’s client with a renewed secret': {
      code: 'self_approval',
      order: approved,
      by: async () => {
        const renewed = await vault.admin.post(`/v1/clients/${desk.approver.id}/secret`, {});
        return login(vault.url, desk.approver.id, renewed.body.secret, 'staff-3');
      },
    },
    nobody: { code: 'not_permitted', order: approved, by: () => desk.registrar.as(undefined) },
    'the data-protection officer': { code: 'not_permitted', order: approved, by: async () => dpo },
    'the shop': { code: 'not_permitted', order: approved, by: async () => desk.shop },
  };

  test.each(Object.entries(attempts))('%s does not', async (_, { code, order, by }) => {
    const id = await order();
    const client = await (by?.() ?? desk.registrar);
    const before = await exportsOf(id);
    let answer: Answer | undefined;
    expect(await unwrapsOf(async () => void (answer = await execute(id, client)))).toBe(0);
    expectRefusal(answer!, 403, code);
    expect(await exportsOf(id)).toEqual(before);
    expect((await leavesOf('exports.create', id)).at(-1)).toMatchObject({ outcome: 'refused', rule: code });
  });

  test('control: an approved order passes, and keys are unwrapped for it', async () => {
    const id = await approved();
    let answer: Answer | undefined;
    expect(await unwrapsOf(async () => void (answer = await execute(id)))).toBe(2);
    expect(answer?.status, answer?.text).toBe(201);
  });

  test('a second approver may execute what another approved', async () => {
    const second = await vault.client('legal_approver', { actor: 'staff-3' });
    expect((await execute(await approved(), second)).status).toBe(201);
  });

  test('no subject, field or period can be added to the order', async () => {
    const id = await approved();
    for (const more of [
      { subjects: [] },
      { fields: ['iban'] },
      { from: '2020-01-01' },
      { recipient: {} },
      { customerId: never },
    ]) {
      const [name = ''] = Object.keys(more);
      expectRefusal(
        await desk.registrar.post('/v1/exports', { legalOrderId: id, ...more }),
        422,
        'unknown_field',
        `/${name}`,
      );
    }
    expect(await exportsOf(id)).toEqual([]);
    expect((await execute(id)).status, 'control').toBe(201);
  });

  test('an approval written into the table opens nothing', async () => {
    const id = await desk.register(await subject());
    await rowsOf(
      vault,
      `update amanat.legal_orders
          set status = 'approved', decided_by = $2, decided_actor = 'staff-2', approvals = 1,
              approval_expires = now() + interval '9 days'
        where id = $1`,
      [id, desk.approver.id],
    );
    expect(await unwrapsOf(async () => expectRefusal(await execute(id), 500, 'integrity_failure'))).toBe(1);
    expect(await exportsOf(id)).toEqual([]);
  });
});

/** The vault with its clock stopped, and the registrar calling it. */
function stopped(at: number) {
  const frozen: Vault = { ...vault.vault, now: () => at };
  const caller = verifyAccessToken(vault.vault.keys.token, vault.vault.issuer, desk.registrar.token, vault.vault.now());
  const act = (action: 'exports.create' | 'exports.fetch') => ({ action, requestId: 'r' });
  return {
    execute: (id: string) => executeLegalOrder(frozen, caller, act('exports.create'), id),
    fetch: (id: string) => fetchPackage(frozen, caller, act('exports.fetch'), id),
  };
}

describe('P12: time', () => {
  test('an order opens to the last millisecond of its last day in Tehran, and not after', async () => {
    const { id: customerId } = await desk.storeCustomer();
    // Within the week that an approval holds.
    const until = { validUntil: dayFrom(vault, 5) };
    const [early, late] = [await desk.approve([{ customerId }], until), await desk.approve([{ customerId }], until)];
    const end = endOfDay(dayFrom(vault, 5));
    expect((await stopped(end - 1).execute(early)).status).toBe(201);
    expect(
      await unwrapsOf(() => expect(stopped(end).execute(late)).rejects.toMatchObject({ code: 'legal_order_expired' })),
    ).toBe(0);
    expect(await exportsOf(late)).toEqual([]);
  });

  test('nor is a package handed out after it', async () => {
    const { id: customerId } = await desk.storeCustomer();
    const order = await desk.approve([{ customerId }], { validUntil: dayFrom(vault, 5) });
    const end = endOfDay(dayFrom(vault, 5));
    const made = await stopped(end - 1000).execute(order);
    const { id } = made.body as { id: string };
    await expect(stopped(end).fetch(id)).rejects.toMatchObject({ code: 'legal_order_expired' });
    expect((await stopped(end - 1).fetch(id)).bytes.length, 'control').toBeGreaterThan(0);
  });

  test('an approval opens the gate for a week, to the millisecond; then another is needed', async () => {
    const order = await desk.approve([{ customerId: (await desk.storeCustomer()).id }]);
    const { body } = await desk.approver.get(`/v1/legal-orders/${order}`);
    const end = Date.parse(body.approvals[0].expires);
    expect(
      await unwrapsOf(() =>
        expect(stopped(end).execute(order)).rejects.toMatchObject({ code: 'legal_order_not_approved' }),
      ),
    ).toBe(0);
    expect((await stopped(end - 1).execute(order)).status, 'control').toBe(201);
  });

  test('a package that anybody could read waits fifteen minutes, to the millisecond', async () => {
    const order = await desk.approve([{ customerId: (await desk.storeCustomer()).id }]);
    const { body } = await execute(order);
    const end = Date.parse(body.expiresAt);
    await expect(stopped(end).fetch(body.id)).rejects.toMatchObject({ code: 'legal_order_expired' });
    expect((await stopped(end - 1).fetch(body.id)).format, 'control').toBe('json');
  });
});

/** The first two runs go one after the other, so that both outcomes are seen; the rest race, each sent first in turn. */
async function inTurnOrRaced<A, B>(run: number, one: () => Promise<A>, other: () => Promise<B>): Promise<[A, B]> {
  if (run === 0) return [await one(), await other()];
  if (run === 1) {
    const after = await other();
    return [await one(), after];
  }
  if (run % 2 === 0) return Promise.all([one(), other()]);
  const [after, before] = await Promise.all([other(), one()]);
  return [before, after];
}

describe('P12, P11: at the same moment', () => {
  test('two executions make one export', async () => {
    const other = await vault.client('legal_registrar', { actor: 'staff-4' });
    for (let i = 0; i < 10; i += 1) {
      const id = await desk.approve([{ customerId: (await desk.storeCustomer()).id }]);
      const both = await Promise.all([execute(id), execute(id, other)]);
      expect(statusesOf(both)).toEqual([201, 403]);
      expect(both.find(({ status }) => status === 403)?.body.code).toBe('legal_order_used');
      expect(await exportsOf(id)).toHaveLength(1);
    }
  });

  test('a revocation and an execution: never an export after the revocation', async () => {
    const { id: customerId } = await desk.storeCustomer();
    const seen = { executed: 0, refused: 0 };
    for (let i = 0; i < 50; i += 1) {
      const id = await desk.approve([{ customerId }]);
      const revoke = () => desk.approver.post(`/v1/legal-orders/${id}/revoke`, { reason: 'x' });
      const [made, revoked] = await inTurnOrRaced(i, () => execute(id), revoke);
      expect(revoked.status, revoked.text).toBe(200);
      const rows = await rowsOf(
        vault,
        `select o.status, o.version, o.revoked_at, e.executed_at, e.sealed, e.data_key
           from amanat.legal_orders o left join amanat.exports e on e.legal_order_id = o.id where o.id = $1`,
        [id],
      );
      expect(rows[0]).toMatchObject({ status: 'revoked', sealed: null, data_key: null });
      if (made.status === 201) {
        seen.executed += 1;
        expect(rows[0].executed_at <= rows[0].revoked_at).toBe(true);
        expect(rows[0].version).toBe(4);
        expectRefusal(await desk.registrar.get(`/v1/exports/${made.body.id}/package`), 403, 'legal_order_revoked');
      } else {
        seen.refused += 1;
        expectRefusal(made, 403, 'legal_order_revoked');
        expect(rows[0].executed_at).toBeNull();
      }
    }
    expect(seen.executed + seen.refused).toBe(50);
    expect(seen.refused, 'control').toBeGreaterThan(0);
    expect(seen.executed, 'control').toBeGreaterThan(0);
  });

  test('a revocation and a delivery: after the revocation nothing is handed out', async () => {
    const { id: customerId } = await desk.storeCustomer();
    for (let i = 0; i < 20; i += 1) {
      const order = await desk.approve([{ customerId }]);
      const made = await execute(order);
      const revoke = () => desk.approver.post(`/v1/legal-orders/${order}/revoke`, { reason: 'x' });
      const fetched = () => desk.registrar.get(`/v1/exports/${made.body.id}/package`);
      const [got, revoked] = await Promise.all([fetched(), revoke()]);
      expect(revoked.status).toBe(200);
      const [row] = await exportsOf(order);
      expect(row.fetched_at !== null).toBe(got.status === 200);
      expectRefusal(await fetched(), 403, 'legal_order_revoked');
    }
  });

  test('two deliveries hand one out', async () => {
    const order = await desk.approve([{ customerId: (await desk.storeCustomer()).id }]);
    const made = await execute(order);
    const both = await Promise.all([1, 2, 3].map(() => desk.registrar.get(`/v1/exports/${made.body.id}/package`)));
    expect(statusesOf(both)).toEqual([200, 403, 403]);
  });

  test('a customer who changed meanwhile stops the execution', async () => {
    const { id } = await desk.storeCustomer();
    const hold = (version: number) =>
      commit(vault.vault.db, { tenantIds: [vault.tenantId] }, [holdCustomers(vault.tenantId, [{ id, version }])]);
    await expect(hold(2)).rejects.toMatchObject({ guard: 'conflict' });
    await expect(hold(1), 'control').resolves.toBeDefined();
  });
});

describe('the package', () => {
  test('holds the order’s subjects and fields, and nothing else', async () => {
    const [meant, other] = [await desk.storeCustomer(), await desk.storeCustomer()];
    const scope = {
      fields: ['familyName', 'mobile', 'address', 'landline'],
      from: dayFrom(vault, -1),
      to: dayFrom(vault, 0),
    };
    const subjects = [
      { by: 'nationalId', value: meant.sent.fields.nationalId },
      { customerId: meant.id },
      { customerId: never },
    ];
    const order = await desk.approve(subjects, { scope: { ...scope, subjects } });
    const made = await execute(order);
    expect(Object.keys(made.body).toSorted()).toEqual(['expiresAt', 'format', 'id', 'receipt', 'records', 'sha256']);
    expect(made.body.records).toBe(1);

    const got = await desk.registrar.get(`/v1/exports/${made.body.id}/package`);
    expect(got.status, got.text).toBe(200);
    expect(got.headers.get('content-type')).toBe('application/json');
    const sha256 = createHash('sha256').update(got.text).digest();
    expect(made.body.sha256).toBe(sha256.toString('hex'));
    expect(got.headers.get('repr-digest')).toBe(`sha-256=:${sha256.toString('base64')}:`);

    const capturedAt = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(got.body.persons).toEqual([
      {
        number: 1,
        kind: 'natural',
        identifiedBy: [{ by: 'nationalId', value: meant.sent.fields.nationalId }],
        fields: {
          familyName: { value: meant.sent.fields.familyName, capturedAt },
          mobile: [{ value: expect.stringMatching(/^\+98970/), capturedAt, primary: true }],
          address: [{ value: meant.sent.addresses[0]?.address, capturedAt, place: 1 }],
        },
        notHeld: ['landline'],
      },
    ]);
    expect(got.body).toMatchObject({
      records: 1,
      notFound: 1,
      outsidePeriod: 0,
      fields: ['familyName', 'mobile', 'landline', 'address'],
    });

    const { email, iban } = meant.sent.fields;
    for (const secret of [email, iban, ...Object.values(other.sent.fields).slice(2)])
      expect(got.text).not.toContain(secret);
    for (const id of [meant.id, other.id, order, made.body.id, vault.tenantId, desk.registrar.id])
      expect(got.text).not.toContain(id);

    const leaves = (await leavesOf('exports.create', order)).filter(({ subjectId }) => subjectId !== undefined);
    expect(leaves).toMatchObject([
      {
        subjectId: meant.id,
        full: ['familyName', 'mobile', 'address'],
        objectKind: 'exports',
        objectId: made.body.id,
        purpose: 'legal',
        rule: 'legal_registrar.legal_order',
      },
    ]);
  });

  test('leaves out what was captured outside the period, and counts it', async () => {
    const { id, sent } = await desk.storeCustomer();
    const scopeOf = (from: string, to: string) => ({ subjects: [{ customerId: id }], fields: ['email'], from, to });
    const packageFor = async (from: string, to: string) => {
      const order = await desk.approve([], { scope: scopeOf(from, to) });
      let made: Answer | undefined;
      const unwraps = await unwrapsOf(async () => void (made = await execute(order)));
      const got = await desk.registrar.get(`/v1/exports/${made?.body.id}/package`);
      return { got, unwraps };
    };
    for (const [from, to] of [
      [-40, -1],
      [1, 5],
    ] as const) {
      const { got, unwraps } = await packageFor(dayFrom(vault, from), dayFrom(vault, to));
      expect(got.body).toMatchObject({ records: 0, outsidePeriod: 1, persons: [] });
      expect(got.text).not.toContain(sent.fields.email);
      expect(unwraps, 'the order’s key alone').toBe(1);
    }
    const { got } = await packageFor(dayFrom(vault, 0), dayFrom(vault, 0));
    expect(got.body.persons[0].fields.email.value, 'control').toBe(sent.fields.email);
  });

  test('is computed from those who are there when the order is executed', async () => {
    const [gone, idle] = [await desk.storeCustomer(), await desk.storeCustomer()];
    const order = await desk.approve([{ customerId: gone.id }, { customerId: idle.id }]);
    await rowsOf(vault, `update amanat.customers set status = 'erased', data_key = null, sealed = null where id = $1`, [
      gone.id,
    ]);
    await rowsOf(vault, `update amanat.customers set status = 'deactivated' where id = $1`, [idle.id]);
    const made = await execute(order);
    expect(made.body.records, made.text).toBe(1);
    const got = await desk.registrar.get(`/v1/exports/${made.body.id}/package`);
    expect(got.body).toMatchObject({ records: 1, notFound: 1 });
    expect(got.body.persons[0].fields.nationalId.value).toBe(idle.sent.fields.nationalId);
  });

  test('is handed out once, to the person who executed the order, and no copy is kept', async () => {
    const order = await desk.approve([{ customerId: (await desk.storeCustomer()).id }]);
    const made = await execute(order);
    const path = `/v1/exports/${made.body.id}/package`;
    const others = [
      desk.approver,
      await desk.registrar.as('staff-4'),
      await desk.registrar.as(undefined),
      await vault.client('legal_registrar', { actor: 'staff-1' }),
      dpo,
      desk.shop,
    ];
    const unwraps = await unwrapsOf(async () => {
      for (const other of others) expectRefusal(await other.get(path), 403, 'not_permitted');
    });
    expect(unwraps).toBe(0);
    const head = await vault.request('HEAD', path, { token: desk.registrar.token });
    expect(head.status, 'HEAD uses nothing up').toBe(405);
    expect((await desk.registrar.get(path)).status).toBe(200);
    expectRefusal(await desk.registrar.get(path), 403, 'legal_order_used');
    const [row] = await exportsOf(order);
    expect(row).toMatchObject({
      sealed: null,
      data_key: null,
      fetched_by: desk.registrar.id,
      fetched_actor: 'staff-1',
    });
    expect(await leavesOf('exports.fetch', order)).toContainEqual(
      expect.objectContaining({ outcome: 'allowed', actor: 'staff-1', objectId: made.body.id }),
    );
  });

  test('of another tenant is as one that never was', async () => {
    const second = await vault.secondTenant();
    const stranger = await second.client('legal_registrar', { actor: 'staff-1' });
    const made = await execute(await desk.approve([{ customerId: (await desk.storeCustomer()).id }]));
    const plain = (text: string) => text.replace(/"requestId":"[^"]*"/, '');
    const foreign = await stranger.get(`/v1/exports/${made.body.id}/package`);
    expectRefusal(foreign, 404, 'not_found');
    expect(plain((await stranger.get(`/v1/exports/${never}/package`)).text)).toBe(plain(foreign.text));
    expect((await stranger.get('/v1/exports')).body.items).toEqual([]);
  });

  test('that was changed in the table is not handed out, nor used up', async () => {
    const order = await desk.approve([{ customerId: (await desk.storeCustomer()).id }]);
    const made = await execute(order);
    const path = `/v1/exports/${made.body.id}/package`;
    const flip = `update amanat.exports set sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) where id = $1`;
    await rowsOf(vault, flip, [made.body.id]);
    expectRefusal(await desk.registrar.get(path), 500, 'integrity_failure');
    await rowsOf(vault, flip, [made.body.id]);
    expect((await desk.registrar.get(path)).status, 'control').toBe(200);
  });
});

describe('the receipt in the log', () => {
  test('is proven once its entry is integrated, to whoever holds the key of the log', async () => {
    const order = await desk.approve([{ customerId: (await desk.storeCustomer()).id }]);
    const made = await execute(order);
    const read = async () => (await dpo.get(`/v1/exports/${made.body.id}`)).body;
    expect((await read()).proof).toBeUndefined();
    await openIntegrator(vault.vault)();
    const { receipt, proof } = await read();
    const key = checkpointKey(vault.tenantId, vault.vault.keys.checkpoint[0].publicKey);
    const statement = verifyReceipt(createPublicKey(vault.vault.keys.exportSigning.certificatePem), receipt) as Record<
      string,
      unknown
    >;
    const check = (given: unknown, by = key): unknown => checkProof(JSON.stringify(given), by, receipt, statement);
    expect(check({ proof })).toEqual({ origin: `amanat/${vault.tenantId}`, index: proof.index, size: proof.size });
    // Another key, another place, another entry, a changed byte of each part.
    expect(check(proof, checkpointKey(vault.tenantId, newKeyPair('ed25519').publicKey))).toBe('checkpoint');
    expect(check({ ...proof, index: proof.index - 1 })).toBe('not_in_log');
    expect(check({ ...proof, path: proof.path.slice(1) })).toBe('not_in_log');
    const changed = proof.leafHash.startsWith('00') ? '01' : '00';
    expect(check({ ...proof, leafHash: proof.leafHash.replace(/^../, changed) })).toBe('not_in_log');
    expect(check({ ...proof, checkpoint: proof.checkpoint.replace(String(proof.size), '1') })).toBe('checkpoint');
    expect(checkProof(JSON.stringify(proof), key, receipt, { ...statement, leafHash: '00' })).toBe('another_entry');
    expect(check({})).toBe('proof_malformed');
  });
});

describe('the receipt and the register', () => {
  test('say what was disclosed under which order and by whom, and nothing about a subject', async () => {
    const { id, sent } = await desk.storeCustomer();
    const order = await desk.approve([{ by: 'email', value: sent.fields.email.toUpperCase() }]);
    const made = await execute(order);
    const key = createPublicKey(vault.vault.keys.exportSigning.certificatePem);
    const receipt = verifyReceipt(key, made.body.receipt);
    const read = await dpo.get(`/v1/legal-orders/${order}`);
    expect(receipt).toEqual({
      exportId: made.body.id,
      legalOrderId: order,
      orderSha256: read.body.digest,
      kind: 'production',
      ground: 'judicial_order',
      authority: read.body.authority,
      letter: { number: read.body.letter.number, date: read.body.letter.date, caseNumber: '1404000000000000' },
      basis: read.body.basis,
      recipient: { name: 'کاوه نوری', title: 'بازپرس شعبه ۳', as: 'issuer' },
      format: 'json',
      packageSha256: made.body.sha256,
      contentSha256: made.body.sha256,
      jsonSha256: made.body.sha256,
      fields: ['givenName', 'nationalId', 'mobile'],
      records: 1,
      notFound: 0,
      outsidePeriod: 0,
      executedAt: read.body.execution.at,
      policyVersion: 'kalak/1',
      registeredBy: { clientId: desk.registrar.id, actor: 'staff-1' },
      approvedBy: [{ clientId: desk.approver.id, actor: 'staff-2' }],
      executedBy: { clientId: desk.registrar.id, actor: 'staff-1' },
      leafHash: made.headers.get('amanat-leaf-hash'),
    });
    expect(JSON.stringify(receipt)).not.toContain(id);
    const [header, payload, signature] = made.body.receipt.split('.');
    const altered = Buffer.from(payload, 'base64url').toString().replace('"records":1', '"records":2');
    expect(
      verifyReceipt(key, [header, Buffer.from(altered).toString('base64url'), signature].join('.')),
      'control',
    ).toBeUndefined();

    const register = await dpo.get('/v1/exports?limit=100');
    const { executedAt, ...rest } = register.body.items.find((item: { id: string }) => item.id === made.body.id);
    expect(executedAt).toBe(read.body.execution.at);
    expect(rest).toEqual({
      id: made.body.id,
      legalOrderId: order,
      orderStatus: 'executed',
      kind: 'production',
      ground: 'judicial_order',
      authority: 'judicial',
      executedAtJalali: expect.stringMatching(/^14\d\d\/\d\d\/\d\d$/),
      records: 1,
      notFound: 0,
      outsidePeriod: 0,
      fields: ['givenName', 'nationalId', 'mobile'],
      sha256: made.body.sha256,
      format: 'json',
      delivery: 'waiting',
      registeredBy: { clientId: desk.registrar.id, actor: 'staff-1' },
      approvedBy: { clientId: desk.approver.id, actor: 'staff-2' },
      executedBy: { clientId: desk.registrar.id, actor: 'staff-1' },
    });
    expectRefusal(await desk.shop.get('/v1/exports'), 403, 'not_permitted');
  });

  test('an execution is repeated under its Idempotency-Key without a second export', async () => {
    const order = await desk.approve([{ customerId: (await desk.storeCustomer()).id }]);
    const again = () =>
      desk.registrar.post('/v1/exports', { legalOrderId: order }, { 'idempotency-key': `x-${order}` });
    const [first, second] = [await again(), await again()];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
  });
});

describe('P1: without its leaves', () => {
  afterEach(() => rowsOf(vault, 'grant insert on amanat.audit_leaves to amanat_service'));

  test('nothing is executed and nothing handed out', async () => {
    const { id, sent } = await desk.storeCustomer();
    const [waiting, done] = [await desk.approve([{ customerId: id }]), await desk.approve([{ customerId: id }])];
    const made = await execute(done);
    const path = `/v1/exports/${made.body.id}/package`;
    await rowsOf(vault, 'revoke insert on amanat.audit_leaves from amanat_service');
    for (const answer of [await execute(waiting), await desk.registrar.get(path)]) {
      expectRefusal(answer, 503, 'audit_unavailable');
      for (const value of Object.values(sent.fields)) expect(answer.text).not.toContain(value);
    }
    expectRefusal(await desk.registrar.post('/v1/exports', {}), 403, 'legal_order_required');
    await rowsOf(vault, 'grant insert on amanat.audit_leaves to amanat_service');
    expect(await exportsOf(waiting)).toEqual([]);
    expect((await execute(waiting)).status, 'control').toBe(201);
    expect((await desk.registrar.get(path)).status, 'control').toBe(200);
  });
});

test('a number that went from one person to another discloses the other’s past to nobody', async () => {
  const own = await legalDesk(vault, 97);
  const [was, is] = [await own.storeCustomer(), await own.storeCustomer()];
  const number = was.sent.phones[0]?.number ?? '';
  const patch = (id: string, phones: object[], version: number) =>
    own.shop.patch(`/v1/customers/${id}`, { phones }, version);
  expect((await patch(was.id, [], 1)).status).toBe(200);
  // What stands now was captured after the period; what stood before did not hold the number.
  vault.advance(2 * 86_400_000);
  const shop = await own.shop.as(undefined);
  const taken = await shop.patch(`/v1/customers/${is.id}`, { phones: [{ kind: 'mobile', number }] }, 1);
  expect(taken.status, taken.text).toBe(200);
  const [registrar, approver] = [await own.registrar.as('staff-1'), await own.approver.as('staff-2')];
  const past = { from: dayFrom(vault, -10), to: dayFrom(vault, -1) };
  const disclose = async (subject: object) => {
    const body = orderBody(vault, [subject]);
    const made = await registrar.post('/v1/legal-orders', { ...body, scope: { ...body.scope, ...past } });
    expect(made.status, made.text).toBe(201);
    expect((await approver.post(`/v1/legal-orders/${made.body.id}/approve`)).status).toBe(200);
    const out = await registrar.post('/v1/exports', { legalOrderId: made.body.id });
    return (await registrar.get(`/v1/exports/${out.body.id}/package`)).body;
  };
  expect(await disclose({ by: 'mobile', value: number })).toMatchObject({ records: 0, outsidePeriod: 1 });
  const named = await disclose({ by: 'nationalId', value: is.sent.fields.nationalId });
  expect(named.records, 'control: named by what was theirs then').toBe(1);
});
