import type { lookup } from 'node:dns';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { newWebhookSecret, webhookSignature } from '../../src/crypto/webhookSignature.ts';
import { isAllowableAddress, isPublicAddress } from '../../src/sending/addresses.ts';
import { webhookSender } from '../../src/sending/webhookSender.ts';
import { readSending } from '../../src/sendingConfig.ts';
import { pauseAfter } from '../../src/vault/outboxLoop.ts';

test('the known answer of the Standard Webhooks project', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const signature = webhookSignature(secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}');
  expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

test('a secret is whsec_ and 32 bytes, and never the same', () => {
  const [one, two] = [newWebhookSecret(), newWebhookSecret()];
  expect(one).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(one).not.toBe(two);
});

test('what failed together is not tried again together, and never sooner than it is asked for', () => {
  const pauses = Array.from({ length: 200 }, () => pauseAfter(3, 60_000));
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(20_000);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(24_000);
  expect(new Set(pauses).size).toBeGreaterThan(20);
  expect(pauseAfter(-2_147_483_648, 60_000), 'whatever a row says').toBeGreaterThanOrEqual(5_000);
  expect(pauseAfter(1, 60_000, 30_000)).toBeGreaterThanOrEqual(30_000);
  expect(pauseAfter(40, 60_000, 999_999_000), 'the longest, and its fifth').toBeLessThanOrEqual(72_000);
});

describe('addresses', () => {
  test.each(['93.184.216.34', '1.1.1.1', '172.32.0.1', '2a00:1450:4001:81b::200e', '2606:4700::1111'])(
    '%s is of the public net',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
  test.each([
    ['169.254.169.254', false],
    ['0.0.0.0', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['fe80::1', false],
    ['ff02::1', false],
    ['::', false],
    ['::ffff:169.254.169.254', false],
    ['::ffff:127.0.0.1', false],
    ['64:ff9b::a9fe:a9fe', false],
    ['2002:7f00:1::', false],
    ['2001:db8::1', false],
    ['fe80::1%eth0', false],
    ['example.com', false],
    ['127.0.0.1', true],
    ['10.1.2.3', true],
    ['172.31.255.255', true],
    ['192.168.1.1', true],
    ['100.64.0.1', true],
    ['::1', true],
    ['fd12::1', true],
  ])('%s is not; where the operator allows its host: %s', (address, allowable) => {
    expect([isPublicAddress(address), isAllowableAddress(address)]).toEqual([false, allowable]);
  });
});

describe('where webhooks may go', () => {
  const plain = webhookSender([]);
  const local = webhookSender(['127.0.0.1', 'localhost', 'shop.internal', '169.254.169.254']);

  test.each([
    ['https://shop.example.com/hook?x=1', undefined],
    ['http://shop.example.com/', 'not_https'],
    ['ftp://shop.example.com/', 'not_https'],
    ['https://user:pass@shop.example.com/', 'format'],
    ['https://shop.example.com/#a', 'format'],
    ['shop', 'format'],
    [`https://shop.example.com/${'a'.repeat(2000)}`, 'format'],
    ['https://127.0.0.1/', 'address'],
    ['https://2130706433/', 'address'],
    ['https://0x7f.1/', 'address'],
    ['https://[::1]/', 'address'],
    ['https://[::ffff:10.0.0.1]/', 'address'],
    ['https://localhost/', 'address'],
    ['https://169.254.169.254/latest/meta-data', 'address'],
    ['https://10.0.0.1/', 'address'],
    ['http://127.0.0.1:8080/', 'not_https'],
  ])('%s: %s', (url, refusal) => expect(plain.refusal(url)).toBe(refusal));

  test('what the operator names goes, plainly only on this machine, and never to a metadata service', () => {
    expect(local.refusal('http://127.0.0.1:8080/')).toBeUndefined();
    expect(local.refusal('https://localhost/')).toBeUndefined();
    expect(local.refusal('http://shop.internal/')).toBe('not_https');
    expect(local.refusal('https://169.254.169.254/')).toBe('address');
    expect(local.refusal('https://10.0.0.1/')).toBe('address');
  });

  test('where a name leads is looked at for every connection, and one address that is not to be reached is enough', async () => {
    const server = createServer((socket) => socket.end('no TLS here')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `https://hook.example.com:${(server.address() as AddressInfo).port}/`;
    const leading = (allowed: string[], ...addresses: string[]) => {
      const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      const named = (_: string, __: object, answer: (error: null, found: object[]) => void) => answer(null, found);
      return webhookSender(allowed, named as unknown as typeof lookup).post({ url, headers: {}, body: '{}' });
    };
    expect(await leading([], '127.0.0.1')).toEqual({ fault: 'address' });
    expect(await leading([], '93.184.216.34', '10.0.0.1')).toEqual({ fault: 'address' });
    expect(await leading([], '::ffff:127.0.0.1')).toEqual({ fault: 'address' });
    expect(await leading(['hook.example.com'], '169.254.169.254')).toEqual({ fault: 'address' });
    // The control: allowed, it gets there, and goes no further than TLS.
    expect(await leading(['hook.example.com'], '127.0.0.1')).toEqual({ fault: 'tls' });
    server.close();
  });

  test('the setting is checked', () => {
    const faults: string[] = [];
    expect(readSending({ AMANAT_WEBHOOK_HOSTS: 'Shop.internal, ::1' }, faults).webhookHosts).toEqual([
      'shop.internal',
      '::1',
    ]);
    expect(faults).toEqual([]);
    readSending({ AMANAT_WEBHOOK_HOSTS: 'https://x' }, faults);
    expect(faults).toHaveLength(1);
  });
});
