import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problems } from '../../src/errors.ts';
import { textPdf } from '../support/scans.ts';
import { startVault, type TestVault } from '../support/vault.ts';
import { hasOpenssl, workshop } from '../unit/crypto/openssl.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const guide = read('docs/legal-desk.md');
/** Every command of the guide, in its order, as a reader would type it. */
const commands = [...guide.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block]) => block ?? '');

const hasCurl = spawnSync('curl', ['--version']).status === 0;
if (!hasCurl) process.stdout.write('skipped: no curl on the command line\n');

describe.skipIf(!hasOpenssl || !hasCurl)(
  'the guide to the legal desk, typed from its first command to its last',
  () => {
    const place = workshop();
    let vault: TestVault;
    beforeAll(async () => {
      vault = await startVault({ clock: 'machine' });
      const { id: clientId, secret: clientSecret } = vault.admin;
      await place.run('mkdir', ['-p', 'data/keys']);
      place.write('data/first-run.json', JSON.stringify({ clientId, clientSecret }));
      place.write('data/keys/export-1.crt', vault.vault.keys.exportSigning.certificatePem);
      place.write('letter.pdf', textPdf('a letter'));
    });
    afterAll(async () => {
      place.close();
      await vault?.stop();
    });

    async function type(blocks: readonly string[]) {
      const amanat = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
      const shim = `npx() { shift; '${process.execPath}' '${amanat}' "$@"; }`;
      const typed = blocks.join('\n').replaceAll('http://127.0.0.1:8787', vault.url);
      const { code, stdout, stderr } = await place.run('bash', ['-c', `set -euo pipefail\n${shim}\n${typed}`]);
      return {
        code,
        stderr,
        stdout,
        refusals: [...stdout.matchAll(/"code":"(\w+)","detail"/g)].map(([, name]) => name),
      };
    }

    test('says yes to each, but where it says no itself', async () => {
      expect(commands.length).toBeGreaterThan(25);
      const { code, stderr, stdout, refusals } = await type(commands);
      expect({ code, stderr, refusals }).toEqual({ code: 0, stderr: '', refusals: [] });
      // Of the emergency, which kalak does not allow, the guide picks the code.
      expect(stdout.split('\n').filter((line) => line === 'ground_not_allowed')).toHaveLength(1);
      expect(stdout).toContain('The receipt holds.');
      for (const status of ['approved', 'rejected', 'revoked', 'delivered', 'provisional', 'preservation', 'released'])
        expect(stdout).toContain(status);
      expect(place.read('letter-read.pdf')?.equals(Buffer.from(textPdf('a letter')))).toBe(true);
      for (const name of ['minutes.html', 'report.html']) expect(place.read(name)?.toString()).toContain('dir="rtl"');
      expect(place.read('package.p7m')?.at(0)).toBe(0x30);
    });

    test('control: a refusal would show, and so would a word that is not there', async () => {
      const [setting = '', making = '', tokens = ''] = commands;
      const again = await type([setting, making.replace('C-1001', 'C-1002'), tokens]);
      expect(again.refusals).toEqual(['already_exists']);
      const broken = await type([setting, 'nothing_of_that_name']);
      expect(broken.code).not.toBe(0);
    });
  },
);

describe('the list of every refusal', () => {
  const [english = '', persian = ''] = ['## Every refusal', '## همهٔ پاسخ‌های رد'].map((heading) => {
    const from = guide.indexOf(`\n${heading}\n`);
    expect(from).toBeGreaterThan(0);
    return guide.slice(from, guide.indexOf('dir="rtl"', from) + 1 || undefined);
  });
  /** Status, code and reasons of each row; digits of either language. */
  const rows = (text: string) =>
    [...text.matchAll(/^\| ([\d۰-۹]{3}) `(\w+)` *\|([^|]*)\|/gm)].map(([, status = '', code = '', reasons = '']) => ({
      status: status.replace(/[۰-۹]/g, (digit) => String(digit.charCodeAt(0) - 0x6f0)),
      code,
      reasons: [...reasons.matchAll(/`([a-z_]+…?)`/g)].map(([, reason = '']) => reason),
    }));

  test('is the same in both languages', () => {
    expect(rows(english).length).toBeGreaterThan(40);
    expect(rows(persian)).toEqual(rows(english));
  });

  test('names codes and reasons that there are, each with its status', () => {
    const source = sources('src')
      .map((path) => read(path))
      .join('\n');
    for (const { status, code, reasons } of rows(english)) {
      expect(String(problems[code as keyof typeof problems]?.status), code).toBe(status);
      for (const reason of reasons) expect(source.includes(`'${reason.replace('…', '')}`), reason).toBe(true);
    }
    expect(source.includes("'no_such_reason")).toBe(false);
  });

  test('leaves out no code of a legal order, and no reason of a certificate', () => {
    const named = new Set(rows(english).map(({ code }) => code));
    const legal = Object.keys(problems).filter((code) => code.startsWith('legal_order_'));
    for (const code of [...legal, 'self_approval', 'ground_not_allowed']) expect(named).toContain(code);
    const refusals = [...read('src/crypto/certificate.ts').matchAll(/^ {2}'(certificate_\w+|not_a_certificate)',$/gm)];
    expect(refusals.length).toBeGreaterThan(5);
    for (const [, reason] of refusals) expect(guide).toContain(`\`${reason}\``);
  });
});

function sources(folder: string): string[] {
  const names = readdirSync(new URL(`../../${folder}`, import.meta.url), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`);
}
