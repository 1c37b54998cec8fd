import { uuid7 } from '../crypto/uuid.ts';

/** A new id: it carries the time it was made and nothing about a person. */
export function newId(now: number): string {
  return uuid7(now);
}

/** The smallest version 7 UUID of a moment, to cut a list of ids by time. */
export function firstIdAt(time: Date): string {
  const ms = time.getTime().toString(16).padStart(12, '0');
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7000-8000-000000000000`;
}

/** When an id was made: milliseconds since the epoch. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An id in any case as it is stored, in lower case; undefined for what is none. */
export function parseId(text: string): string | undefined {
  const id = text.toLowerCase();
  return uuid.test(id) ? id : undefined;
}
