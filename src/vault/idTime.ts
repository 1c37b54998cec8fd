/** Milliseconds since the epoch at which a version 7 UUID was made (RFC 9562 section 5.7). */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
