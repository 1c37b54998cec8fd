import type { PolicyNoticeRow } from '../db/policies.ts';
import { checkProfile } from '../policy/check.ts';
import type { Profile } from '../policy/profile.ts';
import type { ArchivedVersion, PolicyHistory } from './policyArchive.ts';
import { findingView } from './policyPublication.ts';
import { readableChanges } from './policyReading.ts';
import { standingOf } from './policyStatus.ts';
import { timeView } from './shownTime.ts';
import { attestationDigest } from './submission.ts';
import { jalaliOf } from './tehranDay.ts';

/** For whom a version is shown: what members of staff did is the officer's to see. */
export type PolicyAudience = 'public' | 'officer';

/** A version in a list. */
export function listedPolicy(history: PolicyHistory, version: ArchivedVersion, at: number) {
  const { number, label, profile, row, material } = version;
  return {
    number,
    policyVersion: label,
    title: profile.title,
    controller: profile.controller,
    versionDate: profile.version.date,
    versionDateJalali: jalaliOf(profile.version.date),
    validFrom: profile.version.effectiveFrom,
    validFromJalali: jalaliOf(profile.version.effectiveFrom),
    ...timeView('publishedAt', row.publishedAt),
    ...timeView('effectiveFrom', row.effectiveFrom),
    ...standingOf(history, version, at),
    material,
    sha256: row.sourceSha256.toString('hex'),
  };
}

/** A version whole: its text, what it rests on, who was told, what contradicts itself, and what changed. */
export function wholePolicy(history: PolicyHistory, version: ArchivedVersion, at: number, audience: PolicyAudience) {
  const { profile, row, number } = version;
  const before = history.versions.find((one) => one.number === number - 1);
  const officer = audience === 'officer';
  return {
    ...listedPolicy(history, version, at),
    ...(officer && row.publishedBy !== null ? { publishedBy: personView(row.publishedBy, row.publishedActor) } : {}),
    contact: { email: profile.contact.email, phone: profile.contact.phone },
    legalBasis: basisView(profile),
    attestation: { text: profile.attestation.text, sha256: attestationDigest(profile).toString('hex') },
    notices: noticesOf(history, number).map((notice) => noticeView(notice, officer)),
    ...(officer ? { findings: checkProfile(profile).map(findingView) } : {}),
    ...(before === undefined
      ? {}
      : { since: before.number, changes: readableChanges(before.profile, version.profile) }),
    text: row.source,
  };
}

/** The statutes that a policy's rules rest on or are read with. */
export function basisView({ legalBasis }: Pick<Profile, 'legalBasis'>) {
  return legalBasis.map(({ instrument, articles, date, about, number }) => ({
    instrument,
    articles,
    ...(number === undefined ? {} : { number }),
    date,
    dateJalali: jalaliOf(date),
    about,
  }));
}

export function noticesOf({ notices }: Pick<PolicyHistory, 'notices'>, number: number): readonly PolicyNoticeRow[] {
  return notices.filter((notice) => notice.number === number);
}

function noticeView(
  { channel, givenAt, audience, recordedAt, recordedBy, recordedActor }: PolicyNoticeRow,
  officer: boolean,
) {
  return {
    channel,
    ...timeView('givenAt', givenAt),
    ...(officer
      ? {
          ...timeView('recordedAt', recordedAt),
          recordedBy: personView(recordedBy, recordedActor),
          ...(audience === null ? {} : { audience }),
        }
      : {}),
  };
}

function personView(clientId: string, actor: string | null) {
  return { clientId, ...(actor === null ? {} : { actor }) };
}
