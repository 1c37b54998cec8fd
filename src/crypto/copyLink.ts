import { randomBytes } from 'node:crypto';

/**
 * What stands behind the `#` of a link, which no browser sends to a server. Base64url of 64 bytes:
 *
 * | offset | bytes | what       |
 * | ------ | ----- | ---------- |
 * | 0      | 16    | tenant id  |
 * | 16     | 16    | request id |
 * | 32     | 32    | secret     |
 */
export interface CopyLinkToken {
  readonly tenantId: string;
  readonly requestId: string;
  readonly secret: Buffer;
}

const pattern = /^[A-Za-z0-9_-]{86}$/;

export function newCopyLinkToken(tenantId: string, requestId: string): CopyLinkToken {
  return { tenantId, requestId, secret: randomBytes(32) };
}

export function writeCopyLink({ tenantId, requestId, secret }: CopyLinkToken): string {
  return Buffer.concat([bytesOf(tenantId), bytesOf(requestId), secret]).toString('base64url');
}

/** Undefined for what is no link of ours. */
export function readCopyLink(text: string): CopyLinkToken | undefined {
  if (!pattern.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  // One link, one spelling.
  if (bytes.toString('base64url') !== text) return undefined;
  return { tenantId: idAt(bytes, 0), requestId: idAt(bytes, 16), secret: bytes.subarray(32) };
}

const bytesOf = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex');

const idAt = (bytes: Buffer, at: number): string =>
  bytes.toString('hex', at, at + 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
