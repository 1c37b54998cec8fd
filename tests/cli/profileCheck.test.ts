import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterAll, describe, expect, test } from 'vitest';
import { edited } from '../unit/policy/kalak.ts';
import { amanat, temporaryFolder } from './process.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const clauses = new URL('../../../shared/domain/clauses.json', import.meta.url);

function file(name: string, text: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  return path;
}

const kalakWith = (name: string, edits: Record<string, unknown>): string => file(name, stringify(edited(edits)));

describe('amanat profile check', () => {
  test('a shipped profile has nothing wrong', async () => {
    const { code, stdout } = await amanat(['profile', 'check', 'kalak']);
    expect(code).toBe(0);
    expect(stdout).toContain('kalak: 0 errors, 0 contradictions, 0 notes');
  });

  test.each([
    ['khakriz', 'D3', 'D21', '1 contradiction'],
    ['citra', 'C3', 'C12', '2 contradictions'],
  ])(
    '%s ships and may not: told with both sentences, in both languages, and accepted',
    async (name, ships, forbids, number) => {
      const { code, stdout } = await amanat(['profile', 'check', name]);
      expect(code, stdout).toBe(0);
      const [, said = ''] = stdout.split('CONTRADICTION courier_off');
      const [, english = '', persian = ''] = said.split('\n');
      for (const id of [ships, forbids]) expect(english).toContain(id);
      for (const id of [ships, forbids]) expect(persian).toContain(id);
      expect(persian).toMatch(/\u2068[^\u2069]*\p{Script=Arabic}[^\u2069]*\u2069/u);
      expect(stdout).toContain(`${name}: 0 errors, ${number}, 0 notes`);
    },
  );

  test('an error is 1 and is told in both languages', async () => {
    const { code, stdout } = await amanat(['profile', 'check', kalakWith('error.yaml', { '/masks/iban': undefined })]);
    expect(code).toBe(1);
    expect(stdout).toContain('ERROR         mask_missing');
    expect(stdout).toMatch(/\u2068[^\u2069]*\p{Script=Arabic}[^\u2069]*\u2069/u);
  });

  test('a contradiction is told and accepted', async () => {
    const path = kalakWith('contradiction.yaml', { '/processors/courier/allowed': false });
    const { code, json } = await amanat(['profile', 'check', path, '--json']);
    const codes = json.findings.map((f: { severity: string; code: string }) => `${f.severity} ${f.code}`);
    expect(codes).toContain('contradiction courier_off');
    expect(code).toBe(codes.some((c: string) => c.startsWith('error')) ? 1 : 0);
  });

  test('a file that breaks the schema is 1, with the place', async () => {
    const { code, json } = await amanat([
      'profile',
      'check',
      kalakWith('broken.yaml', { '/controller': undefined }),
      '--json',
    ]);
    expect(code).toBe(1);
    expect(json.findings.map((f: { message: string }) => f.message)).toContainEqual(
      expect.stringContaining('/controller'),
    );
    const yaml = await amanat(['profile', 'check', file('no.yaml', 'a: [1,\nb: 2')]);
    expect(yaml.code).toBe(1);
    expect(yaml.stdout).toContain('#line=');
  });

  test('clauses: one without a rule, and a rule without a clause', async () => {
    const list = (ids: string[]) =>
      JSON.stringify({ clauses: ids.map((id) => ({ id, profile: 'kalak', scope: 'vault' })) });
    const { code, json } = await amanat([
      'profile',
      'check',
      'kalak',
      '--clauses',
      file('clauses.json', list(['E6', 'E999'])),
      '--json',
    ]);
    expect(code).toBe(1);
    const codes = new Set(json.findings.map((f: { code: string }) => f.code));
    expect(codes).toEqual(new Set(['clause_without_rule', 'clause_unknown']));
    const unreadable = await amanat(['profile', 'check', 'kalak', '--clauses', file('none.json', '[1')]);
    expect(unreadable.code).toBe(64);
  });
});

if (!existsSync(clauses)) process.stdout.write(`skipped: ${clauses.pathname} is not there\n`);
describe.skipIf(!existsSync(clauses))('with the published clauses', () => {
  test.each(['kalak', 'khakriz', 'citra', 'ito', 'imo'])('%s answers each', async (name) => {
    expect(readFileSync(clauses, 'utf8').length).toBeGreaterThan(1000);
    const { code, stdout } = await amanat(['profile', 'check', name, '--clauses', clauses.pathname]);
    expect(code, stdout).toBe(0);
  });
});

describe('policy explain', () => {
  test('says offline what a profile gives a role under a kind of work, by which rule, and what would change it', async () => {
    const asked = ['policy', 'explain', 'kalak', '--role', 'support', '--field', 'address', '--kind', 'ticket'];
    const { code, stdout } = await amanat([...asked, '--json']);
    expect(code).toBe(0);
    const [address] = JSON.parse(stdout).fields;
    expect(address).toMatchObject({ field: 'address', state: 'masked', reason: 'grant_scope' });
    expect(address.rules[0]).toMatchObject({ pointer: '/access/address/support', clauses: ['E9', 'E20'] });
    expect(address.wouldHaveToChange.map(({ step }: { step: string }) => step)).toEqual([
      'name_order',
      'new_policy_version',
    ]);
    const ordered = await amanat([...asked, '--order']);
    expect(ordered.stdout).toContain('address: full');
    expect(JSON.parse(stdout).readCeilings).toMatchObject([
      { countedBy: 'actor', perDay: 500 },
      { countedBy: 'client' },
    ]);
    expect(ordered.stdout).toContain('reads in full: 500 a day by a member of staff');
    expect(ordered.stdout).toContain('break-glass: this policy has no reads in an emergency');
    const admin = await amanat(['policy', 'explain', 'citra', '--role', 'system_admin', '--field', 'mobile', '--json']);
    expect(JSON.parse(admin.stdout).breakGlass).toMatchObject({
      inPolicy: true,
      grantees: ['system_admin'],
      perDay: 3,
    });
    for (const wrong of [['--role', 'nobody'], ['--role', 'support', '--field', 'shoeSize'], []]) {
      expect((await amanat(['policy', 'explain', 'kalak', ...wrong])).code, wrong.join(' ')).toBe(64);
    }
  });
});
