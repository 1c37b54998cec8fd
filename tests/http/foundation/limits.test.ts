import * as fc from 'fast-check';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { HttpOptions } from '../../../src/http/http.ts';
import { concurrencyGate, rateLimiter } from '../../../src/http/limits.ts';
import { alice, bob, known, latch, problemOf, startSample, token, wire, type Client } from './service.ts';

describe('rate limiter', () => {
  const start = (quota: number, windowSeconds: number) => {
    const clock = { ms: 1_000_000 };
    return { clock, limiter: rateLimiter({ quota, windowSeconds }, () => clock.ms) };
  };

  it('gives the quota at once, then one for each share of the window', () => {
    const { clock, limiter } = start(5, 10);
    const take = (): boolean => limiter.take('a') === undefined;
    expect([1, 2, 3, 4, 5, 6].map(take)).toEqual([true, true, true, true, true, false]);
    clock.ms += 1_999;
    expect(take()).toBe(false);
    clock.ms += 1;
    expect([take(), take()]).toEqual([true, false]);
    clock.ms += 10_000;
    expect([1, 2, 3, 4, 5, 6].map(take)).toEqual([true, true, true, true, true, false]);
  });

  it('says how long to wait, and waiting that long helps', () => {
    const { clock, limiter } = start(2, 60);
    limiter.take('a');
    limiter.take('a');
    const seconds = limiter.take('a');
    expect(seconds).toBe(30);
    clock.ms += Number(seconds) * 1000;
    expect(limiter.take('a')).toBeUndefined();
  });

  it('keeps nobody out for what a clock said that was set back', () => {
    const { clock, limiter } = start(2, 60);
    clock.ms += 3_600_000;
    limiter.take('a');
    limiter.take('a');
    expect(limiter.take('a'), 'control').toBe(30);
    clock.ms -= 3_600_000;
    expect([limiter.take('a'), limiter.take('a'), limiter.take('a')]).toEqual([undefined, undefined, 30]);
    clock.ms -= 5_000;
    expect(limiter.take('a'), 'a small step is waited out').toBeLessThanOrEqual(35);
  });

  it('counts each client by itself', () => {
    const { limiter } = start(1, 10);
    expect([limiter.take('a'), limiter.take('b'), limiter.take('a')]).toEqual([undefined, undefined, 10]);
  });

  it('never lets more than the quota and its refill through, whatever the rhythm', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_000), { maxLength: 200 }), (pauses) => {
        const { clock, limiter } = start(7, 4);
        const began = clock.ms;
        let passed = 0;
        for (const pause of pauses) {
          clock.ms += pause;
          if (limiter.take('a') === undefined) passed++;
          expect(passed).toBeLessThanOrEqual(7 + ((clock.ms - began) * 7) / 4_000 + 1e-6);
        }
      }),
    );
  });

  it('forgets nobody who is still limited while windows pass', () => {
    const { clock, limiter } = start(2, 10);
    limiter.take('a');
    clock.ms += 9_999;
    limiter.take('a');
    limiter.take('a');
    clock.ms += 2;
    limiter.take('b');
    expect(limiter.take('a')).toBeDefined();
  });

  it('keeps a bounded number of clients; those beyond share a count', () => {
    const { limiter } = start(2, 10);
    for (let i = 0; i < 10_000; i++) limiter.take(`client ${i}`);
    expect(limiter.take('one more')).toBeUndefined();
    limiter.take('and another');
    expect(limiter.take('the third')).toBeDefined();
    expect(limiter.take('client 1')).toBeUndefined();
  });
});

describe('concurrency gate', () => {
  it('holds its number, and its number for one client', () => {
    const gate = concurrencyGate(3, 3, 2);
    const leave = gate.enter('a');
    gate.enter('a');
    expect(() => gate.enter('a')).toThrow('overloaded');
    gate.enter('b');
    expect(() => gate.enter('b')).toThrow('overloaded');
    leave();
    gate.enter('b');
  });

  it('a tenant has a share too, through however many clients; another finds a place', () => {
    const gate = concurrencyGate(4, 3, 2);
    const leave = gate.enter('a1', 'a');
    gate.enter('a1', 'a');
    gate.enter('a2', 'a');
    expect(() => gate.enter('a3', 'a')).toThrow('overloaded');
    gate.enter('b1', 'b');
    expect(() => gate.enter('b1', 'b')).toThrow('overloaded');
    leave();
    gate.enter('a3', 'a');
  });
});

describe('over HTTP', () => {
  /** How many answers `flooders` connections had, which ask again and again, until as many more `newcomers` had theirs. */
  async function answersBefore(
    { flooders, newcomers }: { readonly flooders: number; readonly newcomers: number },
    sample: { readonly port: number },
  ): Promise<number> {
    const request = 'GET /v1/open HTTP/1.1\r\nHost: x\r\n\r\n';
    const open = async (onAnswer: (socket: Socket) => void): Promise<Socket> => {
      const socket = connect(sample.port, '127.0.0.1');
      socket.on('data', () => onAnswer(socket)).on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    };
    let flood = 0;
    const again = (socket: Socket): void => {
      flood += 1;
      socket.write(request);
    };
    const flooding = await Promise.all(Array.from({ length: flooders }, () => open(again)));
    for (const socket of flooding) socket.write(request);
    const answered = Array.from({ length: newcomers }, async () => {
      const socket = await new Promise<Socket>((resolve) => {
        void open(resolve).then((opened) => opened.write(request));
      });
      socket.destroy();
    });
    await Promise.all(answered);
    const seen = flood;
    for (const socket of flooding) socket.destroy();
    return seen;
  }

  it('what is sent beyond all measure on one connection is refused, and probes are answered meanwhile', async () => {
    const sample = await startSample({ turnstile: { perTurn: 1 } });
    const socket = connect(sample.port, '127.0.0.1');
    await once(socket, 'connect');
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString())).on('error', () => undefined);
    // Heard from here on, and whether or not the other side resets what it does not read.
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write('GET /v1/open HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3_000));
    const probe = await fetch(`${sample.url}/healthz`);
    expect(probe.status).toBe(200);
    expect(text.split('HTTP/1.1 200').length, 'most of it still waits').toBeLessThan(1_024);
    await closed;
    expect(text).toContain('"overloaded"');
    expect((await fetch(`${sample.url}/v1/open`)).status, 'and afterwards everything goes on').toBe(200);
    await sample.stop();
  });

  it('a connection that comes anew is heard between a flood’s requests, not after them', async () => {
    const [paced, control] = [
      await startSample({ turnstile: { perTurn: 8 } }),
      await startSample({ turnstile: { perTurn: 10_000 } }),
    ];
    const crowd = { flooders: 100, newcomers: 30 };
    // A turn takes one connection and begins eight requests; twice that is room for how turns fall.
    const most = (crowd.flooders + crowd.newcomers) * 16;
    expect(await answersBefore(crowd, paced)).toBeLessThan(most);
    expect(await answersBefore(crowd, control), 'control: turns with everything in them').toBeGreaterThan(most);
    await paced.stop();
    await control.stop();
  });

  it('a client over its quota gets 429 on that route only, others do not', async () => {
    const sample = await startSample({ rate: { quota: 2, windowSeconds: 3_600 } });
    const get = (id: string, path = `/v1/things/${known}`) => fetch(sample.url + path, { headers: token(id) });
    expect([(await get(alice)).status, (await get(alice)).status]).toEqual([200, 200]);
    const refused = await get(alice);
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(refused.headers.get('ratelimit')).toBe(`"default";r=0;t=${refused.headers.get('retry-after') ?? ''}`);
    expect(refused.headers.get('ratelimit-policy')).toBe('"default";q=2;w=3600');
    expect((await problemOf(refused)).code).toBe('too_many_requests');
    expect((await get(bob)).status).toBe(200);
    const other = await fetch(`${sample.url}/v1/things/${known}`, { method: 'DELETE', headers: token(alice) });
    expect(other.status).toBe(204);
    // Without a token it is the address that counts.
    const open = async (): Promise<number> => (await fetch(`${sample.url}/v1/open`)).status;
    expect([await open(), await open(), await open()]).toEqual([200, 200, 429]);
    for (let i = 0; i < 5; i++) expect((await fetch(`${sample.url}/healthz`)).status).toBe(200);
    await sample.stop();
  });

  it('more in flight than it takes is 503 with Retry-After, and over when they are done', async () => {
    const sample = await startSample({ mostInFlight: 2 });
    const get = (path: string, id: string) => fetch(sample.url + path, { headers: token(id) });
    const held = get('/v1/wait', alice);
    await sample.waiting.opened;
    const refused = await get(`/v1/things/${known}`, alice);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await problemOf(refused)).code).toBe('overloaded');
    // Half of the places is one client's share; another client still gets in, and nobody keeps /healthz out.
    expect((await get(`/v1/things/${known}`, bob)).status).toBe(200);
    expect((await get('/healthz', alice)).status).toBe(200);
    sample.gate.open();
    expect((await held).status).toBe(200);
    expect((await get(`/v1/things/${known}`, alice)).status).toBe(200);
    await sample.stop();
  });

  const oneAtOnce = { share: 1, busy: 1, slowMs: 60_000 };
  const clientByToken: HttpOptions<Client>['callerOfHead'] = ({ headers: { authorization = '' } }) => ({
    id: authorization.replace('Bearer ', ''),
  });

  it('beyond a tenant’s share they wait, another’s do not, and who goes away makes no room', async () => {
    const sample = await startSample({ turnstile: oneAtOnce, callerOfHead: clientByToken });
    const order: string[] = [];
    const get = async (path: string, id: string, name: string, signal?: AbortSignal): Promise<void> => {
      const { status } = await fetch(sample.url + path, { headers: token(id), ...(signal && { signal }) });
      order.push(`${name} ${status}`);
    };
    const thing = `/v1/things/${known}`;
    const gone = new AbortController();
    const held = get('/v1/wait', alice, 'held', gone.signal);
    await sample.waiting.opened;
    gone.abort();
    await expect(held).rejects.toThrow();
    await get(thing, bob, 'bob');
    const waits = get(thing, alice, 'alice');
    await get('/v1/nowhere', bob, 'bob');
    await get(thing, bob, 'bob');
    expect(order, 'what no route serves is over too').toEqual(['bob 200', 'bob 404', 'bob 200']);
    sample.gate.open();
    await waits;
    expect(order.at(-1)).toBe('alice 200');
    await sample.stop();
  });

  it('who came before their token was verified are counted as soon as it is', async () => {
    const verified = new Set<string>();
    const served: string[] = [];
    const sample = await startSample({
      turnstile: { ...oneAtOnce, perTurn: 1 },
      callerOfHead: ({ headers: { authorization = '' } }) =>
        verified.has(authorization) ? { id: authorization } : undefined,
      authenticate: async ({ headers: { authorization = '' } }) => {
        // All four of one write are there before it is known.
        await Promise.resolve();
        verified.add(authorization);
        served.push(authorization);
        return { id: authorization };
      },
    });
    const [alices, bobs] = [token(alice), token(bob)];
    const get = async () => (await fetch(`${sample.url}/v1/things/${known}`, { headers: bobs })).status;
    expect([await get(), await get()]).toEqual([200, 200]);
    const socket = connect(sample.port, '127.0.0.1');
    let text = '';
    const answered = new Promise<void>((resolve) =>
      socket.on('data', (data: Buffer) => {
        text += data.toString();
        if (text.split('HTTP/1.1 200').length === 5) resolve();
      }),
    );
    socket.write(`GET /v1/wait HTTP/1.1\r\nHost: a\r\nAuthorization: ${alices.authorization}\r\n\r\n`.repeat(4));
    await sample.waiting.opened;
    for (let i = 0; i < 4; i += 1) expect(await get()).toBe(200);
    expect(served.filter((who) => who === alices.authorization).length, 'one as an address, one as a share').toBe(2);
    sample.gate.open();
    await answered;
    socket.destroy();
    await sample.stop();
  });

  it('who goes away while waiting at the door is not served, and leaves no place taken', async () => {
    const served: (string | undefined)[] = [];
    const sample = await startSample({
      turnstile: oneAtOnce,
      callerOfHead: clientByToken,
      authenticate: ({ method }) => {
        served.push(method);
        return { id: alice };
      },
    });
    const held = fetch(`${sample.url}/v1/wait`, { headers: token(alice) });
    await sample.waiting.opened;
    const bobs = async (): Promise<number> =>
      (await fetch(`${sample.url}/v1/things/${known}`, { headers: token(bob) })).status;
    expect(await bobs()).toBe(200);
    const socket = connect(sample.port, '127.0.0.1');
    await once(socket, 'connect');
    const closed = latch();
    sample.lines.push = (line) => {
      if (line.includes('"method":"PATCH"')) closed.open();
      return 0;
    };
    const patch = `PATCH /v1/things/${known} HTTP/1.1`;
    socket.write(`${patch}\r\nHost: a\r\nAuthorization: ${token(alice).authorization}\r\nContent-Length: 0\r\n\r\n`);
    expect(await bobs()).toBe(200);
    socket.destroy();
    await closed.opened;
    sample.gate.open();
    expect((await held).status).toBe(200);
    expect((await fetch(`${sample.url}/v1/things/${known}`, { headers: token(alice) })).status).toBe(200);
    expect(served).toEqual(['GET', 'GET', 'GET', 'GET']);
    await sample.stop();
  });

  it.each([
    ['ends too early', 'Content-Length: 10\r\n\r\n{', true],
    ['breaks its framing', 'Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nxyz\r\n', false],
  ])('a body that %s holds no place after its answer', async (_how, rest, half) => {
    const sample = await startSample({ mostInFlight: 2, patience: { bodyMs: 120_000, lingerMs: 20 } });
    const { authorization } = token();
    const head = `POST /v1/guarded HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\n`;
    expect(await wire(sample.port, head + rest, { half })).toMatchObject({
      statuses: [400],
      code: 'malformed_request',
    });
    // The only place of this client.
    expect((await fetch(`${sample.url}/v1/things/${known}`, { headers: token() })).status).toBe(200);
    await sample.stop();
  });

  it('answers that nobody can take any more hold no place', async () => {
    const sample = await startSample({ mostInFlight: 8 });
    const line = (path: string): string =>
      `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: ${token().authorization}\r\n\r\n`;
    const socket = connect(sample.port, '127.0.0.1');
    socket.write(line('/v1/wait') + line(`/v1/things/${known}`).repeat(3));
    await sample.waiting.opened;
    // All four places of this client are taken, or have been: the answers behind the first wait for it.
    socket.destroy();
    sample.gate.open();
    for (let i = 0; i < 4; i++) {
      const answers = await Promise.all([1, 2, 3, 4].map(() => fetch(`${sample.url}/v1/wait`, { headers: token() })));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    }
    await sample.stop();
  });

  it('a client that goes away keeps its place until its work is done', async () => {
    const closed = latch();
    const sample = await startSample({ mostInFlight: 2 });
    const abort = new AbortController();
    const held = fetch(`${sample.url}/v1/wait`, { headers: token(alice), signal: abort.signal });
    await sample.waiting.opened;
    sample.lines.push = (line) => {
      if (line.includes('"route":"/v1/wait"')) closed.open();
      return 0;
    };
    abort.abort();
    await expect(held).rejects.toThrow();
    await closed.opened;
    const busy = await fetch(`${sample.url}/v1/things/${known}`, { headers: token(alice) });
    expect((await problemOf(busy)).code).toBe('overloaded');
    sample.gate.open();
    expect((await fetch(`${sample.url}/v1/things/${known}`, { headers: token(alice) })).status).toBe(200);
    await sample.stop();
  });
});
