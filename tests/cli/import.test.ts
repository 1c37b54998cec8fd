import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readImport } from '../../src/cli/importFile.ts';
import { synthetic } from '../../src/cli/synthetic.ts';
import { withClient } from '../support/postgres.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { made, subjectOf } from '../support/work.ts';
import { shipped } from '../unit/policy/shipped.ts';
import { cuttableProxy } from './cuttableProxy.ts';
import { amanat, temporaryFolder, type Ended } from './process.ts';

interface ShownPhone {
  readonly kind: string;
  readonly primary: boolean;
  readonly number: { readonly value: string };
}

let vault: TestVault;
let shop: TestClient;
const folder = temporaryFolder();
const people = synthetic(77);

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
});
afterAll(async () => {
  await vault.stop();
  folder.remove();
});

function file(name: string, lines: readonly string[]): string {
  const path = join(folder.path, name);
  writeFileSync(path, lines.join('\n'));
  return path;
}

const run = (
  path: string,
  argv: readonly string[] = [],
  url = vault.url,
  env: Record<string, string> = {},
): Promise<Ended> =>
  amanat(['import', path, '--url', url, '--client-id', shop.id, '--json', ...argv], {
    AMANAT_CLIENT_SECRET: shop.secret,
    ...env,
  });

const resultsOf = (path: string) =>
  readFileSync(`${path}.results.ndjson`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { line: number; status: number; id?: string; code?: string });

async function countCustomers(): Promise<number> {
  return withClient(vault.db.superuserUrl, async (client) => {
    const { rows } = await client.query<{ n: string }>('select count(*) as n from amanat.customers');
    return Number(rows[0]?.n);
  });
}

describe('CSV', () => {
  test('takes the person’s word that it is true, and refuses another sentence by its place', async () => {
    const { text } = shipped.kalak.attestation;
    const sentence = createHash('sha256').update(text.fa).digest('hex');
    const row = (textSha256: string, method: string, at: string): string => {
      const { fields, phones } = people.naturalCustomer();
      const { givenName, familyName, nationalId } = fields;
      return [givenName, familyName, nationalId, phones[0]?.number, textSha256, method, at].join(',');
    };
    const heading = 'givenName,familyName,nationalId,mobile,attestationTextSha256,attestationMethod,attestationAt';
    const said = '2024-03-01T09:30:00Z';
    const path = file('attested.csv', [
      heading,
      row(sentence, 'account_created', said),
      row('ab'.repeat(32), 'account_created', said),
      row(sentence, 'by_nobody', said),
      row('', '', ''),
    ]);
    const { json, stderr } = await run(path);
    expect(json, stderr).toMatchObject({ stored: 2, refused: 2 });
    const results = resultsOf(path);
    expect(results.map(({ status }) => status)).toEqual([201, 422, 422, 201]);
    expect(Object.keys(json['reasons'] as object)).toContain('not_in_force /attestation/textSha256');
    const attested = await Promise.all(
      [results[0]?.id, results[3]?.id].map(async (id) => {
        const subject = await subjectOf(vault, shop, id ?? '');
        const request = made(await subject.post('/v1/requests', { customerId: id, kind: 'copy' })).id;
        const copy = made(await subject.get(`/v1/requests/${request}/copy`, { accept: 'application/json' }), 200);
        return copy.submissions[0].facts.find(({ name }: { name: string }) => name === 'attestedAt')?.value;
      }),
    );
    expect(attested).toEqual(['2024-03-01T09:30:00.000Z', undefined]);
  });
});

describe('NDJSON', () => {
  test('stores what is right, tells the rest by line and reason, and leaves no personal data beside the file', async () => {
    const [first, third] = [people.naturalCustomer(), people.naturalCustomer()];
    const customers = [first, people.legalCustomer(), third, people.naturalCustomer()];
    const lines = customers.map((customer) => JSON.stringify(customer));
    lines.splice(1, 0, '', '{"kind":"natural"');
    lines.push(
      JSON.stringify({ ...third, externalRef: 'other', fields: { ...third.fields, nationalId: '9901234566' } }),
    );
    lines.push(JSON.stringify({ ...people.naturalCustomer(), fields: first.fields }));
    const path = file('people.ndjson', lines);
    const before = await countCustomers();
    const { code, json, stderr } = await run(path);
    expect(code, stderr).toBe(1);
    expect(json).toMatchObject({
      lines: 7,
      stored: 4,
      refused: 3,
      reasons: { malformed_json: 1, 'checksum /fields/nationalId': 1, 'already_exists /fields/nationalId': 1 },
    });
    expect((await countCustomers()) - before).toBe(4);
    expect(resultsOf(path).map((r) => `${r.line} ${r.status}`)).toEqual([
      '1 201',
      '3 400',
      '4 201',
      '5 201',
      '6 201',
      '7 422',
      '8 409',
    ]);
    for (const beside of [`${path}.results.ndjson`, `${path}.import.json`]) {
      expect(statSync(beside).mode & 0o777).toBe(0o600);
      const text = readFileSync(beside, 'utf8');
      for (const value of Object.values(first.fields)) expect(text).not.toContain(value);
    }
    // Control: what is looked for stands in the input.
    expect(readFileSync(path, 'utf8')).toContain(first.fields.nationalId);
  });

  test('a mended line is stored by the next run, and nothing twice', async () => {
    const lines = Array.from({ length: 3 }, () => JSON.stringify(people.naturalCustomer()));
    const [, second = ''] = lines;
    const path = file('mended.ndjson', [lines[0] ?? '', second.replace('"natural"', '"somebody"'), lines[2] ?? '']);
    expect((await run(path)).json).toMatchObject({ stored: 2, refused: 1 });
    const ids = resultsOf(path).map((r) => r.id);
    const before = await countCustomers();
    writeFileSync(path, lines.join('\n'));
    const again = await run(path);
    expect({ code: again.code, ...again.json }).toMatchObject({ code: 0, stored: 3, refused: 0 });
    expect((await countCustomers()) - before).toBe(1);
    expect(resultsOf(path).map((r) => r.id)).toEqual([ids[0], expect.any(String), ids[2]]);
    // Control: under another key the same file is another import.
    rmSync(`${path}.import.json`);
    expect((await run(path)).json).toMatchObject({ stored: 0, refused: 3 });
  });

  test('a connection that is cut: the same run tries again, and a later one goes on; each person is stored once', async () => {
    const proxy = await cuttableProxy(vault.url);
    const lines = Array.from({ length: 900 }, () => JSON.stringify(people.naturalCustomer()));
    const path = file('cut.ndjson', lines);
    const before = await countCustomers();
    // After the token (about 1.5 kB) and some hundred answers.
    proxy.cutAfter(40_000);
    const cut = await run(path, [], proxy.url);
    expect(cut.code, cut.stdout).toBe(69);
    expect(cut.stderr).toMatch(/Run the same command again|cannot be reached/);
    const stored = (await countCustomers()) - before;
    expect(stored).toBeGreaterThan(0);
    proxy.mend();
    const { code, json, stderr } = await run(path, [], proxy.url);
    expect({ code, ...json }, stderr).toMatchObject({ code: 0, lines: 900, stored: 900, refused: 0 });
    expect((await countCustomers()) - before).toBe(900);
    await proxy.close();
  });

  test('--pad-national-ids puts back what a spreadsheet took, and nothing else', async () => {
    // No valid number: one with a leading zero could be somebody's. That it is whole again shows in the reason.
    const customer = people.naturalCustomer();
    const line = JSON.stringify({ ...customer, fields: { ...customer.fields, nationalId: '۹۹۰۰۱۲۳۴' } });
    const untouched = JSON.stringify(people.naturalCustomer());
    expect((await run(file('unpadded.ndjson', [line]))).json.reasons).toEqual({ 'length /fields/nationalId': 1 });
    const path = file('padded.ndjson', [line, untouched]);
    expect((await run(path, ['--pad-national-ids'])).json).toMatchObject({
      stored: 1,
      reasons: { 'checksum /fields/nationalId': 1 },
    });
    const sent: string[] = [];
    for await (const { bytes } of readImport({ path, mapped: [], delimiter: ',', padNationalIds: true }))
      sent.push(bytes.toString('utf8'));
    expect(JSON.parse(sent[0] ?? '').fields).toEqual({ ...customer.fields, nationalId: '0099001234' });
    expect(sent[1]).toBe(untouched);
  });

  test('a line that is too long is refused by itself', async () => {
    const long = JSON.stringify({ ...people.naturalCustomer(), note: 'x'.repeat(70_000) });
    const path = file('long.ndjson', [
      JSON.stringify(people.naturalCustomer()),
      long,
      JSON.stringify(people.naturalCustomer()),
    ]);
    expect((await run(path)).json).toMatchObject({ stored: 2, refused: 1, reasons: { body_too_large: 1 } });
  });
});

describe('CSV', () => {
  const header =
    'externalRef,givenName,familyName,nationalId,mobile,landline2,landline2Extension,province,city,street,plaque,postalCode,lat,lng,address2.province,address2.city';
  const row = (ref: string, id: string, mobile: string): string =>
    `${ref},زهرا,محمدی,${id},${mobile},02199990001,12,تهران,تهران,"آزادی، کوچه ""نمونه"" ۳",12,1417613155,35.7,51.4,قم,قم`;

  test('phones, addresses, quotes and Persian digits arrive as the columns say', async () => {
    const id = people.nationalId();
    const path = file('people.csv', [`\uFEFF${header}`, row('CSV-1', id, '۰۹۷۰۱۲۳۴۵۶۷')]);
    const { code, json, stderr } = await run(path);
    expect({ code, ...json }, stderr).toMatchObject({ code: 0, stored: 1 });
    const [result] = resultsOf(path);
    expect(result?.line).toBe(2);
    const form = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_subject: result?.id ?? '',
      subject_token: shop.token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    });
    const basic = Buffer.from(`${shop.id}:${shop.secret}`).toString('base64');
    const exchanged = await vault.request('POST', '/oauth/token', {
      body: form.toString(),
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
    });
    const own = await vault.request('GET', `/v1/customers/${result?.id}`, { token: exchanged.body.access_token });
    expect(own.status, own.text).toBe(200);
    expect(own.body.source).toBe('import');
    expect(own.body.fields.givenName.value).toBe('زهرا');
    expect(own.body.phones.map((p: ShownPhone) => [p.kind, p.primary, p.number.value])).toEqual([
      ['mobile', true, '+989701234567'],
      ['landline', true, '+982199990001'],
    ]);
    expect(own.body.addresses[0].address.value).toMatchObject({ street: 'آزادی، کوچه "نمونه" ۳', plaque: '12' });
    expect(own.body.addresses[0].location.value).toEqual({ lat: 35.7, lng: 51.4 });
    expect(own.body.addresses[1].address.value).toEqual({ province: 'قم', city: 'قم' });
  });

  test('results name the line an editor shows, past empty lines and line ends inside cells', async () => {
    const path = file('lines.csv', [
      'externalRef,givenName,familyName,nationalId,mobile',
      `L-1,علی,نوری,${people.nationalId()},${people.mobile()}`,
      '',
      'L-2,"دو\nخط",نوری,123,09701111111',
      `L-3,سارا,نوری,${people.nationalId()},${people.mobile()}`,
    ]);
    await run(path);
    expect(resultsOf(path).map((r) => `${r.line} ${r.status}`)).toEqual(['2 201', '4 422', '6 201']);
  });

  test('columns of other names by --map, others left out', async () => {
    const path = file('mapped.csv', [
      'نام،نام خانوادگی'.replace('،', ';') + ';کد ملی;همراه;یادداشت',
      `مریم;رضایی;${people.nationalId()};${people.mobile()};x`,
    ]);
    const map = ['نام=givenName', 'نام خانوادگی=familyName', 'کد ملی=nationalId', 'همراه=mobile', 'یادداشت='].flatMap(
      (m) => ['--map', m],
    );
    const { code, json, stderr } = await run(path, [...map, '--delimiter', ';']);
    expect({ code, ...json }, stderr).toMatchObject({ code: 0, stored: 1 });
  });

  test('a file without a heading, with bytes that are no UTF-8 or with a broken row is refused before anything is sent', async () => {
    const before = await countCustomers();
    const person = `زهرا,محمدی,${people.nationalId()}`;
    const bare = await run(file('bare.csv', [person, person]));
    expect([bare.code, bare.stderr.includes('1, 2, 3')]).toEqual([64, true]);
    expect(bare.stderr).not.toContain('زهرا');
    const latin = file('latin.csv', []);
    writeFileSync(latin, Buffer.concat([Buffer.from('givenName,familyName\n'), Buffer.from([0xe3, 0x28, 0x2c, 0x41])]));
    expect((await run(latin)).stderr).toContain('not UTF-8');
    const good = `علی,نوری,${people.nationalId()}`;
    const broken = await run(file('broken.csv', ['givenName,familyName,nationalId', good, 'علی,نوری']));
    expect([broken.code, broken.stderr.includes('line 3')]).toEqual([64, true]);
    expect(await countCustomers()).toBe(before);
  });
});

describe('calls that cannot work', () => {
  const path = (): string => file('one.ndjson', [JSON.stringify(people.naturalCustomer())]);

  test('in clear over the network: refused before a byte leaves', async () => {
    const { code, stderr } = await run(path(), [], 'http://vault.example.com');
    expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining('in clear') });
  });

  test('credentials that are none are 78, and the secret is not repeated', async () => {
    const { code, stderr } = await run(path(), [], vault.url, { AMANAT_CLIENT_SECRET: 'amanat_secret_wrong' });
    expect(code).toBe(78);
    expect(stderr).not.toContain('amanat_secret_wrong');
  });

  test('a client of another role is 78; a secret from a file does', async () => {
    const support = await vault.client('support');
    const secret = file('secret', [support.secret]);
    const argv = ['import', path(), '--url', vault.url, '--client-id', support.id, '--client-secret-file', secret];
    const { code, stderr } = await amanat(argv);
    expect({ code, stderr }).toEqual({ code: 78, stderr: expect.stringContaining('shop_backend') });
  });

  test('a state so old that the vault may have forgotten is not gone on with', async () => {
    const input = path();
    const startedAt = new Date(Date.now() - 24 * 3_600_000).toISOString();
    writeFileSync(`${input}.import.json`, JSON.stringify({ resumeKey: 'old', startedAt }));
    const { code, stderr } = await run(input);
    expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining('23 hours') });
    rmSync(`${input}.import.json`);
  });
});
