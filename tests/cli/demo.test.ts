import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { amanat } from './process.ts';

test('npm run demo tells its story to the end, as made-up people, and leaves nothing behind', async () => {
  const { code, stdout, stderr } = await amanat(['demo', '--exit']);
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' });
  const told = [
    /mobile +masked +no_grant/,
    /mobile +full/,
    /address +masked +no_grant/,
    /what would show it +open_grant ticket/,
    /courier A .* 404 not_found/,
    /422 wrong_code/,
    /403 legal_order_required/,
    /403 legal_order_not_approved/,
    /403 self_approval/,
    /403 legal_order_used/,
    /withdrew +marketing +sms +withdrawn +no/,
    /customer  GET .*accesses.* 200/,
    /support +shown +givenName mobile/,
    /409 conflict/,
    /rule that refused/,
    /records hold/,
  ];
  let rest = stdout;
  for (const words of told) {
    const at = rest.search(words);
    expect(at, `${words} in ${rest}`).toBeGreaterThanOrEqual(0);
    rest = rest.slice(at + 1);
  }
  for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(110);
  const [, dataDir = ''] = /data +(\/\S+)/.exec(stdout) ?? [];
  expect(dataDir).toContain('amanat-demo-');
  expect(existsSync(dataDir)).toBe(false);
});

test('control: where the service cannot start, it fails aloud', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  const { code, stderr } = await amanat(['demo', '--exit'], { AMANAT_PORT: String(port) });
  taken.close();
  expect(code).toBe(69);
  expect(stderr).toContain('AMANAT_PORT');
});
