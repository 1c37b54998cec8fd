import * as fc from 'fast-check';
import { parse } from 'yaml';
import { fields, grantKinds } from '../../../src/policy/profile.ts';
import { deliveryItems } from '../../../src/policy/vocabulary.ts';
import { shippedNames, textOf } from './shipped.ts';

/** A profile as it is written, before the vault reads it. */
export type Written = any; // oxlint-disable-line typescript/no-explicit-any

const texts = Object.fromEntries(
  shippedNames.map((name) => [name, JSON.stringify(parse(textOf(name), { merge: true, maxAliasCount: -1 }))]),
);
const drawn = { clauses: ['D'], why: 'drawn by lot' };
const title = { fa: 'بخش', en: 'Department' };

/**
 * Profiles that can be loaded, each one of the five with much of it drawn anew: departments, firms that act for the shop, kinds of
 * work with their grantees, fields and purposes, what is personal, carriers, and every cell of the access matrix.
 */
export const randomProfiles: fc.Arbitrary<Written> = fc.gen().map((g) => {
  const yes = (odds = 2): boolean => g(fc.nat, odds - 1) === 0;
  const some = <T>(of: readonly T[], least = 0): T[] =>
    g(fc.subarray, [...of], { minLength: Math.min(least, of.length) });
  const profile: Written = JSON.parse(texts[g(fc.constantFrom, ...shippedNames)] ?? '{}');
  profile.id = 'drawn';
  // What somebody has to have signed first is no rule about what may be read.
  if (profile.staffUndertaking !== undefined) profile.staffUndertaking.demanded = false;
  if (profile.recipients !== undefined) profile.recipients.undertaking = 'recorded';
  const purposes = Object.keys(profile.purposes);
  for (const name of ['warehouse', 'courier_desk'])
    if (yes()) profile.departments[name] = { title, seesValues: true, purposes: some(purposes, 1), ...drawn };
  for (const name of ['after_sales', 'accounting']) if (yes(4)) delete profile.departments[name];
  for (const kind of ['courier', 'payment_processor']) profile.processors[kind].allowed = !yes(3);
  const readers = [...Object.keys(profile.departments), 'courier', 'payment_processor'];
  for (const kind of grantKinds) {
    const glass = kind === 'break_glass';
    // The work of an emergency comes with the rule that allows it, and is the administration's alone.
    if (profile.grantKinds[kind] === undefined && (glass || yes(3))) continue;
    profile.grantKinds[kind] = {
      title,
      longest: 'P30D',
      maxReads: 5,
      ...profile.grantKinds[kind],
      purpose: g(fc.constantFrom, ...purposes),
      grantees: glass ? ['system_admin'] : some(readers, 1),
      fields: some(fields, 1),
      requiresOrder: yes(3),
      ...drawn,
    };
    if (!glass && yes(8)) delete profile.grantKinds[kind];
  }
  for (const items of Object.values<Written>(profile.items))
    for (const item of Object.values<Written>(items)) if (yes(6)) item.personal = !item.personal;
  profile.carriers = { default: profile.carriers?.default ?? { title, shows: ['address'], ...drawn } };
  for (const name of ['default', 'post', 'tipax'])
    if (yes()) profile.carriers[name] = { title, shows: some(deliveryItems, 1), ...drawn };
  drawAccess(profile, readers, { yes, some });
  drop(profile, readers);
  return profile;
});

interface Lots {
  readonly yes: (odds?: number) => boolean;
  readonly some: <T>(of: readonly T[], least?: number) => T[];
}

/** Every cell anew, within what can be loaded at all: nothing personal open without work, no masks for firms. */
function drawAccess(profile: Written, readers: readonly string[], { yes, some }: Lots): void {
  const kinds = Object.keys(profile.grantKinds);
  profile.access = {};
  for (const field of fields) {
    const declared = Object.values<Written>(profile.items).flatMap((items) => items[field] ?? []);
    const impersonal = declared.length > 0 && declared.every((item: Written) => !item.personal);
    const row: Written = {};
    for (const reader of readers) {
      if (yes(4)) continue;
      const firm = reader === 'courier' || reader === 'payment_processor';
      const base = firm || yes(3) ? 'none' : impersonal && yes() ? 'full' : 'masked';
      const full = yes(3) ? [] : some(kinds);
      row[reader] = { base, full, onlyWithOrder: some(full), onlyUndelivered: yes() ? some(full) : [], ...drawn };
    }
    if (!yes(6)) row.subject = { base: yes(4) ? 'masked' : 'full', full: [], ...drawn };
    if (Object.keys(row).length > 0) profile.access[field] = row;
  }
}

/** Lists that name a department which is no more. */
function drop(profile: Written, readers: readonly string[]): void {
  const known = new Set([...readers, 'subject']);
  const counting = profile.statistics?.readers ?? {};
  const { fullReadsPerActorPerDay: ofPersons, fullReadsPerClientPerDay: ofSystems = {} } = profile.readCeilings;
  for (const list of [profile.search, profile.match, profile.write, ofPersons, ofSystems, counting])
    for (const reader of Object.keys(list)) if (!known.has(reader)) delete list[reader];
}
