import { refuse } from '../errors.ts';
import { parseId } from '../vault/ids.ts';

const nobodys = '00000000-0000-7000-8000-000000000000';

/** An id that a list is narrowed by, in lower case. Throws `invalid_query` for what is none. */
export function idInQuery(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const id = parseId(text);
  if (id === undefined) throw refuse('invalid_query', `?${name}`, 'format');
  return id;
}

/** The grant a reader names. One that cannot be one is as an unknown one: the reader sees masks. */
export function grantInQuery(text: string | undefined): string | undefined {
  return text === undefined ? undefined : (parseId(text) ?? nobodys);
}
