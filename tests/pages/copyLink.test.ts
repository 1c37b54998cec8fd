import type { Browser, Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import type { Outgoing, Sender } from '../../src/sending/sender.ts';
import { sendDue } from '../../src/vault/outbox.ts';
import { expectRefusal } from '../http/legalDesk.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, bytesOf, leavesOf, made, newPerson, subjectOf, type Person } from '../support/work.ts';
import { chromiumPath, openChromium } from './chromium.ts';

let vault: TestVault;
let shop: TestClient;
let dpo: TestClient;
const people = synthetic(811);
const sent: Outgoing[] = [];
const keeping: Sender = {
  send(message) {
    sent.push(message);
    return Promise.resolve({ outcome: 'taken' });
  },
  close: () => undefined,
};

beforeAll(async () => {
  vault = await startVault({ senders: { sms: keeping } });
  shop = await vault.client('shop_backend');
  dpo = await vault.client('dpo', { actor: 'staff-9' });
});
afterAll(() => vault.stop());

interface Linked {
  readonly person: Person;
  readonly subject: TestClient;
  readonly request: string;
  readonly url: string;
  readonly link: string;
}

/** Somebody with a copy to fetch, and the link to it. */
async function linked(kind = 'copy'): Promise<Linked> {
  const person = await newPerson(shop, people.naturalCustomer());
  const subject = await subjectOf(vault, shop, person.id);
  const request = made(await subject.post('/v1/requests', { customerId: person.id, kind })).id;
  const { url } = made(await subject.post(`/v1/requests/${request}/link`));
  return { person, subject, request, url, link: url.split('#')[1] };
}

const open = (link: string) =>
  vault.request('POST', '/v1/copies/open', {
    body: JSON.stringify({ link }),
    headers: { 'content-type': 'application/json' },
  });

/** The link with one bit of its secret turned. */
function wrongLink(link: string): string {
  const bytes = Buffer.from(link, 'base64url');
  bytes[63] = (bytes[63] ?? 0) ^ 1;
  return bytes.toString('base64url');
}

describe('a link by which a person opens their copy once (E21)', () => {
  test('opens the Persian document, and then nothing any more, by no way', async () => {
    const { person, subject, request, url, link } = await linked();
    expect(url.startsWith(`${vault.vault.issuer}/copy#`)).toBe(true);
    const page = await open(link);
    expect(page.status).toBe(200);
    expect(page.headers.get('set-cookie')).toBeNull();
    expect(page.text).toContain('<html lang="fa" dir="rtl">');
    expect(page.text).toContain(person.sent.fields['email']);
    expect((await open(link)).status).toBe(404);
    expectRefusal(await subject.get(`/v1/requests/${request}/copy`), 409, 'conflict');
    expectRefusal(await subject.post(`/v1/requests/${request}/link`), 409, 'conflict');
    const leaf = (await leavesOf(dpo, `subject=${person.id}`)).find(({ action }) => action === 'requests.copy');
    expect(leaf).toMatchObject({ role: 'subject', clientId: shop.id });
    expect(leaf.full).toContain('email');
    // Whoever reads the tables has no link.
    const [row] = await atDatabase<{ row: string }>(
      vault,
      'select l::text as row from amanat.copy_links l where request_id = $1',
      [request],
    );
    const secret = Buffer.from(link, 'base64url').subarray(32);
    expect(row?.row).not.toContain(secret.toString('hex'));
  });

  test('of many at once one gets it; the newest link is the one that opens', async () => {
    const { subject, request, link } = await linked();
    const { url } = made(await subject.post(`/v1/requests/${request}/link`));
    expect((await open(link)).status, 'the one before').toBe(404);
    const answers = await Promise.all(Array.from({ length: 6 }, () => open(url.split('#')[1])));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('wrong, moved, over or of another tenant are the same 404; five wrong tries close it', async () => {
    const { person, request, link } = await linked();
    const other = await linked();
    const mixed = Buffer.from(link, 'base64url');
    Buffer.from(other.link, 'base64url').copy(mixed, 16, 16, 32);
    const elsewhere = Buffer.from(link, 'base64url');
    elsewhere[3] = (elsewhere[3] ?? 0) ^ 1;
    const refusals = [
      await open(wrongLink(link)),
      await open(mixed.toString('base64url')),
      await open(elsewhere.toString('base64url')),
      await open('A'.repeat(86)),
    ];
    expect(new Set(refusals.map(bytesOf)).size).toBe(1);
    expect(refusals[0]?.status).toBe(404);
    for (let n = 0; n < 4; n += 1) expect((await open(wrongLink(link))).status).toBe(404);
    expect((await open(link)).status, 'tried too often').toBe(404);
    const wrong = (await leavesOf(dpo, `subject=${person.id}`)).filter(({ rule }) => rule === 'copy_link.wrong');
    expect(wrong).toHaveLength(5);
    expect(wrong[0]).toMatchObject({ outcome: 'refused', objectId: request });
    expect((await open(other.link)).status, 'control: one wrong try does not').toBe(200);
    const late = await linked();
    vault.advance(15 * 60 * 1000);
    expect((await open(late.link)).status).toBe(404);
    [shop, dpo] = [await shop.as(undefined), await dpo.as('staff-9')];
  });

  test('a row that somebody wrote into the table opens nothing; one who leaves has no link', async () => {
    const { person, request, link } = await linked();
    const far = `update amanat.copy_links set expires_at = expires_at + interval '1 day' where request_id = $1`;
    await atDatabase(vault, far, [request]);
    expect((await open(link)).status).toBe(404);
    const gone = await linked();
    const body = { customerId: gone.person.id, kind: 'erase', asker: 'subject', checked: 'account' };
    const erase = made(await shop.post('/v1/requests', body)).id;
    made(await dpo.post(`/v1/requests/${erase}/decide`, { outcome: 'done' }), 200);
    expect((await open(gone.link)).status).toBe(404);
    const rows = await atDatabase(vault, 'select 1 from amanat.copy_links where customer_id = $1', [gone.person.id]);
    expect([rows.length, person.id === gone.person.id]).toEqual([0, false]);
  });

  test('asked for by the shop it goes to the person, and the shop never sees it', async () => {
    const person = await newPerson(shop, people.naturalCustomer());
    const asked = { customerId: person.id, kind: 'copy', asker: 'subject', checked: 'call_back' };
    const { id } = made(await shop.post('/v1/requests', asked));
    expectRefusal(await shop.post(`/v1/requests/${id}/link`), 409, 'conflict');
    made(await dpo.post(`/v1/requests/${id}/decide`, { outcome: 'done' }), 200);
    const answer = await shop.post(`/v1/requests/${id}/link`, {}, { 'idempotency-key': 'once' });
    expect(made(answer, 202).url).toBeUndefined();
    expectRefusal(await dpo.post(`/v1/requests/${id}/link`), 403, 'not_permitted');
    sent.length = 0;
    await sendDue(vault.vault);
    const told = sent.find(({ text }) => /#[A-Za-z0-9_-]{86}/.test(text));
    const link = /#([A-Za-z0-9_-]{86})/.exec(told?.text ?? '')?.[1];
    expect(told?.to).toContain(person.sent.phones[0]?.number.slice(1));
    expect((await open(link ?? '')).status).toBe(200);
    expect(vault.logLines.join('\n')).not.toContain(link ?? 'none');
  });
});

describe.skipIf(chromiumPath === undefined)('the page, in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(() => browser.close());

  /** A page at a link, and every request that it makes. */
  async function at(url: string) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const requests: Request[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => requests.push(request));
    page.on('console', (message) => complaints.push(message.text()));
    // The issuer is a name for this server.
    await page.goto(url.replace(vault.vault.issuer, vault.url));
    return { context, page, requests, complaints };
  }

  test('asks for nothing before the button is pressed, sends the secret in a body alone, and shows the copy', async () => {
    const { person, link, url } = await linked();
    const { context, page, requests, complaints } = await at(url);
    expect(await page.locator('html').getAttribute('dir')).toBe('rtl');
    expect(await page.locator('html').getAttribute('lang')).toBe('fa');
    expect(requests.filter((request) => request.method() === 'POST')).toEqual([]);
    await page.getByRole('button').click();
    await page.getByText('مدت نگهداری').first().waitFor();
    expect(await page.locator('main').innerText()).toContain(person.sent.fields['email']);
    expect(page.url()).toBe(`${vault.url}/copy`);
    const [posted, ...more] = requests.filter((request) => request.method() === 'POST');
    expect([posted?.postData(), more]).toEqual([JSON.stringify({ link }), []]);
    for (const request of requests) {
      expect(request.url()).not.toContain(link);
      expect(request.headers()['referer'] ?? '').toBe('');
    }
    expect(await context.cookies()).toEqual([]);
    expect(complaints).toEqual([]);
    const saved = page.waitForEvent('download');
    await page.getByRole('link', { name: 'نگه داشتن این رونوشت' }).click();
    expect((await saved).suggestedFilename()).toBe('amanat.html');
    await context.close();

    const again = await at(url);
    await again.page.getByRole('button').click();
    await again.page.getByText('دیگر باز نمی‌شود').waitFor();
    expect(await again.page.content()).not.toContain(person.sent.fields['email']);
    await again.context.close();
  });

  test('a portability is a file; a link that is cut off says so', async () => {
    const { url } = await linked('portability');
    const { context, page } = await at(url);
    await page.getByRole('button').click();
    const saved = page.waitForEvent('download');
    await page.getByRole('link').click();
    expect((await saved).suggestedFilename()).toBe('amanat.json');
    await context.close();
    const short = await at(url.slice(0, -5));
    expect(await short.page.getByRole('button').isDisabled()).toBe(true);
    await short.page.getByText('کامل نیست').waitFor();
    await short.context.close();
  });
});
