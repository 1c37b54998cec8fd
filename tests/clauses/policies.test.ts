import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { expectRefusal } from '../http/legalDesk.ts';
import { policyText } from '../support/policyTexts.ts';
import type { Answer, TestClient } from '../support/vault.ts';
import { atDatabase, hour, made, newPerson, subjectOf } from '../support/work.ts';
import type { Edits } from '../unit/policy/kalak.ts';
import { textOf } from '../unit/policy/shipped.ts';
import { clause, type Stage } from './clause.ts';

/** The published policy itself: its versions, what it rests on, who was told, who accepted. */

interface Side {
  readonly tenantId: string;
  readonly dpo: TestClient;
  readonly shop: TestClient;
  /** What anybody reads, without a token. */
  readonly published: (path?: string) => Promise<Answer>;
  readonly publish: (edits: Edits, more?: object) => Promise<Answer>;
  readonly tell: (number: number, channel: string) => Promise<Answer>;
}

/** A tenant of its own, for its policy moves on. */
async function sideOf({ vault, profile }: Stage): Promise<Side> {
  const { tenantId, client } = await vault.secondTenant(profile.id);
  const [dpo, shop] = [await client('dpo', { actor: 'staff-9' }), await client('shop_backend')];
  return {
    tenantId,
    dpo,
    shop,
    published: (path = '') => vault.request('GET', `/v1/tenants/${tenantId}/policies${path}`),
    publish: (edits, more = {}) =>
      dpo.post('/v1/policies', { policy: policyText(edits, profile.id as 'kalak'), material: true, ...more }),
    tell: (number, channel) => dpo.post(`/v1/policies/${number}/notices`, { channel }),
  };
}

const numbers = ({ body }: Answer) => body.items.map(({ number }: { number: number }) => number);

/** A version is published, the earlier one stays to the byte, and neither the service nor its database lets it change. */
async function isVersioned(stage: Stage): Promise<Side> {
  const side = await sideOf(stage);
  const first = made(await side.published('/1'), 200);
  expect(first.text).toBe(textOf(stage.profile.id as 'kalak'));
  expect(first.sha256).toBe(createHash('sha256').update(first.text).digest('hex'));
  expect(made(await side.publish({ '/title/en': 'Second' })).status).toBe('in_force');
  expect(made(await side.published('/1'), 200)).toMatchObject({
    text: first.text,
    sha256: first.sha256,
    status: 'past',
  });
  for (const method of ['PUT', 'PATCH', 'DELETE'])
    expect((await side.dpo.call(method, '/v1/policies/1', {})).status, method).toBe(405);
  const rights = await atDatabase<{ right: string }>(
    stage.vault,
    `select privilege_type as right from information_schema.role_table_grants
     where table_schema = 'amanat' and table_name = 'policy_versions' and grantee = 'amanat_service'`,
  );
  expect(rights.map(({ right }) => right).toSorted()).toEqual(['INSERT', 'SELECT']);
  return side;
}

clause(
  'A26',
  {
    shows: 'a statement is updated by a further version; the one before stands as it was, under its hash',
    in: ['src/vault/policyPublication.ts', 'src/vault/policyArchive.ts'],
  },
  async (stage) => {
    await isVersioned(stage);
  },
);

clause(
  'A27',
  {
    shows: 'anybody reads the present and the past versions, with their dates and what each changed',
    in: ['src/vault/policies.ts', 'src/vault/policyView.ts'],
  },
  async (stage) => {
    const side = await sideOf(stage);
    made(await side.publish({ '/contact/phone': '+98 21 9999 0018' }));
    const listed = await side.published();
    expect(numbers(listed)).toEqual([2, 1]);
    for (const { versionDateJalali, effectiveFrom, publishedAt } of listed.body.items) {
      expect(versionDateJalali).toMatch(/^1\d{3}/);
      expect([effectiveFrom, publishedAt]).toEqual([expect.any(String), expect.any(String)]);
    }
    const changes = made(await side.published('/2'), 200).changes;
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({
      pointer: '/contact/phone',
      change: 'changed',
      before: '+98 21 9999 0017',
      after: '+98 21 9999 0018',
    });
    // What names who published it is the officer's.
    expect((await side.published('/2')).text).not.toContain('staff-9');
    expect((await side.dpo.get('/v1/policies/2')).body.publishedBy.actor).toBe('staff-9');
  },
);

const basisOf = async (side: Side): Promise<readonly any[] /* oxlint-disable-line typescript/no-explicit-any */> =>
  made(await side.published('/1'), 200).legalBasis;

clause(
  'B2',
  {
    shows:
      'a version carries what it rests on: article 7 of decree 1127128 of 1395/12/28; none without a date is taken',
    in: ['src/policy/duties.ts', 'src/vault/policyView.ts'],
  },
  async (stage) => {
    const side = await sideOf(stage);
    expect(await basisOf(side)).toContainEqual(
      expect.objectContaining({ number: '1127128', articles: ['7'], dateJalali: '1395/12/28' }),
    );
    const answer = await side.publish({ '/legalBasis/0/date': undefined });
    expect(answer.body.errors[0].pointer).toBe('/policy/legalBasis/0/date');
    const articles = await side.publish({ '/legalBasis/0/articles': [] });
    expect(articles.body.errors[0].pointer).toBe('/policy/legalBasis/0/articles');
  },
);

clause(
  'B25',
  {
    shows: 'the statement is edited by a further version at any time; a published one never changes',
    in: ['src/vault/policyPublication.ts', 'src/vault/policyArchive.ts'],
  },
  async (stage) => {
    const side = await isVersioned(stage);
    made(await side.publish({ '/title/en': 'Third' }));
    expect(numbers(await side.published())).toEqual([3, 2, 1]);
    const rewritten = await side.publish({ '/title/en': 'Third, again' }, { follows: 2 });
    expectRefusal(rewritten, 409, 'conflict', '/follows');
  },
);

clause(
  'B26',
  {
    shows: 'anybody sees which version holds and, in Persian words, what the last one changed',
    in: ['src/vault/policies.ts', 'src/vault/policyReading.ts', 'src/vault/policyDocument.ts'],
  },
  async (stage) => {
    const side = await sideOf(stage);
    made(await side.publish({ '/rights/copy/linkExpires': 'P3D' }));
    const [current] = made(await side.published(), 200).items;
    expect(current).toMatchObject({ number: 2, status: 'in_force' });
    const { since, changes } = made(await side.published('/2'), 200);
    expect(since).toBe(1);
    expect(changes).toEqual([expect.objectContaining({ pointer: '/rights/copy/linkExpires', change: 'changed' })]);
    expect(changes[0].place).toMatch(/[\u0600-\u06FF]/);
    const page = await side.published('/2?format=html');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.text).toContain(changes[0].after);
    // Control: a first version has nothing before it.
    expect(made(await side.published('/1'), 200).changes).toBeUndefined();
  },
);

clause(
  'D4',
  {
    shows:
      'a version names the Electronic Commerce Act, articles 58 to 61, and none can be published that rests on nothing',
    in: ['src/policy/duties.ts', 'src/vault/policyView.ts'],
  },
  async (stage) => {
    const side = await sideOf(stage);
    const act = (await basisOf(side)).find(({ instrument }) => instrument.en === 'Electronic Commerce Act');
    expect(act.articles).toEqual(expect.arrayContaining(['58', '59', '60', '61']));
    const answer = await side.publish({ '/legalBasis': [] });
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([422, '/policy/legalBasis']);
  },
);

clause(
  'E33',
  {
    shows: 'a version whose day has come takes no effect before a notice of it is on record',
    in: ['src/vault/policyStatus.ts', 'src/vault/watch.ts'],
  },
  async (stage) => {
    const side = await sideOf(stage);
    const { id } = await newPerson(side.shop, stage.people.naturalCustomer());
    const judgedBy = async () => made(await side.shop.get(`/v1/customers/${id}`), 200).policyVersion;
    expect(made(await side.publish({ '/title/en': 'Second' })).status).toBe('awaiting_notice');
    await stage.vault.vault.watch.lookAnew();
    expect(await judgedBy()).toBe('kalak/1');
    expect(made(await side.tell(2, 'site')).status).toBe('in_force');
    await stage.vault.vault.watch.lookAnew();
    expect(await judgedBy()).toBe('kalak/2');
  },
);

clause(
  'E34',
  {
    shows: 'a notice is on the site, by e-mail, or the changed date of the version; no other channel counts',
    in: ['src/vault/policyPublication.ts', 'src/vault/policyStatus.ts'],
  },
  async (stage) => {
    const side = await sideOf(stage);
    const later = { '/version/date': '2025-11-11' };
    for (const [i, channel] of ['site', 'email'].entries()) {
      made(await side.publish({ '/title/en': channel }));
      expect(made(await side.tell(i + 2, channel)), channel).toMatchObject({ status: 'in_force', channel });
    }
    made(await side.publish({ '/title/en': 'the same date' }));
    expectRefusal(await side.tell(4, 'version_date'), 422, 'invalid_body', '/channel');
    expectRefusal(await side.tell(4, 'sms'), 422, 'invalid_body', '/channel');
    made(await side.publish(later));
    expect(made(await side.tell(5, 'version_date')).status).toBe('in_force');
    expect(made(await side.published('/5'), 200).notices).toMatchObject([{ channel: 'version_date' }]);
  },
);

clause(
  'E35',
  {
    shows: 'an acceptance names the person, the newest version, how and when; an older version is accepted no more',
    in: ['src/vault/acceptances.ts'],
  },
  async (stage) => {
    const side = await sideOf(stage);
    const { id } = await newPerson(side.shop, stage.people.naturalCustomer());
    const path = `/v1/customers/${id}/acceptances`;
    const own = await subjectOf(stage.vault, side.shop, id);
    const accepted = made(await own.post(path, { method: 'agree_button' }));
    expect(accepted).toMatchObject({ version: 1, method: 'agree_button', recordedBy: { role: 'subject' } });
    expect(Math.abs(Date.parse(accepted.acceptedAt) - stage.vault.vault.now())).toBeLessThan(hour);
    made(await side.publish({ '/title/en': 'Second' }));
    made(await side.tell(2, 'site'));
    await stage.vault.vault.watch.lookAnew();
    const old = await side.shop.post(path, { version: 1, method: 'agree_button' });
    expect([old.status, old.body.errors]).toEqual([422, [{ pointer: '/version', code: 'not_newest' }]]);
    made(await side.shop.post(path, { method: 'order_placed' }));
    expect(made(await side.dpo.get(path), 200).items.map(({ version }: { version: number }) => version)).toEqual([
      2, 1,
    ]);
  },
);

clause(
  'E37',
  {
    shows: 'the version says its date and from when it holds, 7 Shahrivar 1397, in both calendars and on its page',
    in: ['src/vault/policyView.ts', 'src/vault/shownTime.ts', 'src/vault/policyDocument.ts'],
  },
  async (stage) => {
    const side = await sideOf(stage);
    const first = made(await side.published('/1'), 200);
    expect(first).toMatchObject({ versionDate: '2018-08-29', versionDateJalali: '1397/06/07' });
    expect(first).toMatchObject({ validFrom: '2018-08-29', validFromJalali: '1397/06/07' });
    expect((await side.published('/1?format=html')).text).toContain('۱۳۹۷/۰۶/۰۷');
    // Nothing holds before its own date.
    const early = await side.publish({ '/version/effectiveFrom': '2999-01-01' });
    expectRefusal(early, 422, 'invalid_body', '/effectiveFrom');
  },
);
