import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DbFault } from '../../src/db/fault.ts';
import { coalesce } from '../../src/vault/coalesce.ts';
import { testDatabase, withClient } from '../support/postgres.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { openOffice, type Office } from './office.ts';
import { eventsOf, expectNoConnectionLost, expectRefused, expectServed, expectSilence, makeAll } from './silence.ts';

/** As in production (5 s, of which PostgreSQL takes 4.5 at most, 4 for a lock), in less than a third of the time. */
const deadlineMs = 1_500;
const limits = { statement_timeout: '1300ms', transaction_timeout: '1300ms', lock_timeout: '1200ms' };

let vault: TestVault;
let office: Office;

beforeAll(async () => {
  const database = await testDatabase();
  const login = new URL(database.serviceUrl).username;
  await withClient(database.ownerUrl, async (owner) => {
    for (const [name, value] of Object.entries(limits))
      await owner.query(`alter role ${login} set ${name} to '${value}'`);
  });
  vault = await startVault({ database, wrapDatabase: (db) => ({ ...db, deadlineMs }) });
  office = await openOffice(vault, 101);
});
afterAll(() => vault.stop());

const asOwner = (sql: string) => withClient(vault.db.ownerUrl, (owner) => owner.query(sql)).then(() => undefined);

async function leaves(): Promise<number> {
  const { rows } = await withClient(vault.db.superuserUrl, (superuser) =>
    superuser.query<{ n: number }>('select count(*)::integer as n from amanat.audit_leaves'),
  );
  return rows[0]?.n ?? 0;
}

interface Fault {
  readonly strike: () => Promise<void>;
  readonly lift: () => Promise<void>;
  /** Readiness tries a leaf and takes it back, so what waits for the commit is hidden from it. */
  readonly hidden?: true;
}

const bySql = (strike: string, lift: string): Fault => ({ strike: () => asOwner(strike), lift: () => asOwner(lift) });
const raise = `create function amanat.shut() returns trigger language plpgsql as
  $$ begin raise exception 'no leaf for %', new.subject_id; end $$;`;
const dropTrigger = 'drop trigger shut on amanat.audit_leaves; drop function amanat.shut()';

let holder: Client | undefined;
const lock: Fault = {
  async strike() {
    holder = new Client({ connectionString: vault.db.ownerUrl });
    await holder.connect();
    await holder.query('begin; lock table amanat.audit_leaves in access exclusive mode');
  },
  async lift() {
    await holder?.query('rollback');
    await holder?.end();
  },
};

const faults: Readonly<Record<string, Fault>> = {
  'the right to insert is taken away': bySql(
    'revoke insert on amanat.audit_leaves from amanat_service',
    'grant insert on amanat.audit_leaves to amanat_service',
  ),
  'a policy refuses the row': bySql(
    'create policy shut on amanat.audit_leaves as restrictive for insert with check (false)',
    'drop policy shut on amanat.audit_leaves',
  ),
  'a trigger raises': bySql(
    `${raise} create trigger shut before insert on amanat.audit_leaves for each row execute function amanat.shut()`,
    dropTrigger,
  ),
  'a trigger raises only when the commit comes': {
    ...bySql(
      `${raise} create constraint trigger shut after insert on amanat.audit_leaves
         deferrable initially deferred for each row execute function amanat.shut()`,
      dropTrigger,
    ),
    hidden: true,
  },
  'a check fails': bySql(
    'alter table amanat.audit_leaves add constraint shut check (octet_length(leaf) < 0) not valid',
    'alter table amanat.audit_leaves drop constraint shut',
  ),
  'the table is gone': bySql(
    'alter table amanat.audit_leaves rename to shut',
    'alter table amanat.shut rename to audit_leaves',
  ),
  'the table is locked': lock,
};

describe.each(Object.entries(faults))('P1: %s', (_name, { strike, lift, hidden }) => {
  test('nothing is served, refusals stay refusals, and it passes without a restart', async () => {
    const work = await office.newCase();
    const [before, from] = [await leaves(), vault.logLines.length];
    await strike();
    try {
      // Twice at once, but for the create: its Idempotency-Key may be in flight only once.
      const again = work.calls.filter(({ name }) => name !== 'a create');
      expectSilence(await makeAll([...work.calls, ...again]), work.canaries);
      await expectRefused(work, 'told');
      await expect(office.desk.shop.as(undefined), 'no token without its leaf').rejects.toThrow('token: 503');
      // One look at readiness stands for a second.
      vault.advance(1_001);
      expect((await vault.request('GET', '/readyz')).status).toBe(hidden ? 200 : 503);
      expect((await vault.request('GET', '/healthz')).status).toBe(200);
    } finally {
      await lift();
    }
    const codes = eventsOf(vault, from).map(({ event }) => event);
    expect(codes.filter((event) => event === 'audit_unavailable').length).toBeGreaterThan(0);
    expect(codes.filter((event) => event === 'refusal_unrecorded')).toHaveLength(work.refusals.length);
    for (const value of work.canaries) expect(vault.logLines.slice(from).join('\n')).not.toContain(value);
    expect(await leaves()).toBe(before);
    await expectServed(work);
    expect(await leaves()).toBeGreaterThan(before);
    await expectNoConnectionLost(vault);
  });
});

describe('P1: a line behind a database that hangs', () => {
  test('is refused while it hangs, every place in it', async () => {
    const work = await office.newCase();
    const read = work.calls.find(({ name }) => name === 'a granted read');
    const crowd = Array.from({ length: 250 }, () => read).filter((call) => call !== undefined);
    await lock.strike();
    try {
      expectSilence(await makeAll(crowd), work.canaries);
    } finally {
      await lock.lift();
    }
    await expectServed(work);
    await expectNoConnectionLost(vault);
  });

  test('waits one deadline, not one behind the other', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const runs: { readonly items: readonly string[]; readonly leftMs: number; readonly hang: () => void }[] = [];
      const join = coalesce<string, string>({
        tenantOf: () => 'one',
        lanes: 1,
        maxBatch: 2,
        maxWaiting: 10,
        deadlineMs: 5_000,
        run: (items, leftMs) =>
          new Promise((_, reject) => runs.push({ items, leftMs, hang: () => reject(new DbFault('unavailable')) })),
      });
      const ends = ['first', 'second', 'third', 'fourth', 'fifth'].map((item) => join(item).catch((e: unknown) => e));
      await new Promise(setImmediate);
      vi.advanceTimersByTime(4_000);
      runs[0]?.hang();
      await ends[0];
      vi.advanceTimersByTime(1_000);
      runs[1]?.hang();
      // The fifth has waited its deadline out: it is refused without being tried.
      for (const end of ends) expect(await end).toMatchObject({ kind: 'unavailable' });
      expect(runs.map(({ items, leftMs }) => ({ items, leftMs }))).toEqual([
        { items: ['first', 'second'], leftMs: 5_000 },
        { items: ['third', 'fourth'], leftMs: 1_000 },
      ]);
    } finally {
      vi.useRealTimers();
    }
  });
});
