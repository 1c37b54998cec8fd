import type { PolicyNoticeRow, StoredVersionRow } from '../db/policies.ts';
import { VaultError } from '../errors.ts';
import { turnsOf, type DatedVersion, type GivenNotice, type Turn } from '../policy/inForce.ts';
import { parseProfile, type Profile } from '../policy/profile.ts';
import { checkMac, type MacKeys } from './rowMac.ts';

/** A published version, believed by its MACs. */
export interface PolicyVersion extends DatedVersion {
  readonly profile: Profile;
  /** Names the version in answers and in the audit: `kalak/1`. */
  readonly label: string;
  /** It is known to have taken effect, since when, and the grants it forbids are closed. */
  readonly change: Turn | undefined;
}

/** A version that cannot be read, or was not published here. */
export interface BrokenVersion {
  readonly number: number;
  readonly broken: true;
}

/** Throws `integrity_failure` for a version that was not published here, or not like this. */
export function readVersion(keys: MacKeys, row: StoredVersionRow, parse = parseProfile): PolicyVersion {
  checkMac(keys, 'policy_versions', row);
  const { number, material, publishedBy, publishedActor, publicationMac } = row;
  if (publicationMac !== null) {
    if (material === null || publishedBy === null) throw new VaultError('integrity_failure');
    checkMac(keys, 'policy_publications', { number, material, publishedBy, publishedActor, mac: publicationMac });
  }
  const profile = parse(row.source);
  if (profile.id !== row.profile) throw new VaultError('integrity_failure');
  return Object.freeze({
    number,
    effectiveFrom: row.effectiveFrom.getTime(),
    // Whoever takes the publication away wins nothing by it.
    material: publicationMac === null || material === true,
    notice: profile.notice,
    profile,
    label: `${profile.id}/${number}`,
    change: changeOf(keys, row),
  });
}

function changeOf(keys: MacKeys, { number, inForceFrom, sweptAt, changeMac }: StoredVersionRow): Turn | undefined {
  if (changeMac === null) return undefined;
  if (inForceFrom === null || sweptAt === null) throw new VaultError('integrity_failure');
  checkMac(keys, 'policy_changes', { number, inForceFrom, sweptAt, mac: changeMac });
  return { number, from: inForceFrom.getTime() };
}

export function givenNotice({ number, channel, recordedAt }: PolicyNoticeRow): GivenNotice {
  return { number, channel, recordedAt: recordedAt.getTime() };
}

/**
 * Which version is in force from when: what is on record, and what follows from it. `versions` ascending and without a gap,
 * from the tenant's first or from one that is known to have taken effect. Throws `integrity_failure` otherwise.
 */
export function turnsOn(
  versions: readonly (PolicyVersion | BrokenVersion)[],
  notices: readonly GivenNotice[],
): readonly Turn[] {
  const [first] = versions;
  const begins = first !== undefined && (first.number === 1 || changeIn(first) !== undefined);
  if (!begins || versions.some(({ number }, i) => number !== first.number + i))
    throw new VaultError('integrity_failure');
  const dated = versions.map((version) => ('profile' in version ? version : unread(version)));
  const worked = turnsOf(dated, notices, changeIn(first));
  const known = versions.flatMap((version) => changeIn(version) ?? []);
  // What took effect did, whatever has become of the notices that let it.
  if (known.every((turn) => worked.some(({ number }) => number === turn.number))) return worked;
  return [
    ...worked.slice(0, 1),
    ...known.slice(changeIn(first) === undefined ? 0 : 1, -1),
    ...turnsOf(dated, notices, known.at(-1)),
  ];
}

function changeIn(version: PolicyVersion | BrokenVersion): Turn | undefined {
  return 'change' in version ? version.change : undefined;
}

function unread({ number }: BrokenVersion): DatedVersion {
  const notice = {
    requiredBeforeEffect: false,
    onlyIfMaterial: false,
    atLeast: 1,
    channels: nothingCounts,
    clauses: [],
  };
  return { number, effectiveFrom: 0, material: false, notice, unreadable: true };
}

const silent = { title: { fa: '', en: '' }, counts: false, clauses: [] };
const nothingCounts = { site: silent, email: silent, version_date: silent };
