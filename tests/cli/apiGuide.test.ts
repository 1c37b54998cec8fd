import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openIntegrator } from '../../src/vault/integration.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { workshop } from '../unit/crypto/openssl.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
/** Every command of a document that is typed against a running vault, in its order. */
const commandsOf = (path: string): string[] =>
  [...read(path).matchAll(/^```sh\n([\s\S]*?)^```/gm)]
    .map(([, block]) => block ?? '')
    .filter((block) => !/^npm (?:ci|start|run)/m.test(block));

const hasCurl = spawnSync('curl', ['--version']).status === 0;
if (!hasCurl) process.stdout.write('skipped: no curl on the command line\n');

describe.skipIf(!hasCurl)('what a newcomer types, from the first command to the last', () => {
  const place = workshop();
  let vault: TestVault;
  let integrating: NodeJS.Timeout;
  beforeAll(async () => {
    vault = await startVault({ clock: 'machine' });
    // As a serving process does: the log has a head before the guide asks for it.
    const integrate = openIntegrator(vault.vault);
    await integrate();
    integrating = setInterval(() => void integrate().catch(() => undefined), 500);
    const { id: clientId, secret: clientSecret } = vault.admin;
    await place.run('mkdir', ['-p', 'data/keys', 'policies']);
    place.write('data/first-run.json', JSON.stringify({ clientId, clientSecret, tenantId: vault.tenantId }));
    place.write('data/keys/export-1.crt', vault.vault.keys.exportSigning.certificatePem);
    place.write('policies/kalak.yaml', read('policies/kalak.yaml'));
  });
  afterAll(async () => {
    place.close();
    clearInterval(integrating);
    await vault?.stop();
  });

  /** Verifying the log takes the database and the keys, which are not at hand here; other tests do it. */
  async function type(blocks: readonly string[]) {
    const amanat = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const shim = `npx() { shift; [ "$1" = audit ] || '${process.execPath}' '${amanat}' "$@"; }`;
    const typed = blocks.join('\necho\n').replaceAll('http://127.0.0.1:8787', vault.url);
    const { code, stdout, stderr } = await place.run('bash', ['-c', `set -euo pipefail\n${shim}\n${typed}`]);
    const refusals = [...stdout.matchAll(/"code":"(\w+)","detail"/g)].map(([, name]) => name);
    return { code, stderr, stdout, refusals };
  }

  test('the API guide: each answer is as it says, refusals where it says so', async () => {
    const { code, stderr, stdout, refusals } = await type(commandsOf('docs/api-guide.md'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(refusals).toEqual([
      'consent_required',
      // kalak knows no permissions, and the shop reads no invoice.
      'not_permitted',
      'not_permitted',
      'invalid_body',
      'card_data_refused',
      'wrong_code',
      'not_found',
      // The person who was erased, and the certificate before its day.
      'not_found',
      'conflict',
      'legal_order_required',
      // No table of a month that is not over; no extract under kalak.
      'not_found',
      'not_permitted',
      'unauthenticated',
      'not_permitted',
    ]);
    expect(stdout).not.toMatch(/^undefined$/m);
    expect(stdout).toContain('"code":"not_answered"');
    expect(stdout).toContain('The receipt holds.');
    expect(place.read('copy.html')?.toString()).toContain('محمدی');
    expect(place.read('policy.html')?.toString()).toContain('dir="rtl"');
  }, 240_000);

  test.each([
    ['README.md', '9901234573'],
    ['README.fa.md', '9901234581'],
  ])('%s', async (path, nationalId) => {
    // Its customer is the guide's: another number, so that a second one may come.
    const people = { '9901234565': nationalId, 'C-1001': path };
    const commands = commandsOf(path).map((block) =>
      Object.entries(people).reduce((text, [from, to]) => text.replaceAll(from, to), block),
    );
    const { code, stderr, stdout, refusals } = await type(commands);
    expect({ code, stderr, refusals }).toEqual({ code: 0, stderr: '', refusals: [] });
    expect(stdout).toContain('no_grant');
    expect(stdout).toContain('the grant does not cover this item');
    expect(stdout).toMatch(/^true\n+false\n/m);
    expect(stdout).toMatch(/by: 'support',\s+full: \[ 'mobile' \]/);
    expect(stdout).toMatch(/^done$/m);
    expect(stdout).toContain("{ state: 'full', value: '+989701234567' }");
    expect(stdout).toMatch(/^legal_order_required$/m);
  });

  test('control: a refusal would show, and so would a word that is not there', async () => {
    const [words = '', admin = ''] = commandsOf('docs/api-guide.md');
    const refused = await type([words, admin, 'curl -sS "$V/v1/customers" -H "Authorization: Bearer $ADMIN"']);
    expect(refused.refusals).toEqual(['not_permitted']);
    expect((await type([words, 'nothing_of_that_name'])).code).not.toBe(0);
    // Whoever picks a member that is not there is told what came instead.
    const picked = await type([words, `echo '{"code":"unauthenticated"}' | pick id`]);
    expect(picked).toMatchObject({ code: 0, stdout: '\n\n', stderr: "{ code: 'unauthenticated' }\n" });
  });
});
