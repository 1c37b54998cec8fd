import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { selfSignedCertificate } from '../../../src/crypto/x509.ts';
import { listen } from '../../../src/http/server.ts';
import { known, startSample, token, wire } from './service.ts';
import { newKeyPair } from '../../support/keyPair.ts';

const good = 'GET /v1/open HTTP/1.1\r\nHost: a\r\n\r\n';
const last = good.replace('Host: a', 'Host: a\r\nConnection: close');
const closing = (socket: { once(event: 'close', then: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));

describe('listening', () => {
  it('tells the port it took', async () => {
    const sample = await startSample();
    expect(sample.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
    await expect(listen(sample.http, { host: '127.0.0.1', port: sample.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    await sample.stop();
  });

  it('on IPv6 the address stands in brackets', async () => {
    const sample = await startSample({}, { host: '::1' }).catch(() => undefined);
    if (sample === undefined) return;
    expect(sample.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    await sample.stop();
  });

  it('keeps an idle connection longer than a balancer does', async () => {
    const sample = await startSample();
    const { headers } = await fetch(`${sample.url}/v1/open`);
    expect(Number(/^timeout=(\d+)$/.exec(headers.get('keep-alive') ?? '')?.[1])).toBeGreaterThan(60);
    await sample.stop();
  });

  it('its listener serves on any server', async () => {
    const sample = await startSample();
    const answer = await request(sample.http.listener).get(`/v1/things/${known}`).set(token());
    expect([answer.status, answer.headers['x-request-id']?.length]).toEqual([200, 36]);
    await sample.stop();
  });

  it('takes no more connections than it may', async () => {
    const sample = await startSample({}, { limits: { connections: 2 } });
    const wait = `GET /v1/wait HTTP/1.1\r\nHost: a\r\nAuthorization: ${token().authorization}\r\nConnection: close\r\n\r\n`;
    // They are taken in the order in which they came.
    const held = [wire(sample.port, wait), wire(sample.port, wait)];
    await sample.waiting.opened;
    expect((await wire(sample.port, last)).text).toBe('');
    sample.gate.open();
    expect((await Promise.all(held)).map(({ statuses }) => statuses)).toEqual([[200], [200]]);
    expect((await wire(sample.port, last)).statuses, 'there is room again').toEqual([200]);
    await sample.stop();
  });

  it('connections that nobody uses give way to who comes', async () => {
    const sample = await startSample({}, { limits: { connections: 2 } });
    const idle = [1, 2].map(() => connect(sample.port, '127.0.0.1'));
    await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('data', resolve).write(good))));
    const closed = idle.map(closing);
    expect((await wire(sample.port, last)).text).toBe('');
    await Promise.all(closed);
    expect((await wire(sample.port, last)).statuses).toEqual([200]);
    await sample.stop();
  });
});

describe('stopping', () => {
  it('finishes what is in flight, closes what is idle and takes nothing new', async () => {
    const sample = await startSample();
    const idle = connect(sample.port, '127.0.0.1');
    await new Promise((resolve) => idle.once('data', resolve).write(good));
    const held = fetch(`${sample.url}/v1/wait`, { headers: token() });
    await sample.waiting.opened;
    const stopped = sample.stop();
    await closing(idle);
    await expect(fetch(`${sample.url}/v1/open`)).rejects.toThrow();
    sample.gate.open();
    expect(await (await held).json()).toEqual({ waited: true });
    await stopped;
    await sample.stop();
  });

  it('cuts off what does not finish in time', async () => {
    const sample = await startSample({}, { limits: { graceMs: 100 } });
    const held = fetch(`${sample.url}/v1/wait`, { headers: token() });
    await sample.waiting.opened;
    const [outcome] = await Promise.allSettled([held, sample.stop()]);
    expect(outcome.status).toBe('rejected');
    sample.gate.open();
  });
});

describe('TLS', () => {
  const withCertificate = async (act: (tls: { cert: string; key: string }) => Promise<void>): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'amanat-tls-'));
    try {
      const { privatePem: privateKey, publicPem: publicKey } = newKeyPair('rsa', 2048);
      const certificate = selfSignedCertificate(privateKey, publicKey, {
        commonName: 'localhost',
        days: 1,
        serial: '1',
      });
      const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
      writeFileSync(tls.cert, certificate);
      writeFileSync(tls.key, privateKey, { mode: 0o600 });
      await act(tls);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const shake = (port: number, versions: { minVersion?: 'TLSv1.1'; maxVersion?: 'TLSv1.1' | 'TLSv1.2' } = {}) =>
    new Promise<TLSSocket>((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...versions });
      socket.once('secureConnect', () => resolve(socket)).once('error', reject);
    });

  it('serves TLS 1.3, takes 1.2, refuses 1.1 and plain text', async () => {
    await withCertificate(async (tls) => {
      const sample = await startSample({}, { tls });
      expect(sample.url).toMatch(/^https:/);
      const socket = await shake(sample.port);
      expect(socket.getProtocol()).toBe('TLSv1.3');
      const text = await new Promise((resolve) => socket.once('data', (piece) => resolve(String(piece))).write(good));
      expect(text).toContain('HTTP/1.1 200');
      const junk = new Promise((resolve) =>
        socket.once('data', (piece) => resolve(String(piece))).write('nonsense\r\n\r\n'),
      );
      expect(await junk).toContain('"malformed_request"');
      const older = await shake(sample.port, { maxVersion: 'TLSv1.2' });
      expect(older.getProtocol()).toBe('TLSv1.2');
      older.destroy();
      await expect(shake(sample.port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
      expect((await wire(sample.port, good)).text).not.toContain('200');
      await sample.stop();
    });
  });
});
