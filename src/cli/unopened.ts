import { table } from './table.ts';

/** What a turn of keys left as it was, because it does not open or is edited all the time: where, and its id there. */
export interface Unopened {
  readonly place: string;
  readonly id: string;
}

/** Named to a person; a program gets all. */
const mostNamed = 20;

/** Each once: a turn comes past everything twice or more. */
export function unopened(): { readonly tell: (place: string, id: string) => void; readonly all: () => Unopened[] } {
  const found = new Map<string, Unopened>();
  return {
    tell: (place, id) => void found.set(`${place} ${id}`, { place, id }),
    all: () => [...found.values()],
  };
}

export function unopenedWords(
  tenants: readonly { readonly tenantId: string; readonly broken: readonly Unopened[] }[],
): string[] {
  const all = tenants.flatMap(({ tenantId, broken }) => broken.map(({ place, id }) => [tenantId, place, id]));
  if (all.length === 0) return [];
  return [
    '',
    table(['left: tenant', 'where', 'id'], all.slice(0, mostNamed)),
    ...(all.length > mostNamed ? [`… and ${all.length - mostNamed} more: --json has all of them`] : []),
    'What of it does not open, and why, is found by: amanat verify',
  ];
}
