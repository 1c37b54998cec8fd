import { refuse } from '../errors.ts';
import { addDuration } from '../policy/duration.ts';
import { latestClose } from '../policy/grants.ts';
import type { GrantKind } from '../policy/profile.ts';
import type { Policy } from './watch.ts';

/** From when and until when a grant is asked to be open. */
export interface AskedWindow {
  /** Now when undefined. */
  readonly opensAt?: Date | undefined;
  readonly closesAt?: Date | undefined;
}

export interface GrantWindow {
  readonly opensAt: Date;
  /** Exclusive. */
  readonly closesAt: Date;
}

/**
 * The window of a new grant, inside what the policy allows its kind. `usual` is the ISO 8601 duration that holds when no
 * end is asked for. Throws `not_permitted` for a kind the policy lacks, `invalid_body` with the place.
 */
export function windowOf(
  policy: Policy,
  kind: GrantKind,
  asked: AskedWindow,
  now: number,
  usual?: string,
): GrantWindow {
  const opensAt = asked.opensAt ?? new Date(now);
  const latestStart = latestClose(policy.profile, kind, new Date(now));
  const latest = latestClose(policy.profile, kind, opensAt);
  if (latestStart === undefined || latest === undefined) throw refuse('not_permitted', '/kind', 'not_in_policy');
  if (opensAt >= latestStart) throw refuse('invalid_body', '/opensAt', 'too_late');
  const closesAt = asked.closesAt ?? earlier(usual === undefined ? undefined : addDuration(opensAt, usual), latest);
  if (closesAt.getTime() <= now) throw refuse('invalid_body', '/closesAt', 'past');
  if (closesAt <= opensAt) throw refuse('invalid_body', '/closesAt', 'before_opening');
  if (closesAt > latest) throw refuse('invalid_body', '/closesAt', 'too_late');
  return { opensAt, closesAt };
}

/** A profile may keep something `while_active`, which is no length of time: then the other bound holds. */
export function earlier(one: Date | undefined, other: Date): Date {
  return one !== undefined && one < other ? one : other;
}
