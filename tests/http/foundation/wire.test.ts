import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { known, latch, startSample, token, wire, type Sample } from './service.ts';

/** Requests that no well-behaved client sends, byte by byte. */
let sample: Sample;
/** For the slow ones only: on a busy machine anybody may be late by a tenth of a second. */
let hasty: Sample;
beforeAll(async () => {
  sample = await startSample({ patience: { lingerMs: 100 } });
  hasty = await startSample(
    { patience: { bodyMs: 150, writeMs: 300, lingerMs: 300 } },
    { limits: { headersMs: 150, requestMs: 1_000, checkMs: 20, keepAliveMs: 200 } },
  );
});
afterAll(async () => {
  await Promise.all([sample.stop(), hasty.stop()]);
});

const good = 'GET /v1/open?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n';
const last = 'GET /v1/open?limit=2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const json = 'POST /v1/json HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';

describe('what is no HTTP', () => {
  it.each(
    [
      ['nonsense\r\n\r\n', 400, 'malformed_request'],
      ['GET\r\n\r\n', 400, 'malformed_request'],
      ['GET / HTTP/9.9\r\n\r\n', 400, 'malformed_request'],
      ['BREW /v1/open HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'malformed_request'],
      ['get /v1/open HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'malformed_request'],
      ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'malformed_request'],
      ['\x16\x03\x01\x02\x00\x01\x00\x01', 400, 'malformed_request'],
      ['GET /v1/open HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n', 400, 'malformed_request'],
      ['GET /v1/open HTTP/1.1\r\nHost: a\r\nX : x\r\n\r\n', 400, 'malformed_request'],
      ['GET /v1/open HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n', 400, 'malformed_request'],
      ['GET /v1/open HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n', 400, 'malformed_request'],
      ['GET /v1/open HTTP/1.1\nHost: a\n\n', 400, 'malformed_request'],
      ['GET /v1/open HTTP/1.1\r\n\r\n', 400, 'malformed_request'],
      ['GET /v1/open HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, 'malformed_request'],
      ['GET /v1/open HTTP/1.1\r\nHost: a b\r\n\r\n', 400, 'malformed_request'],
      [`GET /v1/open HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, 431, 'headers_too_large'],
      [`GET /v1/open HTTP/1.1\r\nHost: a\r\n${'X: x\r\n'.repeat(100)}\r\n`, 431, 'headers_too_large'],
      [`GET /v1/open HTTP/1.1\r\nX: ${'x'.repeat(2_000_000)}\r\n\r\n`, 431, 'headers_too_large'],
      [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431, 'headers_too_large'],
    ].map(([bytes, status, code]) => ({ start: String(bytes).slice(0, 60), bytes: String(bytes), status, code })),
  )('$start is $status $code, as problem+json', async ({ bytes, status, code }) => {
    const answer = await wire(sample.port, Buffer.from(bytes, 'latin1'), { half: true });
    expect([answer.statuses, answer.code]).toEqual([[status], code]);
    const head = answer.text.split('\r\n\r\n')[0] ?? '';
    for (const line of [
      'Content-Type: application/problem+json',
      'Cache-Control: no-store',
      'X-Request-Id: ',
      'Connection: close',
    ]) {
      expect(head).toContain(line);
    }
    expect(answer.text).not.toContain('HPE_');
  });

  it('headers just small and few enough pass (control)', async () => {
    const few = await wire(sample.port, last.replace('Host: a', `Host: a\r\n${'X: x\r\n'.repeat(97)}X: x`));
    expect(few.statuses).toEqual([200]);
    const { statuses } = await wire(sample.port, last.replace('Host: a', `Host: a\r\nX: ${'x'.repeat(15_000)}`));
    expect(statuses).toEqual([200]);
  });

  it('an HTTP/1.0 request is answered, without Host', async () => {
    expect((await wire(sample.port, 'GET /v1/open HTTP/1.0\r\n\r\n')).statuses).toEqual([200]);
  });

  it('an offer to upgrade is ignored', async () => {
    const { statuses } = await wire(
      sample.port,
      last.replace('Connection: close', 'Connection: upgrade, close\r\nUpgrade: websocket'),
    );
    expect(statuses).toEqual([200]);
  });
});

describe('framing that two readers could read differently', () => {
  it.each([
    ['both lengths', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['both, the other way round', 'Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}'],
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    ['a length with a sign', 'Content-Length: +2\r\n\r\n{}'],
    ['a negative length', 'Content-Length: -1\r\n\r\n{}'],
    ['a length in hex', 'Content-Length: 0x2\r\n\r\n{}'],
    ['a list of lengths', 'Content-Length: 2, 2\r\n\r\n{}'],
    ['a huge length', 'Content-Length: 99999999999999999999\r\n\r\n{}'],
    ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
    ['gzip, chunked', 'Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
    ['chunked, gzip', 'Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
    ['an unknown coding', 'Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
    ['identity', 'Transfer-Encoding: identity\r\n\r\n{}'],
    ['a chunk size of nonsense', 'Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n'],
    ['a negative chunk', 'Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n'],
    ['a chunk longer than it says', 'Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n'],
    ['a chunk ended by a line feed', 'Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n'],
  ])('%s is refused once and the connection ends', async (_name, rest) => {
    const { statuses, code, text } = await wire(sample.port, `${json}${rest}${good}`);
    expect([statuses, code]).toEqual([[400], 'malformed_request']);
    expect(text).toContain('Connection: close');
  });

  it('plain chunks pass (control)', async () => {
    const { statuses } = await wire(
      sample.port,
      `${json}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n${last}`,
    );
    expect(statuses).toEqual([200, 200]);
  });

  it('a shorter length than the body leaves no second request to smuggle', async () => {
    const smuggled = 'DELETE /v1/things/x HTTP/1.1\r\nHost: a\r\n\r\n';
    const { statuses, text } = await wire(sample.port, `${json}Content-Length: 2\r\n\r\n{}x${smuggled}`);
    expect([statuses, text.includes('"unauthenticated"')]).toEqual([[200, 400], false]);
  });

  it('a longer length than the body is refused when the client ends', async () => {
    const { statuses, code } = await wire(sample.port, `${json}Content-Length: 10\r\n\r\n{}`, { half: true });
    expect([statuses, code]).toEqual([[400], 'malformed_request']);
  });
});

describe('pipelining', () => {
  it('answers in order', async () => {
    const { text, statuses } = await wire(sample.port, good + good.replace('/v1/open?limit=1', '/nowhere') + last);
    expect(statuses).toEqual([200, 404, 200]);
    expect(text.indexOf('"limit":"1"')).toBeLessThan(text.indexOf('"limit":"2"'));
  });

  it('junk after a request is answered after that request', async () => {
    const { statuses, code } = await wire(sample.port, `${good}${good}nonsense\r\n\r\n`);
    expect([statuses, code]).toEqual([[200, 200, 400], 'malformed_request']);
  });

  it('junk behind a request still being served never becomes its answer', async () => {
    const slow = await startSample();
    const request = `GET /v1/wait HTTP/1.1\r\nHost: a\r\nAuthorization: ${token().authorization}\r\n\r\n`;
    const answer = wire(slow.port, `${request}nonsense\r\n\r\n`);
    await slow.waiting.opened;
    slow.gate.open();
    const { text, statuses } = await answer;
    expect(statuses).toEqual([200, 400]);
    expect(text.indexOf('"waited":true')).toBeLessThan(text.indexOf('"malformed_request"'));
    await slow.stop();
  });

  it('a broken body behind a request still being served does not overtake it', async () => {
    const slow = await startSample({ patience: { lingerMs: 200 } });
    const request = `GET /v1/wait HTTP/1.1\r\nHost: a\r\nAuthorization: ${token().authorization}\r\n\r\n`;
    const answer = wire(slow.port, `${request}${json}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`);
    await slow.waiting.opened;
    slow.gate.open();
    expect((await answer).statuses).toEqual([200, 400]);
    await slow.stop();
  });

  it('more requests than a connection may carry are cut off', async () => {
    const short = await startSample({}, { limits: { requestsPerConnection: 3 } });
    const { statuses, text } = await wire(short.port, good.repeat(10));
    expect(statuses).toEqual([200, 200, 200]);
    expect(text).toContain('Connection: close');
    await short.stop();
  });
});

describe('slow clients', () => {
  it('that never send', async () => {
    expect(await wire(hasty.port, '')).toMatchObject({ statuses: [408], code: 'request_timeout' });
  });

  it('that dribble headers', async () => {
    const answer = await wire(hasty.port, 'GET /v1/open HTTP/1.1\r\nHost: a\r\nX: ');
    expect(answer).toMatchObject({ statuses: [408], code: 'request_timeout' });
  });

  it.each([
    ['headers', 'GET /v1/open HTTP/1.1\r\nHost: a\r\n', 'X: x\r\n'],
    ['a body', `${json}Content-Length: 10000\r\n\r\n`, ' '],
  ])('that keep dribbling %s', async (_name, start, drop) => {
    const socket = connect(hasty.port, '127.0.0.1');
    socket.write(start);
    const drip = setInterval(() => socket.write(drop), 20);
    let text = '';
    await new Promise<void>((resolve) => {
      socket.on('data', (piece) => (text += String(piece)));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
    clearInterval(drip);
    expect(text).toContain('"request_timeout"');
  });

  it.each(['Content-Length: 100\r\n\r\n{', 'Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n'])(
    'that dribble a body: %j',
    async (rest) => {
      expect(await wire(hasty.port, json + rest)).toMatchObject({ statuses: [408], code: 'request_timeout' });
    },
  );

  it('that stop in the middle of lines', async () => {
    const lines =
      'POST /v1/lines HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100\r\n\r\n';
    expect((await wire(hasty.port, lines)).text).toBe('');
    expect((await wire(hasty.port, `${lines}abc\nd`)).text).toContain('{"length":3}');
  });

  it('that stop in the middle of bytes', async () => {
    const bytes = 'POST /v1/bytes HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\nabc';
    expect(await wire(hasty.port, bytes)).toMatchObject({ statuses: [408], code: 'request_timeout' });
  });

  it('that stay on without asking again', async () => {
    expect((await wire(hasty.port, good)).statuses).toEqual([200]);
  });

  it('that send a body nobody reads, and then nothing', async () => {
    const { statuses } = await wire(hasty.port, 'POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{');
    expect(statuses).toEqual([404]);
  });

  it.each(['/v1/big', '/v1/stream'])('that do not read %s are cut', async (path) => {
    const closed = latch();
    const before = hasty.lines.length;
    const push = hasty.lines.push.bind(hasty.lines);
    hasty.lines.push = (...lines) => {
      const length = push(...lines);
      if (lines.some((line) => line.includes(`"route":"${path}"`))) closed.open();
      return length;
    };
    const socket = connect(hasty.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await closed.opened;
    expect(hasty.lines.slice(before).join('')).toContain('"cut":true');
    socket.destroy();
  });

  it.each(['/v1/big', '/v1/stream'])('that read %s get it all (control)', async (path) => {
    const answer = await fetch(sample.url + path);
    expect((await answer.arrayBuffer()).byteLength).toBe(48 * 1024 * 1024);
  });
});

it('after all that, it serves', async () => {
  expect((await fetch(`${sample.url}/v1/things/${known}`, { headers: token() })).status).toBe(200);
});
