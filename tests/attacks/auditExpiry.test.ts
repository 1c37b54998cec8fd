import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { digestOf } from '../../src/crypto/digest.ts';
import { expiryIn, expiryText, signExpiry } from '../../src/crypto/expiryNote.ts';
import { decodeLeaf, encodeLeaf, leafHash } from '../../src/crypto/leaf.ts';
import { countDueLeaves } from '../../src/db/auditExpiry.ts';
import { commit } from '../../src/db/commit.ts';
import { DbFault } from '../../src/db/fault.ts';
import { statement } from '../../src/db/statement.ts';
import { passingActions } from '../../src/vault/auditTerms.ts';
import type { Breach } from '../../src/vault/breach.ts';
import { verifyBundle } from '../../src/vault/bundleVerification.ts';
import { logSigner } from '../../src/vault/epochs.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { exportLog } from '../../src/vault/logExport.ts';
import { countRetention, sweepRetention } from '../../src/vault/retention.ts';
import { changed, type Spoil } from '../support/attackedLog.ts';
import { hold } from '../support/holds.ts';
import { newKeyPair } from '../support/keyPair.ts';
import { trustOf, verifyLog } from '../support/logs.ts';
import { withClient } from '../support/postgres.ts';
import { afterSpoiling, orderOf, storeReads } from '../support/spoiltLogs.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, day, made, newPerson, type Person } from '../support/work.ts';

/** Leaves that have had their five years: what they said goes, everything that rests on the log goes on, and nothing else may be missing. */
let vault: TestVault;
let person: Person;
let heldPerson: Person;
let shop: TestClient;
let dpo: TestClient;
/** Ids by index, of before and after. */
let order: readonly string[];
/** What each leaf said, by id, before anything went. */
const said = new Map<string, ReturnType<typeof decodeLeaf>>();
let due: number;
let rootBefore: unknown;
const years = 5 * 365.25 * day;

const policy = () => vault.vault.watch.policy(vault.tenantId);
const expiryOf = <T extends { readonly class: string }>(classes: readonly T[]): T | undefined =>
  classes.find((one) => one.class === 'access_audit');
const counted = async () => expiryOf(await countRetention(vault.vault, policy(), vault.tenantId))?.due;
/** In pages of a hundred, so that there are some. */
const sweep = async (by = vault) =>
  expiryOf(await sweepRetention(by.vault, policy(), vault.tenantId, { rows: 100 }))?.done ?? 0;
const integrate = () => openIntegrator(vault.vault)();

async function storedIds(): Promise<ReadonlySet<string>> {
  const rows = await atDatabase<{ id: string }>(vault, 'select id from amanat.audit_leaves where tenant_id = $1', [
    vault.tenantId,
  ]);
  return new Set(rows.map(({ id }) => id));
}

/** As the service's role, undone; says by what it was refused: `probe` where by nothing. */
async function attempt(text: string, values: readonly unknown[]): Promise<string | undefined> {
  const undo = statement('undo', `select amanat.require(false, 'probe')`, []);
  const scope = { tenantIds: [vault.tenantId] };
  const fault: unknown = await commit(vault.vault.db, scope, [statement('attack', text, values), undo]).catch(
    (error: unknown) => error,
  );
  return fault instanceof DbFault ? (fault.guard ?? fault.sqlstate) : undefined;
}
const letGo = (ids: readonly string[], before: Date, tenantId = vault.tenantId) =>
  attempt('select amanat.expire_leaves($1::uuid, $2::uuid[], $3::timestamptz)', [tenantId, ids, before]);
let control: string | undefined;
let boundedCounts: unknown[];
const bounded = async (most?: { counted: number; tiles: number }) => {
  const { keep } = policy().profile.retention.access_audit;
  const count = countDueLeaves(vault.tenantId, keep, passingActions, new Date(vault.vault.now()), most);
  return (await commit(vault.vault.db, { tenantIds: [vault.tenantId] }, [count]))[0][0];
};

beforeAll(async () => {
  vault = await startVault();
  const beside = await startVault({ beside: vault });
  shop = await vault.client('shop_backend');
  dpo = await vault.client('dpo', { actor: 'staff-1' });
  const people = synthetic(615);
  person = await newPerson(shop, people.naturalCustomer());
  heldPerson = await newPerson(shop, people.naturalCustomer());
  const registrar = await vault.client('legal_registrar', { actor: 'staff-1' });
  await hold(vault, registrar, [heldPerson.id]);
  for (const { id } of [person, heldPerson]) {
    made(await shop.get(`/v1/customers/${id}`), 200);
    made(await shop.patch(`/v1/customers/${id}`, { fields: { givenName: 'مریم' } }, 1), 200);
    expect((await registrar.get(`/v1/customers/${id}/accesses`)).status, 'a refusal').toBe(403);
  }
  await storeReads(vault, 250, shop.id, person.id);
  await integrate();
  const rows = await atDatabase<{ leaf: Buffer }>(vault, 'select leaf from amanat.audit_leaves where tenant_id = $1', [
    vault.tenantId,
  ]);
  for (const leaf of rows.map((row) => decodeLeaf(row.leaf))) said.set(leaf.id, leaf);
  vault.advance(years - 2 * day);
  expect(await counted(), 'before its time').toBe(0);
  vault.advance(4 * day);
  beside.advance(years + 2 * day);
  shop = await shop.as(undefined);
  dpo = await dpo.as('staff-1');
  await hold(vault, await registrar.as('staff-1'), [heldPerson.id]);
  await integrate();
  const head = () =>
    atDatabase(vault, 'select size, root from amanat.audit_heads where tenant_id = $1', [vault.tenantId]);
  rootBefore = await head();
  due = (await counted()) ?? 0;
  boundedCounts = await Promise.all([
    bounded(),
    bounded({ counted: 10, tiles: 400 }),
    bounded({ counted: 20_000, tiles: 1 }),
  ]);
  const look = [...said.values()].find(({ action }) => action === 'customers.read');
  control = await letGo([look?.id ?? ''], new Date(vault.vault.now() - 2 * 365 * day));
  const [one, other] = await Promise.all([sweep(), sweep(beside)]);
  expect(one + other, 'two processes let go of what the dry run counts').toBe(due);
  expect(await head(), 'the tree stands as it stood').toEqual(rootBefore);
  await beside.stop();
  await integrate();
  order = await withClient(vault.db.superuserUrl, (client) => orderOf(client, vault.tenantId));
}, 120_000);
afterAll(async () => {
  await vault.stop();
});

test('a dry run counts so many and looks at so many, and says where there may be more', () => {
  const [all, few, near] = boundedCounts as { due: number; atLeast: boolean }[];
  expect(all).toEqual({ due, held: 0, atLeast: false });
  expect(few).toEqual({ due: 10, held: 0, atLeast: true });
  expect([near?.atLeast, (near?.due ?? 0) > 0, (near?.due ?? 0) < due]).toEqual([true, true, true]);
});

const indexOf = (id: string): number => order.indexOf(id);
const found = (spoil: Spoil): Promise<Breach | undefined> =>
  afterSpoiling(vault, spoil, async () => (await verifyLog(vault)).breach);

async function bundle(part: { from: number; until: number | undefined } = { from: 0, until: undefined }) {
  const lines: string[] = [];
  const write = async (text: string) => void (await Promise.resolve(lines.push(...text.trimEnd().split('\n'))));
  const exported = await exportLog(vault.vault.db, vault.tenantId, part, write, () => undefined);
  return { exported, lines };
}
async function* each(lines: readonly string[]): AsyncGenerator<string> {
  for (const line of lines) yield await Promise.resolve(line);
}
const verified = (lines: readonly string[]) => verifyBundle(each(lines), trustOf(vault), () => undefined);

describe('what goes and what stays', () => {
  test('looks and refusals go; what binds, brings about or discloses stays', async () => {
    const stored = await storedIds();
    const gone = [...said.values()].filter(({ id }) => !stored.has(id));
    const kept = [...said.values()].filter(({ id }) => stored.has(id));
    expect(gone.length).toBe(due);
    expect(due).toBeGreaterThan(250);
    const looks = new Set(gone.filter(({ outcome }) => outcome === 'allowed').map(({ action }) => action));
    expect([...looks].toSorted()).toEqual(['customers.read', 'tokens.issue']);
    expect(gone.filter(({ outcome }) => outcome === 'refused').length).toBe(2);
    for (const leaf of gone) expect([leaf.digest, leaf.legalOrderId], leaf.action).toEqual([undefined, undefined]);
    const acts = kept.map(({ action }) => action);
    for (const action of ['customers.create', 'customers.patch', 'clients.create', 'legal_orders.register'])
      expect(acts).toContain(action);
    expect(acts).not.toContain('customers.read');
  });

  test('a held person’s leaves go as everybody’s', async () => {
    const stored = await storedIds();
    const left = (id: string) => [...said.values()].filter((leaf) => leaf.subjectId === id && stored.has(leaf.id));
    const actions = (id: string) =>
      left(id)
        .map(({ action }) => action)
        .filter((a) => a.startsWith('customers.'));
    expect(actions(heldPerson.id)).toEqual(actions(person.id));
    expect(actions(person.id)).toEqual(['customers.create', 'customers.patch']);
  });

  test('a leaf for each page says up to when, how many and which', async () => {
    const rows = await atDatabase<{ leafId: string; note: string; leaf: Buffer }>(
      vault,
      `select e.leaf_id as "leafId", e.note, l.leaf from amanat.audit_expiries e
         join amanat.audit_leaves l on l.id = e.leaf_id order by e.from_index`,
    );
    expect(rows.length).toBe(Math.ceil(due / 100));
    const notes = rows.flatMap(({ note }) => expiryIn(note) ?? []);
    expect(notes.flatMap(({ indexes }) => indexes).length).toBe(due);
    rows.forEach(({ leaf }, i) => {
      const note = notes[i];
      expect(decodeLeaf(leaf)).toMatchObject({
        actor: 'sweep',
        action: 'audit.expire',
        rule: 'retention.access_audit',
        objectKind: 'audit_leaves',
        recordVersion: note?.indexes.length,
        digest: digestOf(Buffer.from(note?.text ?? '')),
      });
    });
    const listed = made(await dpo.get('/v1/audit?limit=100'), 200).items as { action: string }[];
    expect(listed.filter(({ action }) => action === 'audit.expire').length).toBe(rows.length);
  });

  test('a second run finds nothing', async () => {
    expect([await counted(), await sweep()]).toEqual([0, 0]);
  });
});

describe('what rests on the log goes on', () => {
  test('control: the whole log holds, and says how many of its leaves had their time', async () => {
    const look = await verifyLog(vault);
    expect(look).toMatchObject({ breach: undefined, expired: due, size: order.length });
    expect(look.leaves).toBe(look.size + look.pending - due);
  });

  test('a leaf that went is proved by its id', async () => {
    const stored = await storedIds();
    const id = [...said.keys()].find((one) => !stored.has(one)) ?? '';
    const byId = made(await shop.get(`/v1/audit/proof/inclusion?leaf=${id}`), 200);
    expect(byId.index).toBe(indexOf(id));
  });

  test('control: a bundle carries the bare hash, whole and in parts', async () => {
    const { exported, lines } = await bundle();
    expect(exported.breach).toBeUndefined();
    expect(await verified(lines)).toMatchObject({ breach: undefined, expired: due, size: order.length });
    const { lines: part } = await bundle({ from: 60, until: undefined });
    const look = await verified(part);
    expect(look.breach).toBeUndefined();
    expect(look.expired).toBeGreaterThan(0);
    expect(look.expired).toBeLessThan(due);
  });
});

describe('anything else that is missing is a breach', () => {
  const gone = async () => {
    const stored = await storedIds();
    return [...said.keys()].filter((id) => !stored.has(id));
  };
  const erased = (id: string): Spoil => changed('delete from amanat.audit_leaves where id = $1', [id]);
  const missing = (id: string) => ({ code: 'leaf_missing', kind: 'leaf', id, index: indexOf(id) });

  test('a younger leaf', async () => {
    // Without a leaf that tells of an expiry it is that expiry which is untold.
    const tell = await atDatabase<{ id: string }>(vault, 'select leaf_id as id from amanat.audit_expiries');
    const id = order.findLast((one) => !said.has(one) && !tell.some((leaf) => leaf.id === one)) ?? '';
    expect(await found(erased(id))).toEqual(missing(id));
  });

  test('an old leaf of a kind that is kept', async () => {
    const { id } = [...said.values()].find(({ action }) => action === 'customers.patch')!;
    expect(await found(erased(id))).toEqual(missing(id));
  });

  test('leaves that went, without what says so', async () => {
    const breach = await found(changed('delete from amanat.audit_expiries'));
    expect(breach?.code).toBe('leaf_missing');
    expect(await gone()).toContain(breach?.id);
  });

  /** The last note, made to name one leaf more, or to be of later. */
  async function rewritten(
    sign: (text: string) => string,
    later = 0,
  ): Promise<{ spoil: Spoil; id: string; from: number }> {
    const [row] = await atDatabase<{ from: string; note: string }>(
      vault,
      'select from_index as from, note from amanat.audit_expiries order by from_index desc limit 1',
    );
    const note = expiryIn(row?.note ?? '')!;
    const young = order.findLast((one) => !said.has(one)) ?? '';
    const indexes = [...note.indexes, indexOf(young)];
    const text = expiryText({ ...note, before: note.before + later, indexes });
    const from = Number(row?.from);
    return {
      id: young,
      from,
      spoil: async (client) => {
        const values = [sign(text), indexOf(young) + 1, from];
        await changed(
          'update amanat.audit_expiries set note = $1, until_index = $2 where from_index = $3',
          values,
        )(client);
        await erased(young)(client);
      },
    };
  }
  const stranger = (text: string) => {
    const signer = logSigner(vault.vault.keys, vault.tenantId, 1);
    return signExpiry(text, { ...signer, privateKey: newKeyPair('ed25519').privateKey });
  };
  const own = (text: string) => signExpiry(text, logSigner(vault.vault.keys, vault.tenantId, 1));

  test('a note that was forged: no key of the log signed it', async () => {
    const { spoil, from } = await rewritten(stranger, years);
    expect(await found(spoil)).toEqual({ code: 'expiry_signature', kind: 'expiry', id: String(from) });
  });

  test('a note that was signed and that no leaf tells of', async () => {
    const { spoil, from } = await rewritten(own, years);
    expect(await found(spoil)).toEqual({ code: 'expiry_untold', kind: 'expiry', id: String(from) });
  });

  test('a note moved over other leaves', async () => {
    const spoil = changed('update amanat.audit_expiries set until_index = until_index + 1');
    expect((await found(spoil))?.code).toBe('expiry_signature');
  });

  test('the leaf that tells of it', async () => {
    const [row] = await atDatabase<{ leafId: string; from: string }>(
      vault,
      'select leaf_id as "leafId", from_index as from from amanat.audit_expiries order by from_index limit 1',
    );
    const breach = await found(erased(row?.leafId ?? ''));
    expect(breach).toEqual({ code: 'expiry_untold', kind: 'expiry', id: row?.from });
  });

  test('in a bundle: a note left out, a note forged, one that no leaf tells of, a young leaf made bare, another hash', async () => {
    const { lines } = await bundle();
    const note = lines.findIndex((line) => line.startsWith('{"expiry":'));
    const without = await verified(lines.toSpliced(note, 1));
    expect(without.breach?.code).toBe('leaf_missing');
    const text = expiryIn((JSON.parse(lines[note] ?? '') as { expiry: string }).expiry)?.text ?? '';
    const forged = await verified(lines.with(note, JSON.stringify({ expiry: stranger(text) })));
    expect(forged.breach?.code).toBe('expiry_signature');
    const elsewhere = text.replace(/\n[0-9a-f-]{36}\n/, `\n${[...said.keys()][0] ?? ''}\n`);
    const silent = await verified(lines.with(note, JSON.stringify({ expiry: own(elsewhere) })));
    expect(silent.breach?.code).toBe('expiry_untold');
    const last = lines.findLastIndex((line) => line.includes('"leaf":'));
    const { index, hash } = JSON.parse(lines[last] ?? '') as { index: number; hash: string };
    const bare = await verified(lines.with(last, JSON.stringify({ index, hash })));
    expect(bare.breach).toMatchObject({ code: 'leaf_missing', index });
    const hashed = lines.findIndex((line) => line.includes('"hash":') && !line.includes('"leaf":'));
    const other = JSON.stringify({ index: (JSON.parse(lines[hashed] ?? '') as { index: number }).index, hash });
    expect((await verified(lines.with(hashed, other))).breach?.code).toBe('checkpoint_root');
  });
});

/** Whoever edits the tables has no key of the log; but the service has one, and signs for what it believes had its time. */
describe('a leaf that is dressed up as one that had its time', () => {
  const hex = (id: string) => id.replaceAll('-', '');

  /** The first young leaf: a look of long ago stands in its place when the sweep comes; then everything else is put back. */
  async function laundered(alsoHash: boolean): Promise<{ breach: Breach | undefined; swept: number; young: string }> {
    const young = order.find((id, i) => !said.has(id) && i > indexOf(order.findLast((one) => said.has(one)) ?? ''))!;
    const look = [...said.values()].find(({ action }) => action === 'customers.read')!;
    const id = look.id.replace(/.{12}$/, 'facade000000');
    const leaf = encodeLeaf({ ...look, id });
    const [tile, at] = [Math.floor(indexOf(young) / 256), indexOf(young) % 256];
    const [{ hash } = { hash: Buffer.alloc(0) }] = await atDatabase<{ hash: Buffer }>(
      vault,
      'select leaf_hash as hash from amanat.audit_leaves where id = $1',
      [young],
    );
    const entry = (table: string, width: number, bytes: Buffer, more = '') =>
      changed(
        `update amanat.${table} set entries = overlay(entries placing $1 from $2)${more} where tile = $3
         ${table === 'audit_tiles' ? 'and level = 0' : ''} and tenant_id = $4`,
        [bytes, at * width + 1, tile, vault.tenantId],
      );
    let swept = 0;
    const spoil: Spoil = async (client) => {
      const values = [id, leaf, leafHash(leaf), young];
      await changed('update amanat.audit_leaves set id = $1, leaf = $2, leaf_hash = $3 where id = $4', values)(client);
      await entry('audit_id_tiles', 16, Buffer.from(hex(id), 'hex'), `, min_id = least(min_id, '${id}')`)(client);
      if (alsoHash) await entry('audit_tiles', 32, leafHash(leaf))(client);
      swept = await sweep();
      if (alsoHash) await entry('audit_tiles', 32, hash)(client);
      await client.query('delete from amanat.audit_leaves where id = $1', [id]);
      await client.query(
        `update amanat.audit_id_tiles t set min_id = b.least, max_id = b.most
           from (select min(encode(substring(a.entries from n * 16 + 1 for 16), 'hex')::uuid::text)::uuid as least,
                        max(encode(substring(a.entries from n * 16 + 1 for 16), 'hex')::uuid::text)::uuid as most
                   from amanat.audit_id_tiles a, generate_series(0, octet_length(a.entries) / 16 - 1) n
                  where a.tile = $1 and a.tenant_id = $2) b
          where t.tile = $1 and t.tenant_id = $2`,
        [tile, vault.tenantId],
      );
      await integrate();
    };
    const breach = await found(spoil);
    return { breach, swept, young };
  }

  test.each([
    ['in its row and by its id', false],
    ['and by its hash while the sweep looks', true],
  ])('is not signed away: %s', async (_how, alsoHash) => {
    const { breach, swept, young } = await laundered(alsoHash);
    expect(swept).toBe(0);
    expect(breach).toMatchObject({ code: 'leaf_missing', index: indexOf(young) });
  });
});

describe('the database', () => {
  test('does not let the service delete a leaf, nor what says that leaves went', async () => {
    for (const table of ['audit_leaves', 'audit_expiries'])
      expect(await attempt(`delete from amanat.${table} where tenant_id = $1`, [vault.tenantId]), table).toBe('42501');
    expect(await attempt(`update amanat.audit_expiries set note = ''`, [])).toBe('42501');
  });

  test('nor let go of what binds what was stored, is of a legal order, is young, waits, or is too much at once', async () => {
    expect(control, 'control: of a look that had its time').toBe('probe');
    const all = [...said.values()];
    const write = all.find(({ action }) => action === 'customers.patch')!.id;
    const legal = all.find(({ legalOrderId }) => legalOrderId !== undefined)!.id;
    const young = order.findLast((id) => !said.has(id))!;
    const now = vault.vault.now();
    const old = new Date(now - 2 * 365 * day);
    expect(await letGo([write], old), 'binds a digest').toBe('conflict');
    expect(await letGo([legal], old), 'of a legal order').toBe('conflict');
    expect(await letGo([young], old), 'younger than the floor').toBe('conflict');
    expect(await letGo([young], new Date(now - 300 * day)), 'a floor of less than a year ago').toBe('conflict');
    expect(
      await letGo(
        Array.from({ length: 1001 }, () => write),
        old,
      ),
      'too many',
    ).toBe('conflict');
    expect(await letGo([], old), 'none').toBe('conflict');
    const beside = await vault.secondTenant();
    expect(await letGo([write], old, beside.tenantId), 'of another tenant').toBe('not_found');
  });
});
