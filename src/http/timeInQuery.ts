import { refuse } from '../errors.ts';

/** RFC 3339 with any offset. */
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** Throws `invalid_query`. */
export function timeInQuery(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const date = new Date(text);
  if (!instant.test(text) || Number.isNaN(date.getTime())) throw refuse('invalid_query', `?${name}`, 'format');
  return date;
}
