/**
 * A JavaScript value as PostgreSQL reads it from a Bind message: text, or raw bytes for bytea. `undefined` is null, an
 * array is an array literal, a Date an instant in UTC, any other object JSON. Throws for what has no such form.
 */
export function parameter(value: unknown): string | Buffer | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value === undefined || value === null) return null;
  if (typeof value === 'object') return objectParameter(value);
  throw new TypeError('no SQL form');
}

function objectParameter(value: object): string | Buffer | null {
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return isBytes(value) ? byteaArray(value) : arrayLiteral(value);
  return JSON.stringify(value);
}

function isBytes(items: readonly unknown[]): items is readonly (Buffer | null)[] {
  return items.some((item) => Buffer.isBuffer(item)) && items.every((item) => item === null || Buffer.isBuffer(item));
}

/** Type id of bytea (pg_type.dat). */
const byteaOid = 17;
const arrayHead = 20;

/**
 * bytea[] in binary, half the size of hexadecimal (PostgreSQL source, arrayfuncs.c array_recv), big-endian int32 each:
 * dimensions (1), any null (0 or 1), type of the items, number of items, index of the first (1); then for each item its
 * length (-1 for null) and its bytes.
 */
function byteaArray(items: readonly (Buffer | null)[]): Buffer {
  const length = items.reduce((sum, item) => sum + 4 + (item?.length ?? 0), arrayHead);
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(items.includes(null) ? 1 : 0, 4);
  bytes.writeInt32BE(byteaOid, 8);
  bytes.writeInt32BE(items.length, 12);
  bytes.writeInt32BE(1, 16);
  let at = arrayHead;
  for (const item of items) {
    at = bytes.writeInt32BE(item?.length ?? -1, at);
    if (item !== null) at += item.copy(bytes, at);
  }
  return bytes;
}

/** PostgreSQL, 8.15.6 Array Input and Output Syntax: every item quoted, so that no content is taken for syntax. */
function arrayLiteral(items: readonly unknown[]): string {
  return `{${items.map(arrayItem).join(',')}}`;
}

function arrayItem(item: unknown): string {
  if (typeof item === 'string') return quoted(item);
  if (Array.isArray(item)) return arrayLiteral(item);
  const value = parameter(item);
  if (value === null) return 'NULL';
  return typeof value === 'string' ? quoted(value) : `"\\\\x${value.toString('hex')}"`;
}

const syntax = /["\\]/;

/** Ids and names, which are most of what is sent, hold nothing to be escaped. */
function quoted(text: string): string {
  return syntax.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`;
}
