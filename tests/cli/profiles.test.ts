import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { decodeLeaf } from '../../src/crypto/leaf.ts';
import { emptyDatabase, withClient, type EmptyDatabase } from '../support/postgres.ts';
import { customerUnder } from '../support/profiles.ts';
import { login } from '../support/vault.ts';
import { made } from '../support/work.ts';
import { shipped, type ShippedName } from '../unit/policy/shipped.ts';
import { amanat, startService, temporaryFolder, type Service } from './process.ts';

/** Each shipped policy as an operator brings it in: as the first tenant's, and as a further one's. */
let database: EmptyDatabase;
let service: Service | undefined;
let env: Record<string, string>;
const folder = temporaryFolder();
const people = synthetic(405);

beforeAll(async () => {
  database = await emptyDatabase();
  env = { AMANAT_DATABASE_URL: database.ownerUrl, AMANAT_DATA_DIR: folder.path, AMANAT_PROFILE: 'citra' };
  service = await startService(env);
});
afterAll(async () => {
  await service?.stop();
  await database.drop();
  folder.remove();
});

async function storesUnder(name: ShippedName, { clientId, clientSecret }: { clientId: string; clientSecret: string }) {
  const url = service?.url ?? '';
  const admin = await login(url, clientId, clientSecret);
  const client = { name: 'shop', role: 'shop_backend', authMethod: 'client_secret' };
  const { id, secret } = made(await admin.post('/v1/clients', client));
  const shop = await login(url, id, secret);
  const customer = made(await shop.post('/v1/customers', customerUnder(shipped[name], people.naturalCustomer())));
  const read = made(await shop.get(`/v1/customers/${customer.id}`), 200);
  expect(read.policyVersion).toBe(`${name}/1`);
  return { customerId: customer.id as string, clientId: id as string };
}

describe('the shipped policies', () => {
  test('AMANAT_PROFILE names the first tenant’s, whose contradictions are in the log of each start', async () => {
    await storesUnder('citra', JSON.parse(readFileSync(join(folder.path, 'first-run.json'), 'utf8')));
    for (const code of ['courier_off', 'invoice_off']) {
      const said = await service?.logged(
        (event) => event['event'] === 'profile_contradiction' && event['code'] === code,
      );
      expect(said).toMatchObject({ profile: 'citra' });
    }
  });

  test.each<[ShippedName, string[]]>([
    ['kalak', []],
    ['khakriz', ['courier_off']],
    ['citra', ['courier_off', 'invoice_off']],
    ['ito', ['order_beside_permission']],
    ['imo', []],
  ])('tenants create --profile %s says its contradictions aloud and makes a tenant that works', async (name, codes) => {
    const argv = ['tenants', 'create', '--name', `under ${name}`, '--profile', name, '--json'];
    const { code, json, stderr } = await amanat(argv, env);
    expect(code, stderr).toBe(0);
    expect(json.profile).toBe(name);
    expect([...stderr.matchAll(/CONTRADICTION (\w+)/g)].map(([, said]) => said)).toEqual(codes);
    // A running service serves the tenant within a second.
    await expect.poll(() => storesUnder(name, json).then(() => 'served', String), { timeout: 10_000 }).toBe('served');
  });

  test('policy explain asks the running vault of one person, and leaves a leaf of it', async () => {
    const first = JSON.parse(readFileSync(join(folder.path, 'first-run.json'), 'utf8'));
    const { customerId, clientId } = await storesUnder('citra', first);
    const argv = ['policy', 'explain', '--tenant', first.tenantId, '--client', clientId, '--field', 'mobile', '--json'];
    const { code, json, stderr } = await amanat([...argv, '--customer', customerId], env);
    expect(code, stderr).toBe(0);
    expect(json).toMatchObject({ policyVersion: 'citra/1', reader: { clientId, role: 'shop_backend' } });
    expect(json.fields).toMatchObject([{ field: 'mobile', state: 'masked', reason: 'role' }]);
    expect(json.breakGlass).toMatchObject({ inPolicy: true, leftToday: 3 });
    const staffed = [
      'policy',
      'explain',
      '--tenant',
      first.tenantId,
      '--role',
      'support',
      '--actor',
      'staff-1',
      '--json',
    ];
    expect((await amanat(staffed, env)).json.readCeilings).toMatchObject([
      { countedBy: 'actor', perDay: 500, left: 500 },
    ]);
    expect((await amanat([...argv, '--customer', clientId], env)).code, 'nobody').toBe(64);
    const leaves = await withClient(database.superuserUrl, async (client) => {
      const found = await client.query<{ leaf: Buffer }>('select leaf from amanat.audit_leaves');
      return found.rows.map(({ leaf }) => decodeLeaf(leaf)).filter(({ action }) => action === 'policies.explain');
    });
    expect(leaves).toMatchObject([
      { actor: 'operator', objectKind: 'customers', objectId: customerId },
      { actor: 'operator', objectKind: 'policies' },
    ]);
  });

  test('verify opens everything beside the service, and names the record of which one byte was changed', async () => {
    const { customerId } = await storesUnder(
      'citra',
      JSON.parse(readFileSync(join(folder.path, 'first-run.json'), 'utf8')),
    );
    const flip = () =>
      withClient(database.superuserUrl, (client) =>
        client.query(
          'update amanat.customers set sealed = set_byte(sealed, 99, get_byte(sealed, 99) # 1) where id = $1',
          [customerId],
        ),
      );
    expect((await amanat(['verify', '--json'], env)).json).toMatchObject({ whole: true });
    await flip();
    const { code, json, stdout } = await amanat(['verify', '--all', '--json'], env);
    expect(code).toBe(1);
    expect(json.tenants.map(({ flaw }: { flaw?: { id: string } }) => flaw?.id)).toContain(customerId);
    expect(stdout).not.toContain('sealed');
    await flip();
    expect((await amanat(['verify', '--sample', '2'], env)).code).toBe(0);
    const drawn = await amanat(['verify', '--sample', '1', '--json'], env);
    const again = await amanat(['verify', '--sample', '1', '--seed', drawn.json.seed, '--json'], env);
    expect(again.json.tenants[0].records).toBe(drawn.json.tenants[0].records);
    expect((await amanat(['verify', '--sample', 'none'], env)).code).toBe(64);
  });

  test('a name that does not ship is answered with those that do', async () => {
    const { code, stderr } = await amanat(['tenants', 'create', '--name', 'x', '--profile', 'nobodys'], env);
    expect(code).toBe(64);
    for (const name of Object.keys(shipped)) expect(stderr).toContain(name);
  });
});
