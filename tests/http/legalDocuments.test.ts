import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeLeaf } from '../../src/crypto/leaf.ts';
import { commit } from '../../src/db/commit.ts';
import { scanTypes, type ScanType } from '../../src/formats/scan.ts';
import { housekeep } from '../../src/vault/housekeeping.ts';
import { contractFetch } from '../support/contract.ts';
import { withClient } from '../support/postgres.ts';
import { jpeg, pdf, png, scans } from '../support/scans.ts';
import { startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { dayFrom, expectRefusal, legalDesk, orderBody, rowsOf, type LegalDesk } from './legalDesk.ts';

let vault: TestVault;
let desk: LegalDesk;
let customerId: string;

beforeAll(async () => {
  vault = await startVault({ patience: { bodyMs: 1_000 } });
  desk = await legalDesk(vault, 51);
  customerId = (await desk.storeCustomer()).id;
});
afterAll(() => vault.stop());

const megabyte = 1024 * 1024;
const most = 20 * megabyte;
const chunk = 256 * 1024;
const never = '01a201ee-a7f1-762c-9b9e-564eab27c44f';
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const pathOf = (orderId: string) => `/v1/legal-orders/${orderId}/document`;
const register = () => desk.register([{ customerId }]);
const approve = () => desk.approve([{ customerId }]);

function upload(
  orderId: string,
  bytes: Buffer,
  type: string = 'application/pdf',
  by: TestClient = desk.registrar,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return vault.request('POST', pathOf(orderId), {
    token: by.token,
    body: bytes,
    headers: { 'content-type': type, ...headers },
  });
}

async function download(orderId: string, by: TestClient = desk.approver) {
  const answer = await contractFetch(vault.url)(pathOf(orderId), { headers: { authorization: `Bearer ${by.token}` } });
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
}

const codeIn = (bytes: Buffer) => (JSON.parse(bytes.toString()) as { code: string }).code;
const chunksOf = (documentId: string) =>
  rowsOf(vault, 'select * from amanat.legal_document_chunks where document_id = $1 order by number', [documentId]);
const documentsOf = (orderId: string) =>
  rowsOf(vault, 'select * from amanat.legal_documents where legal_order_id = $1', [orderId]);

/** Chunks that belong to no document. */
async function orphans(): Promise<number> {
  const rows = await rowsOf(
    vault,
    `select count(*)::integer as n from amanat.legal_document_chunks c
      where not exists (select from amanat.legal_documents d where d.tenant_id = c.tenant_id and d.id = c.document_id)`,
  );
  return rows[0].n;
}

/** Makes every chunk older. */
const age = (minutes: number) =>
  rowsOf(vault, 'update amanat.legal_document_chunks set stored_at = stored_at - make_interval(mins => $1)', [minutes]);

async function leavesOf(action: string, legalOrderId: string) {
  const rows = await rowsOf(vault, 'select leaf from amanat.audit_leaves order by id');
  return rows
    .map(({ leaf }) => decodeLeaf(leaf))
    .filter((leaf) => leaf.action === action && leaf.legalOrderId === legalOrderId);
}

const integrityEvents = () => vault.logLines.filter((line) => line.includes('"event":"integrity_failure"')).length;

describe('a scan', () => {
  const sizes = [2_000, chunk - 1, chunk, chunk + 1, 3 * chunk, 700_001];

  test.each(scanTypes)('%s comes back byte for byte', async (type) => {
    for (const size of sizes) {
      const id = await register();
      const sent = scans[type](size);
      expect(sent).toHaveLength(size);
      const made = await upload(id, sent, type);
      expect(made.status, made.text).toBe(201);
      expect(made.body).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        sha256: sha256(sent),
        bytes: size,
        mediaType: type,
        order: { version: 2, status: 'registered' },
      });
      expect(made.headers.get('location')).toBe(pathOf(id));
      const got = await download(id);
      expect(got.status).toBe(200);
      expect(got.bytes.equals(sent)).toBe(true);
      expect(await chunksOf(made.body.id)).toHaveLength(Math.ceil(size / chunk));
    }
  });

  test('comes as something to save, under a name of ours, and is kept nowhere on the way', async () => {
    const endings: Readonly<Record<ScanType, string>> = {
      'application/pdf': 'pdf',
      'image/png': 'png',
      'image/jpeg': 'jpg',
    };
    for (const type of scanTypes) {
      const id = await register();
      const sent = scans[type](3_000);
      await upload(id, sent, type);
      const { headers } = await download(id, desk.registrar);
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-type': type,
        'content-length': '3000',
        'content-disposition': `attachment; filename="legal-order.${endings[type]}"`,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'repr-digest': `sha-256=:${createHash('sha256').update(sent).digest('base64')}:`,
      });
    }
  });

  test('is shown with its order', async () => {
    const id = await register();
    expect((await desk.approver.get(`/v1/legal-orders/${id}`)).body.document).toBeUndefined();
    const sent = png(3_000);
    const made = await upload(id, sent, 'image/png');
    const order = await desk.approver.get(`/v1/legal-orders/${id}`);
    expect(order.body.document).toMatchObject({
      id: made.body.id,
      sha256: sha256(sent),
      mediaType: 'image/png',
      bytes: 3_000,
    });
  });

  test('of 20 MB passes, never in memory as a whole; a byte more leaves nothing', { timeout: 120_000 }, async () => {
    const id = await register();
    const sent = pdf(most);
    const before = await settledBytes();
    let highest = 0;
    const watch = setInterval(() => (highest = Math.max(highest, liveBytes() - before)), 100);
    const made = await streamed(id, sent, []);
    clearInterval(watch);
    expect(made.status, made.text).toBe(201);
    // Loose: the collector works beside us. A whole one in memory would be twice that.
    expect(highest).toBeLessThan(most / 2);
    const [{ id: documentId }] = await documentsOf(id);
    expect(await chunksOf(documentId)).toHaveLength(80);
    const got = await download(id);
    expect(got.bytes.equals(sent)).toBe(true);
    expect(highest, 'control: something was measured').toBeGreaterThan(chunk);
    expect((await settledBytes()) - before, 'control: a whole one is seen').toBeGreaterThan(most - chunk);
    expect(got.bytes.length).toBe(most);

    const larger = pdf(most + 1);
    const declared = await upload(await register(), larger).catch(() => undefined);
    expect([413, undefined]).toContain(declared?.status);
    const other = await register();
    const chunked = await streamed(other, larger, ['Transfer-Encoding: chunked']);
    expect([chunked.status, chunked.code]).toEqual([413, 'body_too_large']);
    expect(await documentsOf(other)).toEqual([]);
    expect(await orphans()).toBe(0);
    expect((await leavesOf('legal_documents.upload', other)).at(-1)).toMatchObject({
      outcome: 'refused',
      rule: 'body_too_large',
    });
  });

  test('is not read ahead of what is stored', { timeout: 60_000 }, async () => {
    const id = await register();
    const sent = pdf(most);
    // Nothing can be stored meanwhile; the service gives up when the database does.
    const held = await withClient(vault.db.superuserUrl, async (client) => {
      await client.query('begin; lock table amanat.legal_document_chunks in access exclusive mode');
      const answer = await streamed(id, sent, []);
      await client.query('rollback');
      return answer;
    });
    expect(held.status, held.text).toBe(503);
    // What two sockets hold between them, at most; the control takes it all.
    expect(held.taken).toBeLessThan(most - 4 * megabyte);
    expect((await streamed(id, sent, [])).taken, 'control').toBe(most);
  });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Of buffers, without what waits for the collector: the client's and the service's, who share this process. */
function liveBytes(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** When the collector, which works beside us, has done all it will. */
async function settledBytes(): Promise<number> {
  for (let last = -1, now = liveBytes(); ; now = liveBytes()) {
    if (now === last) return now;
    last = now;
    await setImmediate();
  }
}

/** Sends a scan over a bare connection in small writes, and reads the answer. `headers` say how, Content-Length if nothing. */
async function streamed(
  orderId: string,
  bytes: Buffer,
  headers: readonly string[],
): Promise<{ status: number; code: string | undefined; text: string; taken: number }> {
  const isChunked = headers.some((header) => header.startsWith('Transfer-Encoding'));
  const head = [
    `POST ${pathOf(orderId)} HTTP/1.1`,
    'Host: a',
    `Authorization: Bearer ${desk.registrar.token}`,
    'Content-Type: application/pdf',
    'Connection: close',
    ...(isChunked ? headers : [`Content-Length: ${bytes.length}`]),
    '',
    '',
  ].join('\r\n');
  const socket = connect(Number(new URL(vault.url).port), '127.0.0.1');
  const got: Buffer[] = [];
  const closed = new Promise<void>((resolve) => {
    socket.on('data', (piece) => got.push(piece));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
  });
  socket.write(head);
  let taken = 0;
  for (; taken < bytes.length && !socket.destroyed; taken = Math.min(bytes.length, taken + 65_536)) {
    const piece = bytes.subarray(taken, taken + 65_536);
    const framed = isChunked
      ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
      : piece;
    if (!socket.write(framed)) await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve))]);
  }
  if (isChunked && !socket.destroyed) socket.write('0\r\n\r\n');
  await closed;
  const text = Buffer.concat(got).toString('utf8');
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]),
    code: /"code":"([a-z_]+)"/.exec(text)?.[1],
    text,
    taken,
  };
}

describe('what is no scan', () => {
  const html = Buffer.from('<!doctype html><script>alert(1)</script>');
  const zip = Buffer.concat([
    Buffer.from('PK\x03\x04'),
    Buffer.alloc(300),
    Buffer.from('PK\x05\x06'),
    Buffer.alloc(18),
  ]);
  const cases: readonly [string, string, Buffer, number, string, string][] = [
    ['HTML as PDF', 'application/pdf', html, 415, 'unsupported_media_type', 'header:Content-Type'],
    ['PNG as PDF', 'application/pdf', png(900), 415, 'unsupported_media_type', 'header:Content-Type'],
    ['PDF as PNG', 'image/png', pdf(900), 415, 'unsupported_media_type', 'header:Content-Type'],
    ['PNG as JPEG', 'image/jpeg', png(900), 415, 'unsupported_media_type', 'header:Content-Type'],
    ['PDF as ZIP', 'application/zip', pdf(900), 415, 'unsupported_media_type', 'header:Content-Type'],
    ['PDF as anything', 'application/octet-stream', pdf(900), 415, 'unsupported_media_type', 'header:Content-Type'],
    ['SVG', 'image/svg+xml', Buffer.from('<svg/>'), 415, 'unsupported_media_type', 'header:Content-Type'],
    ['a page before the PDF', 'application/pdf', Buffer.concat([html, pdf(900)]), 415, 'unsupported_media_type', ''],
    ['a PDF cut short', 'application/pdf', pdf(900_000).subarray(0, -9), 422, 'invalid_body', ''],
    ['a PNG cut short', 'image/png', png(900_000).subarray(0, -1), 422, 'invalid_body', ''],
    ['a JPEG cut short', 'image/jpeg', jpeg(900_000).subarray(0, 600_000), 422, 'invalid_body', ''],
    ['a ZIP behind a PNG', 'image/png', Buffer.concat([png(900), zip]), 422, 'invalid_body', ''],
    ['a ZIP behind a PDF', 'application/pdf', Buffer.concat([pdf(600_000), zip]), 422, 'invalid_body', ''],
    ['a page behind a JPEG', 'image/jpeg', Buffer.concat([jpeg(900), html]), 422, 'invalid_body', ''],
    ['a JPEG that is a PDF as well', 'image/jpeg', Buffer.concat([jpeg(900), pdf(900)]), 422, 'invalid_body', ''],
    ['a PNG without pixels', 'image/png', png(900).subarray(0, 33), 422, 'invalid_body', ''],
  ];

  test.each(cases)('%s is refused, and nothing is kept of it', async (_, type, bytes, status, code, pointer) => {
    const id = await register();
    const answer = await upload(id, bytes, type);
    expectRefusal(answer, status, code, pointer === '' ? undefined : pointer);
    expect(answer.text).not.toContain('alert');
    expect(await documentsOf(id)).toEqual([]);
    expect(await orphans()).toBe(0);
    expectRefusal(await desk.registrar.get(pathOf(id)), 404, 'not_found');
    expect((await leavesOf('legal_documents.upload', id)).at(-1)).toMatchObject({ outcome: 'refused', rule: code });
  });

  test('nothing at all is none, declared or not', async () => {
    const id = await register();
    expectRefusal(await upload(id, Buffer.alloc(0)), 400, 'malformed_request');
    expect((await streamed(id, Buffer.alloc(0), ['Transfer-Encoding: chunked'])).code).toBe('malformed_request');
    const bodiless = await vault.request('POST', pathOf(id), { token: desk.registrar.token });
    expectRefusal(bodiless, 400, 'malformed_request');
  });

  test('nor what is packed', async () => {
    const answer = await upload(await register(), pdf(900), 'application/pdf', desk.registrar, {
      'content-encoding': 'gzip',
    });
    expectRefusal(answer, 415, 'unsupported_media_type', 'header:Content-Encoding');
  });
});

describe('an upload that breaks', () => {
  /** The head and part of a scan, on a connection that stays open. */
  async function begun(orderId: string, bytes: Buffer, sent: number) {
    const socket = connect(Number(new URL(vault.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      [
        `POST ${pathOf(orderId)} HTTP/1.1`,
        'Host: a',
        `Authorization: Bearer ${desk.registrar.token}`,
        'Content-Type: application/pdf',
        `Content-Length: ${bytes.length}`,
        '',
        '',
      ].join('\r\n'),
    );
    socket.write(bytes.subarray(0, sent));
    await expect.poll(orphans, { timeout: 10_000 }).toBe(Math.ceil(sent / chunk) - 1);
    return socket;
  }
  const refusedLeaf = (id: string) => async () => (await leavesOf('legal_documents.upload', id)).at(-1)?.rule;

  test('when the connection is cut leaves no chunk', async () => {
    const id = await register();
    const socket = await begun(id, pdf(2 * megabyte), megabyte + 1);
    socket.resetAndDestroy();
    await expect.poll(refusedLeaf(id), { timeout: 10_000 }).toBe('malformed_request');
    expect(await orphans()).toBe(0);
    expect(await documentsOf(id)).toEqual([]);
  });

  test('when the client stops leaves no chunk, and the client is told', async () => {
    const id = await register();
    const socket = await begun(id, pdf(2 * megabyte), megabyte + 1);
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (piece) => (text += piece.toString()));
      socket.on('close', () => resolve(text));
    });
    expect(answer).toContain('"code":"request_timeout"');
    expect(await orphans()).toBe(0);
    expect((await leavesOf('legal_documents.upload', id)).at(-1)).toMatchObject({ rule: 'request_timeout' });
  });

  test('with its process is cleared away after an hour, and not before; whole scans stay', async () => {
    const id = await register();
    const made = await upload(id, pdf(3 * chunk));
    // What a process that was killed leaves: chunks without a document.
    const [row] = await chunksOf(made.body.id);
    for (const number of [0, 1]) {
      await rowsOf(
        vault,
        `insert into amanat.legal_document_chunks (tenant_id, document_id, number, stored_at, sealed)
         values ($1, $2, $3, $4, $5)`,
        [vault.tenantId, never, number, row.stored_at, row.sealed],
      );
    }
    await age(59);
    await housekeep(vault.vault);
    expect(await orphans(), 'control').toBe(2);
    await age(2);
    await housekeep(vault.vault);
    expect(await orphans()).toBe(0);
    expect(await chunksOf(made.body.id)).toHaveLength(3);
  });

  test('in the database leaves nothing half done', async () => {
    const id = await register();
    await rowsOf(
      vault,
      `create function amanat.fail_late() returns trigger language plpgsql as
         $$ begin if new.number = 2 then raise exception 'full' using errcode = '22000'; end if; return new; end $$;
       create trigger fail_late before insert on amanat.legal_document_chunks
         for each row execute function amanat.fail_late();`,
    );
    const answer = await upload(id, pdf(4 * chunk));
    await rowsOf(vault, 'drop function amanat.fail_late() cascade');
    expectRefusal(answer, 500, 'internal');
    expect(await orphans()).toBe(0);
    expect((await upload(id, pdf(4 * chunk))).status, 'control').toBe(201);
  });

  test('after its last chunk leaves nothing either', async () => {
    const id = await register();
    await rowsOf(
      vault,
      `create function amanat.refuse_leaf() returns trigger language plpgsql as
         $$ begin raise exception 'no' using errcode = '22000'; end $$;
       create trigger refuse_leaf before insert on amanat.legal_documents
         for each row execute function amanat.refuse_leaf();`,
    );
    const answer = await upload(id, pdf(4 * chunk));
    await rowsOf(vault, 'drop function amanat.refuse_leaf() cascade');
    expectRefusal(answer, 500, 'internal');
    expect(await orphans()).toBe(0);
    expect((await desk.approver.get(`/v1/legal-orders/${id}`)).body).toMatchObject({
      version: 1,
      status: 'registered',
    });
  });
});

describe('who may', () => {
  const others = [
    'shop_backend',
    'support',
    'after_sales',
    'accounting',
    'marketing',
    'courier',
    'payment_processor',
    'system_admin',
    'dpo',
  ];

  test.each(others)('%s neither sends nor opens one', async (role) => {
    const id = await register();
    const made = await upload(id, pdf(900));
    const client = await vault.client(role, { actor: 'staff-8' });
    for (const target of [id, never]) {
      expectRefusal(await upload(target, pdf(900), 'application/pdf', client), 403, 'not_permitted');
      expectRefusal(await client.get(pathOf(target)), 403, 'not_permitted');
    }
    expect((await documentsOf(id)).map((row) => row.id)).toEqual([made.body.id]);
    expect((await leavesOf('legal_documents.read', id)).at(-1)).toMatchObject({
      outcome: 'refused',
      clientId: client.id,
    });
  });

  test('an approver opens and does not send; a token needs its scope and a person', async () => {
    const id = await register();
    expectRefusal(await upload(id, pdf(900), 'application/pdf', desk.approver), 403, 'not_permitted');
    const narrow = await desk.registrar.as('staff-1', 'exports');
    expectRefusal(await upload(id, pdf(900), 'application/pdf', narrow), 403, 'insufficient_scope');
    expectRefusal(await narrow.get(pathOf(id)), 403, 'insufficient_scope');
    const nobody = await desk.registrar.as(undefined);
    expectRefusal(await upload(id, pdf(900), 'application/pdf', nobody), 403, 'not_permitted', 'header:actor');
    expect((await upload(id, pdf(900))).status, 'control').toBe(201);
    expect((await download(id, desk.approver)).status, 'control').toBe(200);
    expectRefusal(await vault.request('GET', pathOf(id)), 401, 'unauthenticated');
  });

  test('another tenant sees no difference between an order of this one and none', async () => {
    const id = await register();
    await upload(id, pdf(900));
    const second = await vault.secondTenant();
    const registrar = await second.client('legal_registrar', { actor: 'staff-1' });
    for (const target of [id, never, 'x']) {
      expectRefusal(await upload(target, pdf(900), 'application/pdf', registrar), 404, 'not_found');
      expectRefusal(await registrar.get(pathOf(target)), 404, 'not_found');
    }
    const own = await registrar.post('/v1/legal-orders', orderBody(vault, [{ customerId }]));
    expectRefusal(await registrar.get(pathOf(own.body.id)), 404, 'not_found');
    expect((await upload(own.body.id, pdf(900), 'application/pdf', registrar)).status, 'control').toBe(201);
    const crossed = await rowsOf(
      vault,
      `select d.tenant_id from amanat.legal_documents d where d.legal_order_id = any ($1)`,
      [[id, own.body.id]],
    );
    expect(new Set(crossed.map((row) => row.tenant_id))).toEqual(new Set([vault.tenantId, second.tenantId]));
  });

  test('each opening has its leaf, before the first byte', async () => {
    const id = await register();
    const made = await upload(id, pdf(900));
    await download(id, desk.registrar);
    await download(id, desk.approver);
    const leaves = await leavesOf('legal_documents.read', id);
    expect(leaves).toHaveLength(2);
    expect(leaves.map((leaf) => leaf.clientId)).toEqual([desk.registrar.id, desk.approver.id]);
    for (const leaf of leaves) {
      expect(leaf).toMatchObject({ outcome: 'allowed', objectKind: 'legal_documents', objectId: made.body.id });
    }
    const [stored] = (await leavesOf('legal_documents.upload', id)).slice(-1);
    expect(stored).toMatchObject({ outcome: 'allowed', objectKind: 'legal_orders', objectId: id, recordVersion: 2 });
  });

  test('without its leaf nothing is opened, and nothing is kept', async () => {
    const id = await register();
    await upload(id, pdf(900));
    await rowsOf(vault, 'revoke insert on amanat.audit_leaves from amanat_service');
    const opened = await download(id);
    const kept = await upload(id, pdf(1_000));
    await rowsOf(vault, 'grant insert on amanat.audit_leaves to amanat_service');
    expect([opened.status, codeIn(opened.bytes)]).toEqual([503, 'audit_unavailable']);
    expectRefusal(kept, 503, 'audit_unavailable');
    expect((await download(id)).bytes.equals(pdf(900)), 'control').toBe(true);
    // Whether its commit took place is not known then; housekeeping clears it away when it is.
    await age(61);
    await housekeep(vault.vault);
    expect(await orphans()).toBe(0);
  });
});

describe('another scan', () => {
  test('takes the place of the one before, chunks and all', async () => {
    const id = await register();
    const first = await upload(id, pdf(3 * chunk));
    const second = await upload(id, png(900), 'image/png');
    expect(second.body.order).toEqual({ version: 3, status: 'registered' });
    expect(await chunksOf(first.body.id)).toEqual([]);
    expect((await documentsOf(id)).map((row) => row.id)).toEqual([second.body.id]);
    expect((await download(id)).bytes.equals(png(900))).toBe(true);
  });

  test('voids an approval, which was given to the exact scan', async () => {
    const id = await approve();
    const made = await upload(id, pdf(900));
    expect(made.body.order).toEqual({ version: 3, status: 'registered' });
    expectRefusal(await desk.registrar.post('/v1/exports', { legalOrderId: id }), 403, 'legal_order_not_approved');
    const again = await desk.approver.post(`/v1/legal-orders/${id}/approve`);
    expect(again.status, again.text).toBe(200);
    // The digest an approval is bound to covers the scan: the same record with another scan has another one.
    await upload(id, pdf(901));
    const third = await desk.approver.post(`/v1/legal-orders/${id}/approve`);
    expect(third.status, third.text).toBe(200);
    expect(third.body.digest).not.toBe(again.body.digest);
  });

  const closings: readonly [string, () => Promise<string>][] = [
    [
      'rejected',
      async () => {
        const id = await register();
        await desk.approver.post(`/v1/legal-orders/${id}/reject`, { reason: 'x' });
        return id;
      },
    ],
    [
      'revoked',
      async () => {
        const id = await approve();
        await desk.approver.post(`/v1/legal-orders/${id}/revoke`, { reason: 'x' });
        return id;
      },
    ],
    [
      'executed',
      async () => {
        const id = await approve();
        const executed = await desk.registrar.post('/v1/exports', { legalOrderId: id });
        expect(executed.status, executed.text).toBe(201);
        return id;
      },
    ],
  ];

  test.each(closings)('comes too late for an order that is %s', async (_, close) => {
    const id = await close();
    const before = await orphans();
    expectRefusal(await upload(id, pdf(2 * chunk)), 409, 'conflict');
    expectRefusal(
      await upload(id, pdf(2 * chunk), 'application/pdf', desk.registrar, { 'idempotency-key': id }),
      409,
      'conflict',
    );
    expect(await documentsOf(id)).toEqual([]);
    expect(await orphans()).toBe(before);
  });

  test('at the same moment: one is kept, and no chunk of the other', async () => {
    const id = await register();
    const sent = [pdf(3 * chunk), pdf(4 * chunk), png(2 * chunk)];
    const answers = await Promise.all(
      sent.map((bytes, i) => upload(id, bytes, i === 2 ? 'image/png' : 'application/pdf')),
    );
    const kept = answers.filter(({ status }) => status === 201);
    expect(kept.length).toBeGreaterThan(0);
    for (const answer of answers) if (answer.status !== 201) expectRefusal(answer, 409, 'conflict');
    expect(await documentsOf(id)).toHaveLength(1);
    expect(await orphans()).toBe(0);
    const got = await download(id);
    expect(sent.some((bytes) => bytes.equals(got.bytes))).toBe(true);
  });
});

describe('an Idempotency-Key', () => {
  const key = (value: string) => ({ 'idempotency-key': value });
  const send = (id: string, bytes: Buffer, value: string, type = 'application/pdf') =>
    upload(id, bytes, type, desk.registrar, key(value));

  test('gets the first answer for the same scan, and keeps it once', async () => {
    const id = await register();
    const first = await send(id, pdf(2 * chunk), 'k-1');
    const again = await send(id, pdf(2 * chunk), 'k-1');
    expect(again.status, again.text).toBe(201);
    expect(again.body).toEqual(first.body);
    expect((await documentsOf(id)).map((row) => row.id)).toEqual([first.body.id]);
    expect(await orphans()).toBe(0);
    await desk.approver.post(`/v1/legal-orders/${id}/approve`);
    expect((await send(id, pdf(2 * chunk), 'k-1')).body).toEqual(first.body);
    expect((await desk.approver.get(`/v1/legal-orders/${id}`)).body.status).toBe('approved');
    await desk.approver.post(`/v1/legal-orders/${id}/revoke`, { reason: 'x' });
    expect((await send(id, pdf(2 * chunk), 'k-1')).body, 'whatever became of the order').toEqual(first.body);
  });

  test('is not another scan’s', async () => {
    const id = await register();
    expect((await send(id, pdf(900), 'k-2')).status).toBe(201);
    expectRefusal(await send(id, pdf(901), 'k-2'), 422, 'idempotency_key_reused', 'header:Idempotency-Key');
    expectRefusal(await send(await register(), pdf(900), 'k-2'), 422, 'idempotency_key_reused');
    expect(await orphans()).toBe(0);
  });

  test('at the same moment keeps one', async () => {
    const id = await register();
    const answers = await Promise.all([1, 2, 3].map(() => send(id, pdf(3 * chunk), 'k-3')));
    for (const { status } of answers) expect([201, 409]).toContain(status);
    const ids = new Set(answers.filter(({ status }) => status === 201).map(({ body }) => body.id));
    expect(ids.size).toBe(1);
    expect((await documentsOf(id)).map((row) => row.id)).toEqual([...ids]);
    expect(await orphans()).toBe(0);
  });
});

describe('altered in the database', () => {
  const size = 3 * chunk + 77;
  const where = 'tenant_id = $1 and document_id = $2';

  async function stored(bytes = pdf(size)) {
    const orderId = await register();
    const made = await upload(orderId, bytes);
    expect(made.status, made.text).toBe(201);
    return { orderId, documentId: made.body.id as string, bytes };
  }

  const mutations: Readonly<Record<string, (documentId: string, other: string) => Promise<unknown>>> = {
    'a bit of the first chunk': (id) =>
      rowsOf(
        vault,
        `update amanat.legal_document_chunks set sealed = set_bit(sealed, 8 * 5000, 1 - get_bit(sealed, 8 * 5000)) where ${where} and number = 0`,
        [vault.tenantId, id],
      ),
    'a bit of the last chunk': (id) =>
      rowsOf(
        vault,
        `update amanat.legal_document_chunks set sealed = set_bit(sealed, 8 * 60, 1 - get_bit(sealed, 8 * 60)) where ${where} and number = 3`,
        [vault.tenantId, id],
      ),
    'a chunk cut short': (id) =>
      rowsOf(
        vault,
        `update amanat.legal_document_chunks set sealed = substr(sealed, 1, length(sealed) - 32) where ${where} and number = 1`,
        [vault.tenantId, id],
      ),
    'two chunks changed over': (id) =>
      rowsOf(
        vault,
        `update amanat.legal_document_chunks c set sealed = o.sealed from amanat.legal_document_chunks o
          where c.tenant_id = $1 and c.document_id = $2 and o.tenant_id = $1 and o.document_id = $2
            and c.number in (1, 2) and o.number = 3 - c.number`,
        [vault.tenantId, id],
      ),
    'a chunk taken out': (id) =>
      rowsOf(vault, `delete from amanat.legal_document_chunks where ${where} and number = 2`, [vault.tenantId, id]),
    'the end cut off': (id) =>
      rowsOf(vault, `delete from amanat.legal_document_chunks where ${where} and number = 3`, [vault.tenantId, id]),
    'the last chunk moved up': async (id) => {
      await rowsOf(vault, `delete from amanat.legal_document_chunks where ${where} and number = 2`, [
        vault.tenantId,
        id,
      ]);
      await rowsOf(vault, `update amanat.legal_document_chunks set number = 2 where ${where} and number = 3`, [
        vault.tenantId,
        id,
      ]);
    },
    'all chunks taken out': (id) =>
      rowsOf(vault, `delete from amanat.legal_document_chunks where ${where}`, [vault.tenantId, id]),
    'a chunk of another document': (id, other) =>
      rowsOf(
        vault,
        `update amanat.legal_document_chunks c set sealed = o.sealed from amanat.legal_document_chunks o
          where c.tenant_id = $1 and c.document_id = $2 and o.tenant_id = $1 and o.document_id = $3
            and c.number = 1 and o.number = 1`,
        [vault.tenantId, id, other],
      ),
    'all chunks of another document': async (id, other) => {
      await rowsOf(vault, `delete from amanat.legal_document_chunks where ${where}`, [vault.tenantId, id]);
      await rowsOf(vault, `update amanat.legal_document_chunks set document_id = $3 where ${where}`, [
        vault.tenantId,
        other,
        id,
      ]);
    },
    'a chunk replaced by its plaintext': (id) =>
      rowsOf(vault, `update amanat.legal_document_chunks set sealed = $3 where ${where} and number = 0`, [
        vault.tenantId,
        id,
        pdf(size).subarray(0, chunk),
      ]),
  };

  test.each(Object.entries(mutations))('%s: nothing of it leaves, and the operator is told', async (_, mutate) => {
    const one = await stored();
    const other = await stored();
    expect((await download(one.orderId)).bytes.equals(one.bytes), 'control').toBe(true);
    const before = integrityEvents();
    await mutate(one.documentId, other.documentId);
    const got = await download(one.orderId);
    expect([got.status, codeIn(got.bytes)]).toEqual([500, 'integrity_failure']);
    expect(integrityEvents()).toBe(before + 1);
    expect((await leavesOf('legal_documents.read', one.orderId)).map((leaf) => leaf.outcome)).toEqual(['allowed']);
  });

  test('an older scan of the same order, put back with its chunks, does not open', async () => {
    const { orderId, documentId } = await stored(pdf(size, 'old'));
    const old = await chunksOf(documentId);
    const made = await upload(orderId, pdf(size));
    for (const row of old) {
      await rowsOf(vault, `update amanat.legal_document_chunks set sealed = $4 where ${where} and number = $3`, [
        vault.tenantId,
        made.body.id,
        row.number,
        row.sealed,
      ]);
    }
    const got = await download(orderId);
    expect([got.status, codeIn(got.bytes)]).toEqual([500, 'integrity_failure']);
  });

  test('chunks that nobody asks for change nothing', async () => {
    const { orderId, documentId, bytes } = await stored();
    await rowsOf(
      vault,
      `insert into amanat.legal_document_chunks select tenant_id, document_id, 4, stored_at, sealed
         from amanat.legal_document_chunks where ${where} and number = 3`,
      [vault.tenantId, documentId],
    );
    expect((await download(orderId)).bytes.equals(bytes)).toBe(true);
  });

  /** A client that stops reading after the first bytes, until told to go on; then all it got. */
  function slowly(orderId: string) {
    const socket = connect(Number(new URL(vault.url).port), '127.0.0.1');
    const got: Buffer[] = [];
    socket.on('error', () => undefined);
    const closed = new Promise<Buffer>((resolve) => socket.on('close', () => resolve(Buffer.concat(got))));
    const begun = new Promise<void>((resolve) => {
      socket.once('data', (piece) => {
        got.push(piece);
        socket.pause();
        resolve();
      });
    });
    socket.write(
      `GET ${pathOf(orderId)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${desk.approver.token}\r\n\r\n`,
    );
    const goOn = (): Promise<Buffer> => {
      socket.on('data', (piece) => got.push(piece));
      socket.resume();
      return closed;
    };
    return { begun, goOn };
  }
  const bodyOf = (answer: Buffer) => answer.subarray(answer.indexOf('\r\n\r\n') + 4);

  test('while it is being read: the answer ends before what was changed', { timeout: 120_000 }, async () => {
    const large = pdf(most);
    const { orderId, documentId } = await stored(large);
    const control = slowly(orderId);
    await control.begun;
    expect(bodyOf(await control.goOn()).equals(large), 'control').toBe(true);

    const before = integrityEvents();
    const reader = slowly(orderId);
    await reader.begun;
    await rowsOf(
      vault,
      `update amanat.legal_document_chunks set sealed = set_bit(sealed, 8 * 5000, 1 - get_bit(sealed, 8 * 5000)) where ${where} and number = 70`,
      [vault.tenantId, documentId],
    );
    const got = bodyOf(await reader.goOn());
    expect(got.length).toBeLessThanOrEqual(70 * chunk);
    expect(got.equals(large.subarray(0, got.length))).toBe(true);
    expect(integrityEvents()).toBe(before + 1);
  });

  test('a new scan while it is being read is no alarm', { timeout: 120_000 }, async () => {
    const large = pdf(most);
    const { orderId } = await stored(large);
    const before = integrityEvents();
    const reader = slowly(orderId);
    await reader.begun;
    expect((await upload(orderId, pdf(900))).status).toBe(201);
    const got = bodyOf(await reader.goOn());
    expect(got.length).toBeLessThan(large.length);
    expect(got.equals(large.subarray(0, got.length))).toBe(true);
    expect(integrityEvents()).toBe(before);
    expect((await download(orderId)).bytes.equals(pdf(900))).toBe(true);
  });
});

describe('in the database', () => {
  test('nothing of a scan can be read, nor in the log', async () => {
    const canary = 'CANARY-NAMEH-1404-9901234565';
    const orderId = await register();
    await upload(orderId, png(2 * chunk, canary), 'image/png');
    await rowsOf(vault, `create table amanat.planted (body bytea)`);
    await rowsOf(vault, `insert into amanat.planted values ($1)`, [png(2 * chunk, canary)]);
    const tables = await rowsOf(
      vault,
      `select relname as name from pg_class where relnamespace = 'amanat'::regnamespace and relkind = 'r'`,
    );
    const found: string[] = [];
    const hex = Buffer.from(canary).toString('hex');
    for (const { name } of tables) {
      const rows = await rowsOf(
        vault,
        `select count(*)::integer as n from amanat.${name} t
          where t::text like '%' || $1 || '%' or t::text like '%' || $2 || '%'`,
        [canary, hex],
      );
      if (rows[0].n > 0) found.push(name);
    }
    await rowsOf(vault, `drop table amanat.planted`);
    expect(found, 'control: the planted one').toEqual(['planted']);
    expect(vault.logLines.join('')).not.toContain(canary);
    expect((await download(orderId)).bytes.includes(canary), 'control').toBe(true);
  });

  test('the service can neither change a chunk nor see another tenant’s', async () => {
    const orderId = await register();
    const made = await upload(orderId, pdf(900));
    const second = await vault.secondTenant();
    const count = async (tenantId: string) => {
      const statement = {
        name: 'count',
        text: 'select count(*)::integer as n from amanat.legal_document_chunks where document_id = $1::uuid',
        values: [made.body.id],
      };
      const [rows] = await commit(vault.vault.db, { tenantIds: [tenantId] }, [statement]);
      return (rows[0] as { n: number }).n;
    };
    expect(await count(vault.tenantId), 'control').toBe(1);
    expect(await count(second.tenantId)).toBe(0);
    const update = { name: 'update', text: `update amanat.legal_document_chunks set number = 1`, values: [] };
    await expect(commit(vault.vault.db, { tenantIds: [vault.tenantId] }, [update])).rejects.toMatchObject({
      sqlstate: '42501',
    });
  });
});

// Last: the clock does not go back.
describe('an order that has run out', () => {
  test('takes no scan any more, and still shows the one it has', async () => {
    const validUntil = dayFrom(vault, 2);
    const [id, control] = [
      await desk.register([{ customerId }], { validUntil }),
      await desk.register([{ customerId }], { validUntil: dayFrom(vault, 30) }),
    ];
    expect((await upload(id, pdf(900))).status).toBe(201);
    vault.advance(4 * 24 * 60 * 60_000);
    const registrar = await desk.registrar.as('staff-1');
    expectRefusal(await upload(id, pdf(901), 'application/pdf', registrar), 409, 'conflict');
    expect((await download(id, registrar)).bytes.equals(pdf(900))).toBe(true);
    expect((await upload(control, pdf(901), 'application/pdf', registrar)).status, 'control').toBe(201);
  });
});
