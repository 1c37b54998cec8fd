import { refuse, VaultError } from '../errors.ts';

const maxLimit = 100;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** One page of a list: how many, and after which id. */
export interface Page {
  readonly limit: number;
  readonly after: string | undefined;
}

/** `?limit=` (1 to 100, 20 when absent; larger is refused, never cut) and `?cursor=` (opaque). */
export function parsePage(limit: string | undefined, cursor: string | undefined): Page {
  return { limit: parseLimit(limit), after: cursor === undefined ? undefined : idOf(cursor) };
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return 20;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw refuse('invalid_query', '?limit', 'format');
  const limit = Number(text);
  if (limit > maxLimit) throw refuse('limit_too_large', '?limit');
  return limit;
}

function idOf(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!uuid.test(id) || cursorOf(id) !== cursor)
    throw new VaultError('invalid_cursor', [{ pointer: '?cursor', code: 'format' }]);
  return id;
}

function cursorOf(id: string): string {
  return Buffer.from(id, 'latin1').toString('base64url');
}

/** Turns `limit + 1` rows into a page: `{ items, nextCursor? }`. A row that `item` has nothing to show of is left out. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  id: (row: Row) => string,
  item: (row: Row) => Item | undefined,
): { items: Item[]; nextCursor?: string } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map((row) => item(row)).filter((made) => made !== undefined),
    ...(rows.length > limit && last !== undefined ? { nextCursor: cursorOf(id(last)) } : {}),
  };
}

/** A page of what is counted from 1 and never goes away: how many, and below which number. */
export interface NumberedPage {
  readonly limit: number;
  readonly before: number | undefined;
}

export function parseNumberedPage(limit: string | undefined, cursor: string | undefined): NumberedPage {
  return { limit: parseLimit(limit), before: cursor === undefined ? undefined : numberOf(cursor) };
}

function numberOf(cursor: string): number {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!/^n[1-9]\d{0,8}$/.test(text) || cursorOf(text) !== cursor)
    throw new VaultError('invalid_cursor', [{ pointer: '?cursor', code: 'format' }]);
  return Number(text.slice(1));
}

/** The same for `limit + 1` rows with numbers. */
export function numberedPageOf<Row extends { readonly number: number }, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
): { items: Item[]; nextCursor?: string } {
  return pageOf(rows, limit, ({ number }) => `n${number}`, item);
}
