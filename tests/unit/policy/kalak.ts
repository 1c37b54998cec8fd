import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { parseProfile, profileOf } from '../../../src/policy/profile.ts';
import type { Profile } from '../../../src/policy/profile.ts';

export const kalakText = readFileSync(new URL('../../../policies/kalak.yaml', import.meta.url), 'utf8');
export const kalak: Profile = parseProfile(kalakText);

/** RFC 6901 pointers into the file and what to put there; undefined takes the member away. */
export type Edits = Readonly<Record<string, unknown>>;

const read = new Map<string, string>();

/** Aliased cells are one object in memory: a copy through JSON makes each its own, so that an edit touches one place. */
function jsonOf(text: string): string {
  const known = read.get(text) ?? JSON.stringify(parse(text, { merge: true, maxAliasCount: 200 }));
  read.set(text, known);
  return known;
}

/** The file's data with something changed; kalak's, or another text's. */
export function edited(edits: Edits, text = kalakText): unknown {
  const draft: unknown = JSON.parse(jsonOf(text));
  for (const [pointer, value] of Object.entries(edits)) put(draft, pointer.split('/').slice(1), value);
  return draft;
}

/** kalak with something changed, checked as any profile is. */
export function kalakWith(edits: Edits): Profile {
  return profileOf(edited(edits));
}

function put(target: unknown, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined || typeof target !== 'object' || target === null)
    throw new Error(`no place at ${path.join('/')}`);
  if (rest.length > 0) put(Reflect.get(target, key), rest, value);
  else if (value === undefined) Reflect.deleteProperty(target, key);
  else Reflect.set(target, key, value);
}
