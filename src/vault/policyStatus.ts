import type { PolicyNoticeRow } from '../db/policies.ts';
import { missingNotices, type Turn } from '../policy/inForce.ts';
import { givenNotice, turnsOn, type PolicyVersion } from './policyVersions.ts';
import { timeView } from './shownTime.ts';

/**
 * scheduled: takes effect on its day. awaiting_notice: does not before people were told, whatever its day. past: was in force.
 * superseded: never was, and a later one is or was.
 */
export const policyStatuses = ['in_force', 'scheduled', 'awaiting_notice', 'past', 'superseded'] as const;
export type PolicyStatus = (typeof policyStatuses)[number];

export interface PolicyStanding {
  readonly status: PolicyStatus;
  /** As far as it is known. */
  readonly inForceFrom?: string;
  readonly inForceFromJalali?: string;
  readonly inForceUntil?: string;
  readonly inForceUntilJalali?: string;
  /** In how many more ways people have to be told. */
  readonly noticesMissing?: number;
}

/** What the standing of a version follows from. */
export interface Told {
  readonly versions: readonly PolicyVersion[];
  readonly notices: readonly PolicyNoticeRow[];
  readonly turns: readonly Turn[];
}

/** The same with a version, or a notice, that is about to come to it. */
export function withMore(
  { versions, notices }: Told,
  more: { readonly version?: PolicyVersion; readonly notice?: PolicyNoticeRow },
): Told {
  const all = { versions: [...versions, ...listed(more.version)], notices: [...notices, ...listed(more.notice)] };
  return { ...all, turns: turnsOn(all.versions, all.notices.map(givenNotice)) };
}

function listed<T>(one: T | undefined): readonly T[] {
  return one === undefined ? [] : [one];
}

/** How a version stands at a moment. */
export function standingOf({ versions, notices, turns }: Told, version: PolicyVersion, at: number): PolicyStanding {
  const current = turns.findLast(({ from }) => from <= at);
  const own = turns.findIndex(({ number }) => number === version.number);
  const inForce = versions.find(({ number }) => number === current?.number) ?? version;
  const missing = missingNotices(inForce, version, notices.map(givenNotice));
  const status = statusOf(version.number, current, turns[own], at, missing);
  return {
    status,
    ...timeOf('inForceFrom', turns[own]),
    ...timeOf('inForceUntil', own < 0 ? undefined : turns[own + 1]),
    ...(status === 'awaiting_notice' ? { noticesMissing: missing } : {}),
  };
}

function statusOf(
  number: number,
  current: Turn | undefined,
  own: Turn | undefined,
  at: number,
  missing: number,
): PolicyStatus {
  if (own !== undefined && own === current) return 'in_force';
  if (own !== undefined && own.from <= at) return 'past';
  if (number < (current?.number ?? 0)) return 'superseded';
  return missing > 0 ? 'awaiting_notice' : 'scheduled';
}

function timeOf<Name extends string>(name: Name, turn: Turn | undefined) {
  return timeView(name, turn === undefined ? null : new Date(turn.from));
}
