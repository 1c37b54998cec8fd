import { VaultError } from '../errors.ts';

/**
 * JSON with one spelling for one value (RFC 8785): no white space, members in the order of their names' UTF-16 units,
 * numbers as ECMAScript writes them. Throws `internal` for what JSON cannot carry unchanged: a number that is not
 * finite, `undefined`, a lone surrogate, an object that is not plain.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value === 'string' && !/\p{Surrogate}/u.test(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${Array.from(value, canonicalJson).join(',')}]`;
  if (isPlain(value)) {
    const members = Object.keys(value).sort();
    return `{${members.map((name) => `${canonicalJson(name)}:${canonicalJson(value[name])}`).join(',')}}`;
  }
  throw new VaultError('internal');
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
