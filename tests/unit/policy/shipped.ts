import { readFileSync } from 'node:fs';
import { parseProfile } from '../../../src/policy/profile.ts';
import type { Profile } from '../../../src/policy/profile.ts';

/** The profiles that ship: one for each published policy. */
export const shippedNames = ['kalak', 'khakriz', 'citra', 'ito', 'imo'] as const;
export type ShippedName = (typeof shippedNames)[number];

export function textOf(name: ShippedName): string {
  return readFileSync(new URL(`../../../policies/${name}.yaml`, import.meta.url), 'utf8');
}

export const shipped: Readonly<Record<ShippedName, Profile>> = {
  kalak: parseProfile(textOf('kalak')),
  khakriz: parseProfile(textOf('khakriz')),
  citra: parseProfile(textOf('citra')),
  ito: parseProfile(textOf('ito')),
  imo: parseProfile(textOf('imo')),
};
