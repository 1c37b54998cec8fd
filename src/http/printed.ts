import { refuse } from '../errors.ts';
import type { Answer } from './respond.ts';

/** What can be had as data or as a Persian page to read and to print. */
export const printable = { query: ['format'], produces: ['application/json', 'text/html'] } as const;

/** Its one style sheet stands in the page, which loads and runs nothing. */
const headers = {
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** `?format=`: data where nothing is asked for. */
export function formatOf(text: string | undefined): 'json' | 'html' {
  if (text === undefined || text === 'json' || text === 'html') return text ?? 'json';
  throw refuse('invalid_query', '?format', 'unknown_value');
}

export function pageAnswer(page: string): Answer {
  return { status: 200, type: 'text/html; charset=utf-8', bytes: Buffer.from(page), headers };
}
