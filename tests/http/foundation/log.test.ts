import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createLog, faultOf, type EventName } from '../../../src/log.ts';
import { known, SqlFault, startSample, token, wire } from './service.ts';

const capture = () => {
  const lines: string[] = [];
  return { lines, log: createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } }) };
};

describe('the log', () => {
  it('writes one JSON line per event', () => {
    const { lines, log } = capture();
    log.event('listening', { url: 'http://127.0.0.1:8787' });
    expect(lines.length).toBe(1);
    expect(lines[0]?.endsWith('}\n')).toBe(true);
    const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(line).toMatchObject({ level: 'info', event: 'listening', url: 'http://127.0.0.1:8787' });
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(Object.keys(line)).toEqual(['level', 'time', 'event', 'url']);
  });

  it('drops members that an event does not have, however they got there', () => {
    const { lines, log } = capture();
    const wide = {
      url: 'http://127.0.0.1:1',
      headers: { authorization: 'CANARY' },
      body: 'CANARY',
      err: new Error('CANARY'),
    };
    log.event('listening', wide);
    expect(lines.join('')).not.toContain('CANARY');
  });

  it('writes ? for a value that has not the form of its member', () => {
    const { lines, log } = capture();
    const wrong: [EventName, never][] = [
      [
        'request',
        {
          requestId: 'CANARY',
          method: 'CANARY x',
          route: '/v1/زهرا',
          status: 'CANARY',
          clientId: '09701234567',
        } as never,
      ],
      ['fault', { code: 'CANARY CANARY', class: 'CANARY 1', where: '/CANARY', sqlstate: 'CANARY' } as never],
      ['listening', { url: 'http://a/CANARY' } as never],
      ['warning', { code: { toString: () => 'CANARY' } } as never],
    ];
    for (const [name, fields] of wrong) log.event(name, fields);
    expect(lines.join('')).not.toMatch(/CANARY|زهرا|0970/);
    expect(lines[0]).toContain('"clientId":"?"');
    // Control: the same members in their form are written.
    log.event('fault', { code: 'internal', class: 'TypeError', sqlstate: '23505', where: 'vault/customers.ts:4' });
    expect(lines.at(-1)).toContain('"class":"TypeError","sqlstate":"23505","where":"vault/customers.ts:4"');
  });

  it('keeps to its level', () => {
    const lines: string[] = [];
    const log = createLog({ level: 'error', destination: { write: (line) => void lines.push(line) } });
    log.event('listening', { url: 'http://127.0.0.1:1' });
    log.event('fault', { code: 'internal' });
    expect(lines.length).toBe(1);
  });

  it('says of an error its class, its code and where it rose, not what it says', () => {
    const fault = faultOf(new SqlFault('CANARY'));
    expect(fault).toMatchObject({ class: 'SqlFault', sqlstate: '23505', code: 'internal' });
    expect(JSON.stringify(fault)).not.toContain('CANARY');
    expect(faultOf(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })).code).toBe('ECONNREFUSED');
    expect(faultOf('CANARY')).toEqual({ code: 'internal', class: 'NotAnError' });
    const inside = new Error('boom');
    inside.stack = `Error: boom\n    at open (/srv/amanat/dist/vault/record.js:12:7)\n    at x (node:internal:1:1)`;
    expect(faultOf(inside).where).toBe('vault/record.js:12');
    // A message that looks like a frame is passed over.
    inside.message = 'boom\n    at a (/src/CANARY.ts:1:1)';
    inside.stack = `Error: ${inside.message}\n    at open (/srv/amanat/dist/vault/record.js:12:7)`;
    expect(faultOf(inside).where).toBe('vault/record.js:12');
  });

  it('reaches stdout of a process that ends at once', () => {
    const script = `import { createLog } from ${JSON.stringify(new URL('../../../dist/log.js', import.meta.url).href)};
      const log = createLog({ level: 'info' });
      log.event('request', { requestId: '${known}', method: 'GET', status: 200, ms: 1 });
      log.event('stopped', { ms: 1 });
      log.flush();
      process.exit(0);`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    expect(
      run.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: string }).event),
    ).toEqual(['request', 'stopped']);
  });
});

describe('requests in the log', () => {
  it('carry id, method, pattern, status, time, client and code', async () => {
    const sample = await startSample();
    const answer = await fetch(`${sample.url}/v1/things/${known}?fields=a`, { headers: token() });
    const refused = await fetch(`${sample.url}/v1/things/0`, { headers: token() });
    await sample.stop();
    const [first, second] = sample.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(Object.keys(first ?? {})).toEqual([
      'level',
      'time',
      'event',
      'requestId',
      'method',
      'route',
      'status',
      'ms',
      'clientId',
    ]);
    expect(first).toMatchObject({ event: 'request', method: 'GET', route: '/v1/things/:id', status: 200 });
    expect(first?.['requestId']).toBe(answer.headers.get('x-request-id'));
    expect(second).toMatchObject({ status: 404, code: 'not_found', requestId: refused.headers.get('x-request-id') });
  });

  it('carry nothing that came in (P5)', async () => {
    const sample = await startSample({ patience: { bodyMs: 100, lingerMs: 100 } });
    const c = 'CANARY9901234565';
    const headers = {
      'user-agent': c,
      'x-request-id': c,
      referer: c,
      cookie: c,
      'x-forwarded-for': c,
      accept: `*/*;${c}`,
    };
    const json = { ...headers, 'content-type': 'application/json' };
    const post = (path: string, body: string, type = 'application/json') =>
      fetch(sample.url + path, { method: 'POST', body, headers: { ...headers, 'content-type': type } });
    const echo = await post('/v1/json', JSON.stringify({ name: c }));
    // Control: the canary did travel through.
    expect(await echo.text()).toContain(c);
    await Promise.all([
      fetch(`${sample.url}/v1/things/${c}?fields=${c}`, { headers: { ...headers, ...token() } }),
      fetch(`${sample.url}/v1/things/${c}?${c}=${c}`, { headers: { ...headers, authorization: `Bearer ${c}` } }),
      fetch(`${sample.url}/${c}/${c}`, { headers }),
      fetch(`${sample.url}/v1/open?cursor=${c}`, { headers }),
      fetch(`${sample.url}/v1/fault`, { headers }),
      fetch(`${sample.url}/v1/oddity`, { headers }),
      fetch(`${sample.url}/v1/unwritable`, { headers }),
      fetch(`${sample.url}/v1/half`, { headers })
        .then((answer) => answer.text())
        .catch(() => ''),
      fetch(`${sample.url}/v1/json`, { method: 'POST', headers: json, body: `{"${c}": ${c}` }),
      post('/v1/things', JSON.stringify({ [c]: c, name: 'abc', kind: 'legal' })),
      post('/v1/form', `${c}=${c}&${c}=%`, 'application/x-www-form-urlencoded'),
      post('/v1/lines', c, 'application/x-ndjson').then((answer) => answer.text()),
      post('/v1/json', c, c),
      wire(sample.port, `${c} ${c}\r\n\r\n`),
      wire(sample.port, `GET /${c}%ff HTTP/1.1\r\nHost: ${c}\r\nConnection: close\r\n\r\n`),
      wire(
        sample.port,
        `POST /v1/json HTTP/1.1\r\nHost: ${c}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n${c}`,
      ),
    ]);
    await sample.stop();
    const text = sample.lines.join('');
    expect(sample.lines.length).toBeGreaterThanOrEqual(17);
    expect(text).not.toContain('CANARY');
    expect(text).not.toContain('زهرا');
    expect(text).not.toContain(token().authorization);
    // Control: the scan finds one that is there.
    expect(`${text}${c}`).toContain('CANARY');
    expect(text).toContain('"event":"fault"');
    expect(text).toContain('"sqlstate":"23505"');
  });
});
