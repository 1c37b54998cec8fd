import type { PolicyHeadRow } from '../db/policyHeads.ts';
import type { PolicyNoticeRow, StoredVersionRow } from '../db/policies.ts';
import { VaultError } from '../errors.ts';
import { judgeFor } from '../policy/judge.ts';
import type { Turn } from '../policy/inForce.ts';
import { parseProfile } from '../policy/profile.ts';
import { headOfVersions } from './policyHead.ts';
import { givenNotice, readVersion, turnsOn, type BrokenVersion, type PolicyVersion } from './policyVersions.ts';
import { isGenuine, type MacKeys } from './rowMac.ts';
import type { Policy } from './watch.ts';

/** What one process knows of one tenant's policy: the version in force, and those that are to come. */
export interface Standing {
  /**
   * Takes in what was read: versions after those known, notices known or not. What is not as the vault has written it is told
   * once: a notice counts for nothing then, a version is in force from now on as one that cannot be read.
   */
  learn(keys: MacKeys, read: PolicyRead, onBroken: OnBroken): void;
  /**
   * Never an older version than it gave before, whatever becomes of the clock. Undefined before the first one's day. Throws
   * `integrity_failure` while the one in force cannot be read or believed.
   */
  policyAt(at: number): Policy | undefined;
}

/** What one look read of a tenant; the head before the versions. */
export interface PolicyRead {
  readonly head: PolicyHeadRow | undefined;
  readonly versions: readonly StoredVersionRow[];
  readonly notices: readonly PolicyNoticeRow[];
}

export type OnBroken = (
  kind: 'policy_version' | 'policy_notice' | 'reader_freeze' | 'admissions' | 'tenant_keys',
) => void;

export function openStanding(parse = parseProfile): Standing {
  let versions: readonly (PolicyVersion | BrokenVersion)[] = [];
  let turns: readonly Turn[] = [];
  let current: Policy | BrokenVersion | undefined;
  let torn = false;
  const notices = new Map<string, PolicyNoticeRow | 'forged'>();

  function believe(keys: MacKeys, rows: readonly PolicyNoticeRow[], onBroken: OnBroken): void {
    for (const row of rows) {
      if (notices.has(row.id)) continue;
      const genuine = isGenuine(keys, 'policy_notices', row);
      notices.set(row.id, genuine ? row : 'forged');
      if (!genuine) onBroken('policy_notice');
    }
  }

  return {
    learn(keys, { head, versions: rows, notices: noticeRows }, onBroken) {
      versions = [...versions, ...rows.map((row) => readOrBreak(keys, row, parse, onBroken))];
      believe(keys, noticeRows, onBroken);
      const end = rows.length === 0 ? 'whole' : headOfVersions(keys, head, versions);
      if (end !== 'whole' && versions.every((version) => 'profile' in version)) onBroken('policy_version');
      // The one that is not there may be the one in force.
      torn ||= end === 'missing';
      const given = [...notices.values()].flatMap((row) => (row === 'forged' ? [] : [givenNotice(row)]));
      try {
        turns = turnsOn(versions, given);
      } catch {
        // One is missing: what comes after it is not to be believed.
        if (!torn && versions.every((version) => 'profile' in version)) onBroken('policy_version');
        torn = true;
      }
    },
    policyAt(at) {
      if (torn) throw new VaultError('integrity_failure');
      const reached = current?.number ?? 0;
      const turn = turns.findLast(({ number, from }) => number > reached && from <= at);
      const version = turn && versions.find(({ number }) => number === turn.number);
      if (turn !== undefined && version !== undefined)
        current = 'profile' in version ? policyOf(version, turn.from) : version;
      if (current === undefined || 'profile' in current) return current;
      throw new VaultError('integrity_failure');
    },
  };
}

function readOrBreak(
  keys: MacKeys,
  row: StoredVersionRow,
  parse: typeof parseProfile,
  onBroken: OnBroken,
): PolicyVersion | BrokenVersion {
  try {
    return readVersion(keys, row, parse);
  } catch {
    onBroken('policy_version');
    return { number: row.number, broken: true };
  }
}

function policyOf({ profile, number, label }: PolicyVersion, from: number): Policy {
  return Object.freeze({ ...judgeFor(profile), profile, number, from, label });
}
