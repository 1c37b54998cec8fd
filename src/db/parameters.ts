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
  if (Array.isArray(value)) return arrayLiteral(value);
  return JSON.stringify(value);
}

/** PostgreSQL, 8.15.6 Array Input and Output Syntax: every item quoted, so that no content is taken for syntax. */
function arrayLiteral(items: readonly unknown[]): string {
  return `{${items.map(arrayItem).join(',')}}`;
}

function arrayItem(item: unknown): string {
  if (Array.isArray(item)) return arrayLiteral(item);
  const value = parameter(item);
  if (value === null) return 'NULL';
  if (typeof value !== 'string') return `"\\\\x${value.toString('hex')}"`;
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
