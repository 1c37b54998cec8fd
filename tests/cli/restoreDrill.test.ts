import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startEmbedded } from '../../src/db/embedded.ts';
import { synthetic } from '../../src/cli/synthetic.ts';
import { amanat, refusedStart, startService, temporaryFolder } from './process.ts';
import { policyText } from '../support/policyTexts.ts';
import { clientOf } from '../support/vault.ts';

/** The drill: make people, back up, erase one, lose the disk, restore; with the programs that are shipped, without a witness's machine. */
const folder = temporaryFolder();
afterAll(() => folder.remove());
const data = join(folder.path, 'data');
const env = {
  AMANAT_DATA_DIR: data,
  AMANAT_KEYS_DIR: join(folder.path, 'keys'),
  AMANAT_BACKUP_DIR: join(folder.path, 'backup'),
};

interface Account {
  readonly id: string;
  readonly secret: string;
}

async function login(url: string, { id, secret }: Account, actor?: string) {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...(actor === undefined ? {} : { actor }) });
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const answer = await fetch(`${url}/oauth/token`, { method: 'POST', body, headers: { authorization } });
  expect(answer.status).toBe(200);
  return clientOf(url, id, secret, ((await answer.json()) as { access_token: string }).access_token);
}

test('a restored database does not serve before reconciliation; then erased people stay erased and revoked stays revoked', async () => {
  const service = await startService(env);
  const account = async (role: string): Promise<Account> =>
    (await amanat(['clients', 'create', '--name', role, '--role', role, '--json'], env)).json;
  const [shop, dpo, cut] = await Promise.all([account('shop_backend'), account('dpo'), account('support')]);
  const people = synthetic(77);
  const backend = await login(service.url, shop);
  const ids: string[] = [];
  const sent = [people.naturalCustomer(), people.naturalCustomer()];
  for (const person of sent) ids.push((await backend.post('/v1/customers', person)).body.id);
  const [gone = '', stays = ''] = ids;
  const backup = await amanat(['backup', '--json'], env);
  expect(backup.code).toBe(0);
  // The only one stays, however short the time; a longer one than the policy's is refused.
  const [pruned, longer] = await Promise.all(
    ['PT0M', 'P36D'].map((keep) => amanat(['backup', 'prune', '--keep', keep, '--json'], env)),
  );
  expect(longer?.code).toBe(64);
  expect(pruned, pruned?.stderr).toMatchObject({
    code: 0,
    json: { backups: [], kept: 1, newestIsOver: true, left: [] },
  });
  // Nothing is wrong with it, but that others may write there: they could take it away.
  chmodSync(env.AMANAT_BACKUP_DIR, 0o770);
  const checked = await amanat(['backup', 'check', '--files', '--json'], env);
  chmodSync(env.AMANAT_BACKUP_DIR, 0o700);
  expect(checked, checked.stdout).toMatchObject({ code: 0, json: { holds: true } });
  const told = Object.fromEntries(
    (checked.json.findings as { code: string; level: string }[]).map(({ code, level }) => [code, level]),
  );
  expect(told).toMatchObject({ backup_folder: 'warn', backup: 'ok', backup_keys: 'ok', backup_files: 'ok', wal: 'ok' });
  const asked = { customerId: gone, kind: 'erase', asker: 'subject', checked: 'account' };
  const { id } = (await backend.post('/v1/requests', asked)).body;
  const officer = await login(service.url, dpo, 'staff-1');
  expect((await officer.post(`/v1/requests/${id}/decide`, { outcome: 'done' })).status).toBe(200);
  expect((await amanat(['clients', 'disable', cut.id], env)).code).toBe(0);
  const next = { policy: policyText({ '/title/en': 'Next' }), material: true };
  expect((await officer.post('/v1/policies', next)).status).toBe(201);
  // The log's tree has come to the newest leaf, and with it to everything before; then the witness is to know as much.
  const newest = (await officer.get('/v1/audit?limit=1')).body.items[0].id as string;
  while ((await officer.get(`/v1/audit/proof/inclusion?leaf=${newest}`)).status !== 200);
  const { size } = (await officer.get('/v1/audit/checkpoint')).body;
  for (;;) {
    const seen = await amanat(['restore', 'check', '--json'], env);
    if (seen.json.tenants[0].seen >= size) break;
  }
  await service.stop();

  renameSync(join(data, 'postgres'), join(data, 'lost'));
  // Somebody who can write there moves its date: it is refused, and nothing is put anywhere.
  const manifest = join(backup.json.path, 'manifest.json');
  const written = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, written.replace(/"startedAt":"20\d\d/, '"startedAt":"2099'));
  const refused = await amanat(['restore', '--from', backup.json.path, '--json'], env);
  expect(refused).toMatchObject({ code: 1, json: { restored: false, code: 'altered' } });
  writeFileSync(manifest, written);
  expect((await amanat(['restore', '--from', backup.json.path], env)).code).toBe(0);
  expect(await refusedStart(env)).toMatchObject({ code: 65, stderr: expect.stringContaining('amanat reconcile') });
  // One start for all the calls that follow.
  const database = await startEmbedded({ folder: join(data, 'postgres'), archive: env.AMANAT_BACKUP_DIR });
  const shown = await amanat(['reconcile', '--json'], env);
  // What is in force now is older than what was: nothing is done before somebody has said which that is.
  expect(shown).toMatchObject({
    code: 1,
    json: {
      reconciled: false,
      code: 'older_policy',
      inForce: ['kalak/1'],
      tenants: [{ policy: { lost: [{ number: 2 }] } }],
    },
  });
  const older = ['--older-policy', 'kalak/1'];
  expect((await amanat(['reconcile', '--confirm', shown.json.confirm, '--json'], env)).json.code).toBe('older_policy');
  expect((await amanat(['reconcile', '--confirm', '00000000', ...older], env)).code).toBe(1);
  // From a copy of all this at another place, with the same keys and the same witness: the log that is served would end.
  const mark = join(data, 'installation');
  const own = readFileSync(mark, 'utf8');
  writeFileSync(mark, 'another\n');
  const elsewhere = await amanat(['reconcile', '--confirm', shown.json.confirm, ...older, '--json'], env);
  expect(elsewhere).toMatchObject({
    code: 1,
    json: { code: 'other_installation', endsLogOf: { id: expect.any(String) } },
  });
  writeFileSync(mark, own);
  // Nor is anything swept: what lost holds keep would go with what has had its time.
  expect(await amanat(['retention', 'run'], env)).toMatchObject({ code: 1, stderr: expect.stringContaining('behind') });
  // By the same code: nothing was done until now.
  const done = await amanat(['reconcile', '--confirm', shown.json.confirm, ...older, '--json'], env);
  expect(done).toMatchObject({ code: 0 });
  await database.stop();

  const again = await startService(env);
  const reader = await login(again.url, shop);
  expect((await reader.get(`/v1/customers/${gone}`)).status).toBe(404);
  expect((await reader.get(`/v1/customers/${stays}`)).status).toBe(200);
  // The index tells the same: one is found, the other is not, by anything.
  const foundBy = async (person: (typeof sent)[number] | undefined): Promise<number> =>
    (await reader.post('/v1/customers/search', { by: 'email', value: person?.fields['email'] })).body.matches.length;
  expect([await foundBy(sent[0]), await foundBy(sent[1])]).toEqual([0, 1]);
  const authorization = `Basic ${Buffer.from(`${cut.id}:${cut.secret}`).toString('base64')}`;
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  expect((await fetch(`${again.url}/oauth/token`, { method: 'POST', body, headers: { authorization } })).status).toBe(
    401,
  );
  await again.stop();

  // Control: without what was seen before, the same backup would have been served, with everybody in it.
  renameSync(join(data, 'postgres'), join(data, 'reconciled'));
  const nowhere = ['restore', '--from', backup.json.path, '--wal', join(folder.path, 'nowhere')];
  expect((await amanat(nowhere, env)).code).toBe(64);
  // A path from here, where PostgreSQL will read it from a folder of its own.
  const wal = join(env.AMANAT_BACKUP_DIR, 'wal');
  const fromHere = ['--wal', relative(tmpdir(), wal), '--until', 'backup'];
  const last = readdirSync(wal)
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .toSorted()
    .at(-1);
  rmSync(join(wal, `${last}.mac`));
  const short = await amanat(['restore', '--from', backup.json.path, ...fromHere, '--json'], env);
  expect(short).toMatchObject({ code: 0, json: { restored: true, wal: { left: 1, leftFrom: last } } });
  expect(readFileSync(join(data, 'postgres', 'cluster', 'postgresql.auto.conf'), 'utf8')).toContain(`${wal}/`);
  const forgetful = await startService({ ...env, AMANAT_WITNESS_DIR: join(folder.path, 'empty') });
  expect((await (await login(forgetful.url, shop)).get(`/v1/customers/${gone}`)).status).toBe(200);
  await forgetful.stop();
}, 180_000);
