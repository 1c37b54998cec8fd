import { refuse } from '../errors.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const nobodys = '00000000-0000-7000-8000-000000000000';

/** An id that a list is narrowed by, in lower case. Throws `invalid_query` for what is none. */
export function idInQuery(name: string, text: string | undefined): string | undefined {
  if (text !== undefined && !uuid.test(text)) throw refuse('invalid_query', `?${name}`, 'format');
  return text?.toLowerCase();
}

/** The grant a reader names. One that cannot be one is as an unknown one: the reader sees masks. */
export function grantInQuery(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return uuid.test(text) ? text.toLowerCase() : nobodys;
}
