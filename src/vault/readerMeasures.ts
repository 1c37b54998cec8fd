import type { AuditLeaf } from '../crypto/leaf.ts';
import type { CountKey } from '../db/readerWatch.ts';
import { addDuration } from '../policy/duration.ts';
import type { Field, Profile } from '../policy/profile.ts';
import { isImpersonal } from '../policy/references.ts';
import { weekdays } from '../policy/vocabulary.ts';
import { clockOf, startOfDay, weekdayOf } from './tehranDay.ts';

export const measures = ['reads', 'subjects', 'out_of_hours', 'refused'] as const;
export type Measure = (typeof measures)[number];
export type Monitoring = NonNullable<Profile['monitoring']>;

/** One leaf counts once more for one reader in one window. */
export interface Hit extends CountKey {
  readonly measure: Measure;
  /** Whom it was about, where different persons are counted. */
  readonly subjectId?: string;
}

interface Bound {
  readonly windowMs: number;
  readonly most: number;
}
type Bounds = Readonly<Record<Measure, Readonly<Record<CountKey['readerKind'], Bound>>>>;

/** They are asked for with every leaf, and change with the policy. */
const worked = new WeakMap<Monitoring, Bounds>();

/** What of the policy bounds a measure. */
export function boundsOf(monitoring: Monitoring, measure: Measure, readerKind: CountKey['readerKind']): Bound {
  let bounds = worked.get(monitoring);
  if (bounds === undefined) worked.set(monitoring, (bounds = boundsIn(monitoring)));
  return bounds[measure][readerKind];
}

function boundsIn({ reads, subjects, outOfHours, refused }: Monitoring): Bounds {
  const rule = ({
    window,
    person,
    client,
  }: Monitoring['reads' | 'subjects' | 'refused' | 'outOfHours'] & { readonly client: number }) => {
    const windowMs = lengthOf(window);
    return { person: { windowMs, most: person }, client: { windowMs, most: client } };
  };
  return {
    reads: rule(reads),
    subjects: rule(subjects),
    out_of_hours: rule({ ...outOfHours, client: Infinity }),
    refused: rule(refused),
  };
}

/** Milliseconds of an ISO 8601 duration, months and years as they began in 1970. */
export function lengthOf(duration: string): number {
  return addDuration(new Date(0), duration)?.getTime() ?? 0;
}

/**
 * What a leaf counts for. What a legal order was carried out by has its own gate and its own two persons, what the vault sends or
 * does by itself nobody saw: neither counts. A person's own view counts for the client that opened it, as reads.
 */
export function hitsOf(profile: Profile, monitoring: Monitoring, leaf: AuditLeaf): readonly Hit[] {
  if (leaf.legalOrderId !== undefined || leaf.clientId === undefined || leaf.action === 'messages.deliver') return [];
  const { reads, subjects, out_of_hours: off, refused } = countsFor(profile, monitoring, leaf);
  const readers = [
    { readerKind: 'client', reader: leaf.clientId } as const,
    ...(leaf.actor === '' ? [] : [{ readerKind: 'person', reader: leaf.actor.toLowerCase() } as const]),
  ];
  return readers.flatMap((who) => {
    const hit = (measure: Measure): Hit => {
      const windowStart = windowOf(leaf.at, boundsOf(monitoring, measure, who.readerKind).windowMs);
      return { ...who, measure, windowStart };
    };
    const about = leaf.subjectId;
    return [
      ...(reads ? [hit('reads')] : []),
      ...(subjects[who.readerKind] && about !== undefined ? [{ ...hit('subjects'), subjectId: about }] : []),
      ...(off && who.readerKind === 'person' ? [hit('out_of_hours')] : []),
      ...(refused ? [hit('refused')] : []),
    ];
  });
}

/** A person leafs through masks too; to a shop's own systems masks are everyday work. */
function countsFor(profile: Profile, monitoring: Monitoring, leaf: AuditLeaf) {
  const allowed = leaf.outcome === 'allowed';
  // The shop's own reference, a company's name: shown without work, and no measure of anything.
  const reads = allowed && leaf.full.some((field) => !isImpersonal(profile, field as Field));
  const own = leaf.role === 'subject';
  return {
    reads,
    subjects: { client: reads && !own, person: allowed && !own && leaf.full.length + leaf.masked.length > 0 },
    out_of_hours: reads && leaf.actor !== '' && isOff(monitoring.outOfHours, new Date(leaf.at)),
    refused: !allowed,
  };
}

/** By the clock and the week of Tehran. */
function isOff({ opens, closes, daysOff }: Monitoring['outOfHours'], at: Date): boolean {
  const day = weekdays[weekdayOf(at)];
  const clock = clockOf(at).slice(0, 5);
  return clock < opens || clock >= closes || daysOff.some((off) => off === day);
}

const midnight = startOfDay('1970-01-01');

/** Windows begin where days of Tehran do. */
function windowOf(at: number, windowMs: number): Date {
  return new Date(at - ((((at - midnight) % windowMs) + windowMs) % windowMs));
}
