import type { z } from 'zod';

import { VaultError, type Fault } from '../errors.ts';

type Issue = z.core.$ZodIssue;

/**
 * The value as the schema says, or a refusal that names places and reasons: `unknown_field` when there are members the
 * schema does not know, otherwise `invalid_body`. Never a value of the caller's.
 */
export function parseBody<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const unknown = issues.flatMap((issue) => unknownMembers(issue));
  if (unknown.length > 0) throw new VaultError('unknown_field', unknown);
  throw new VaultError(
    'invalid_body',
    issues.map((issue) => ({ pointer: pointerTo(issue.path), code: reasonOf(issue, value) })),
  );
}

function unknownMembers(issue: Issue): Fault[] {
  if (issue.code !== 'unrecognized_keys') return [];
  const pointers = new Set(issue.keys.map((key) => pointerTo([...issue.path, key])));
  return [...pointers].map((pointer) => ({ pointer, code: 'unknown_field' }));
}

const safeStep = /^[A-Za-z][A-Za-z0-9]{0,39}$/;

/** RFC 6901, up to the first member name that could be data; what passes needs no escaping. */
function pointerTo(path: readonly PropertyKey[]): string {
  const unsafe = path.findIndex((step) => typeof step !== 'number' && !safeStep.test(String(step)));
  const safe = unsafe < 0 ? path : path.slice(0, unsafe);
  return safe.map((step) => `/${String(step)}`).join('');
}

/** A stable reason. A schema's own refinement names its reason in `params: { reason }`. */
function reasonOf(issue: Issue, body: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return at(body, issue.path) === undefined ? 'required' : 'type';
    case 'too_big':
      return sized(issue.origin) ? 'too_long' : 'too_large';
    case 'too_small':
      return sized(issue.origin) ? 'too_short' : 'too_small';
    case 'invalid_format':
    case 'not_multiple_of':
      return 'format';
    case 'invalid_value':
    case 'invalid_union':
      return at(body, issue.path) === undefined ? 'required' : 'enum';
    case 'unrecognized_keys':
      return 'unknown_field';
    case 'invalid_key':
    case 'invalid_element':
      return 'invalid';
    case 'custom': {
      const reason: unknown = issue.params?.['reason'];
      return typeof reason === 'string' && /^[a-z_]{1,40}$/.test(reason) ? reason : 'invalid';
    }
  }
}

const sized = (origin: string): boolean =>
  origin === 'string' || origin === 'array' || origin === 'set' || origin === 'map';

function at(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}
