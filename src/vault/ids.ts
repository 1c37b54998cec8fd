import { v7 } from 'uuid';

/** A new id: version 7 UUID (RFC 9562 section 5.7), which carries the time it was made and nothing about a person. */
export function newId(now: number): string {
  return v7({ msecs: now });
}

/** The smallest version 7 UUID of a moment, to cut a list of ids by time. */
export function firstIdAt(time: Date): string {
  const ms = time.getTime().toString(16).padStart(12, '0');
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7000-8000-000000000000`;
}
