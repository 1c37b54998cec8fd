import { expect, vi } from 'vitest';
import { decodeLeaf } from '../../src/crypto/leaf.ts';
import { keyPeriods, overdueOf } from '../../src/keyPeriods.ts';
import { raiseDueEvents } from '../../src/vault/dueEvents.ts';
import { advanceExtents } from '../../src/vault/extentPass.ts';
import { retire } from '../../src/vault/keyRetirement.ts';
import { rotateIndex } from '../../src/vault/reindex.ts';
import { rotateMac } from '../../src/vault/resign.ts';
import { rotateData } from '../../src/vault/rewrap.ts';
import { watchReaders } from '../../src/vault/readerWatch.ts';
import { dayFrom, expectRefusal, ownGround } from '../http/legalDesk.ts';
import { atDatabase, hour, leavesOf, made, type Person } from '../support/work.ts';
import { least, lock, older } from '../unit/house/lockedVersions.ts';
import { clause, type Stage } from './clause.ts';

/** What went wrong and what is unusual: who hears of it, how far it went, how it is stopped, and who looks at it afterwards. */

const minute = 60_000;

interface Heard {
  readonly kind: string;
  readonly alarm?: boolean;
  readonly object: { readonly id: string };
}

async function heard({ client }: Stage, id: string): Promise<readonly Heard[]> {
  const { items } = made(await (await client('dpo', 'staff-9')).get('/v1/events?state=all&limit=100'), 200);
  return items.filter(({ object }: Heard) => object.id === id);
}

/** The keys of the stage's tenant, turned over to the end; which of them nothing rests on any more. */
async function renewed(stage: Stage, incidentId: string | undefined): Promise<readonly string[]> {
  const { db, keyring, keys, now, watch } = stage.vault.vault;
  const turning = {
    db,
    keyring,
    roots: keys.root.byId,
    tenantId: stage.vault.tenantId,
    policyVersion: watch.policy(stage.vault.tenantId).label,
    incidentId,
    now,
    settle: () => watch.lookAnew(),
    rest: () => Promise.resolve(),
    onBroken: () => undefined,
    onProgress: () => undefined,
  };
  const rotations = { data: rotateData, index: rotateIndex, mac: rotateMac };
  const destroyed: string[] = [];
  for (const use of ['data', 'index', 'mac'] as const) {
    await rotations[use](turning);
    const versions = await retire(turning, use);
    if (versions.length > 0 && versions.every((version) => version.destroyed)) destroyed.push(use);
  }
  return destroyed;
}

clause(
  'A19',
  {
    shows:
      'an emergency opens one person’s data to one recipient for minutes, by two persons and with an alarm; a third looks at it within 72 hours, or the officer is alarmed again',
    in: ['src/vault/legalGround.ts', 'src/vault/legalOrderReview.ts', 'src/vault/dueEvents.ts'],
  },
  async (stage) => {
    const { vault, client } = stage;
    const [one, other] = [await stage.person(), await stage.person()];
    const terms = { recipient: { name: 'اورژانس تهران', as: 'emergency_service' }, validUntil: dayFrom(vault, 1) };
    const register = async (...who: Person[]) => {
      const { case: _case, ...order } = ownGround(
        vault,
        'emergency',
        who.map(({ id }) => ({ customerId: id })),
        terms,
      );
      const fields = stage.profile.items.natural.mobile === undefined ? ['givenName'] : ['givenName', 'mobile'];
      const body = { ...order, scope: { ...order.scope, fields } };
      return (await client('legal_registrar', 'staff-1')).post('/v1/legal-orders', body);
    };
    expectRefusal(await register(one, other), 422, 'invalid_body');
    const { id } = made(await register(one));
    const approve = async (actor: string) =>
      (await client('legal_approver', actor)).post(`/v1/legal-orders/${id}/approve`);
    const execute = async () => (await client('legal_registrar', 'staff-1')).post('/v1/exports', { legalOrderId: id });
    expectRefusal(await execute(), 403, 'legal_order_not_approved');
    expectRefusal(await approve('staff-1'), 403, 'self_approval');
    const approved = made(await approve('staff-2'), 200);
    expect(Date.parse(approved.approvalExpires) - vault.vault.now()).toBeLessThanOrEqual(30 * minute);
    const alarms = (await heard(stage, id)).filter(({ kind }) => kind === 'emergency.approved');
    expect(alarms).toMatchObject([{ alarm: true }]);
    vault.advance(31 * minute);
    expectRefusal(await execute(), 403, 'legal_order_not_approved');
    made(await approve('staff-2'), 200);
    made(await execute());
    const [order] = await atDatabase<{ due: Date }>(
      vault,
      'select review_due as due from amanat.legal_orders where id = $1',
      [id],
    );
    expect(order?.due.getTime()).toBeLessThanOrEqual(vault.vault.now() + 72 * hour);
    vault.advance(73 * hour);
    await vault.vault.watch.lookAnew();
    await raiseDueEvents(vault.vault);
    const overdue = (await heard(stage, id)).filter(({ kind }) => kind === 'review.overdue');
    expect(overdue).toMatchObject([{ alarm: true }]);
    const look = { outcome: 'upheld', reason: 'بجا بود' };
    const review = async (actor: string) =>
      (await client('legal_approver', actor)).post(`/v1/legal-orders/${id}/review`, look);
    expectRefusal(await review('staff-2'), 403, 'self_approval');
    made(await review('staff-3'), 200);
    expect((await heard(stage, id)).filter(({ kind }) => kind === 'emergency.approved').length).toBe(2);
  },
);

clause(
  'C10',
  {
    shows:
      'reads, refusals and hours of work are counted from the log; what is unusual for a reader alarms the officer once, and a decoy stops whoever reads it; a key that is older than its period is told, and keys are renewed while the vault serves; a dependency with a published fault stops the build',
    in: [
      'src/vault/readerWatch.ts',
      'src/vault/readerMeasures.ts',
      'src/vault/decoyTouches.ts',
      'src/metrics.ts',
      'src/keyPeriods.ts',
      'src/vault/keyTurn.ts',
      'src/vault/keyRetirement.ts',
    ],
  },
  async (stage) => {
    const { vault, client, profile } = stage;
    const heads = new Map<string, string>();
    const found = async (actor: string) => {
      vault.advance(11_000);
      await watchReaders(vault.vault, heads);
      const { items } = made(await (await client('dpo', 'staff-9')).get('/v1/anomalies?limit=100'), 200);
      return items.filter((one: { actor?: string }) => one.actor === actor);
    };
    /** The next such time of day (UTC), so that no window ends under the steps that follow. */
    const advanceTo = (hours: number, minutes: number) => {
      const now = vault.vault.now();
      const then = new Date(now).setUTCHours(hours, minutes, 0, 0);
      vault.advance((then > now ? then : then + 24 * hour) - now);
    };
    advanceTo(6, 30);
    await found('nobody');
    const { monitoring } = profile;
    if (monitoring === undefined) throw new Error('C10 watches nothing');
    const reader = await client('support', 'staff-41');
    for (let n = 1; n < monitoring.refused.person; n += 1)
      expectRefusal(await reader.post('/v1/orders', {}), 403, 'not_permitted');
    expect(await found('staff-41'), 'one fewer').toEqual([]);
    expectRefusal(await (await client('support', 'staff-41')).post('/v1/orders', {}), 403, 'not_permitted');
    const [burst] = await found('staff-41');
    expect(burst).toMatchObject({ kind: 'refused', count: monitoring.refused.person });
    expect(await heard(stage, burst.id)).toMatchObject([{ kind: 'anomaly.found', alarm: true }]);

    // Half past ten at night in Tehran: thirty reads in full are out of hours, and so many in an hour are many.
    advanceTo(19, 0);
    const { id: customerId } = await stage.person();
    const closesAt = new Date(vault.vault.now() + hour).toISOString();
    const ticket = { kind: 'ticket', customerId, grantee: { role: 'support' }, closesAt };
    const grant = made(await (await client('shop_backend')).post('/v1/grants', ticket)).id;
    const look = async (times: number) => {
      const eager = await client('support', 'staff-44');
      const path = `/v1/customers/${customerId}?grant=${grant}&fields=mobile`;
      for (let n = 0; n < times; n += 1) expect((await eager.get(path)).body.phones[0].number.state).toBe('full');
      return (await found('staff-44')).map(({ kind, count }: { kind: string; count: number }) => [kind, count]);
    };
    const { outOfHours, reads } = monitoring;
    expect(await look(outOfHours.person - 1), 'one fewer').toEqual([]);
    expect(await look(1)).toEqual([['out_of_hours', outOfHours.person]]);
    expect(await look(reads.person - outOfHours.person - 1), 'one fewer').toHaveLength(1);
    expect(await look(1)).toContainEqual(['reads', reads.person]);

    const [decoy, plain] = [await stage.person(), await stage.person()];
    made(await (await client('dpo', 'staff-9')).post('/v1/decoys', { customerId: decoy.id }));
    const [thief, honest] = [await client('after_sales', 'staff-42'), await client('after_sales', 'staff-43')];
    made(await thief.get(`/v1/customers/${decoy.id}`), 200);
    made(await honest.get(`/v1/customers/${plain.id}`), 200);
    expect(await found('staff-42')).toMatchObject([{ kind: 'decoy', customerId: decoy.id, frozen: 'actor' }]);
    await vault.vault.watch.lookAnew();
    expect((await thief.get(`/v1/customers/${plain.id}`)).status).toBe(401);
    expect((await honest.get(`/v1/customers/${plain.id}`)).status, 'who read another').toBe(200);

    const young = Object.keys(keyPeriods).map((use) => ({ use, madeAt: new Date(vault.vault.now()) }));
    expect(overdueOf(keyPeriods, young, vault.vault.now())).toEqual([]);
    expect(overdueOf(keyPeriods, young, vault.vault.now() + 800 * 24 * hour)).toEqual([
      'root',
      'data',
      'index',
      'mac',
      'token',
    ]);
    expect(await renewed(stage, undefined)).toEqual(['data', 'index', 'mac']);
    made(await honest.get(`/v1/customers/${plain.id}`), 200);

    for (const [name, minimum] of Object.entries(least)) expect(older(lock.packages, name, minimum), name).toEqual([]);
    const old = { 'node_modules/node-forge': { version: '1.3.1' } };
    expect(older(old, 'node-forge', least['node-forge'] ?? ''), 'control').toHaveLength(1);
  },
);

clause(
  'E25',
  {
    shows:
      'an incident has its source, its extent by person and field computed from the log, its recovery and what followed in law, or it is not closed; tokens, clients and persons are stopped in one call; the keys are renewed as part of its recovery, and the log names it',
    in: [
      'src/vault/incidents.ts',
      'src/vault/extentPass.ts',
      'src/vault/containment.ts',
      'src/vault/incidentTelling.ts',
      'src/vault/keyTurn.ts',
    ],
  },
  async (stage) => {
    const { vault, client } = stage;
    const [read, spared] = [await stage.person(), await stage.person()];
    const stolen = await client('support', 'staff-51');
    made(await stolen.get(`/v1/customers/${read.id}`), 200);
    const officer = () => client('dpo', 'staff-9');
    const { id } = made(
      await (await officer()).post('/v1/incidents', { kind: 'stolen_token', summary: 'توکن دزدیده شد' }),
    );
    expect(await heard(stage, id)).toMatchObject([{ kind: 'incident.opened', alarm: true }]);

    const stop = { actors: ['staff-51'], closeGrants: true };
    made(await (await officer()).post(`/v1/incidents/${id}/contain`, stop), 200);
    expect((await stolen.get(`/v1/customers/${spared.id}`)).status).toBe(401);

    const path = `/v1/incidents/${id}`;
    const close = async () => (await officer()).post(`${path}/close`);
    for (const part of ['/source', '/recovery', '/legalFollowUp']) expectRefusal(await close(), 409, 'conflict', part);
    const { version } = made(await (await officer()).get(path), 200);
    const parts = { source: 'نسخهٔ پشتیبان', recovery: 'راز نو شد', legalFollowUp: 'گزارش به پلیس فتا' };
    made(await (await officer()).patch(path, parts, version), 200);
    expectRefusal(await close(), 409, 'conflict', '/extent');
    made(await (await officer()).post(`${path}/extent`, { actor: 'staff-51' }), 202);
    vault.advance(11_000);
    const extent = await vi.waitFor(
      async () => {
        await advanceExtents(vault.vault);
        const now = made(await (await officer()).get(`${path}/extent`), 200);
        expect(now.state).toBe('done');
        return now;
      },
      { timeout: 20_000, interval: 20 },
    );
    expect(await renewed(stage, id)).toEqual(['data', 'index', 'mac']);
    const rows = await atDatabase<{ leaf: Buffer }>(
      vault,
      `select leaf from amanat.audit_leaves where tenant_id = $1 and client_id is null order by id`,
      [stage.vault.tenantId],
    );
    const steps = rows.map((row) => decodeLeaf(row.leaf)).filter(({ objectId }) => objectId === id);
    expect(new Set(steps.map(({ action }) => action))).toEqual(
      new Set(['keys.introduce', 'keys.rotate', 'keys.retire']),
    );
    made(await (await client('support', 'staff-52')).get(`/v1/customers/${read.id}`), 200);
    const persons = extent.items.map((one: { customerId: string }) => one.customerId);
    expect(persons).toContain(read.id);
    expect(persons).not.toContain(spared.id);
    const item = extent.items.find((one: { customerId: string }) => one.customerId === read.id);
    const leaf = (await leavesOf(await officer(), `subject=${read.id}`)).find((one) => one.actor === 'staff-51');
    expect(new Set(item.maskedFields)).toEqual(new Set(leaf.masked));
    made(await close(), 200);
  },
);
