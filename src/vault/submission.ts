import { digestOf } from '../crypto/digest.ts';
import { refuse, VaultError, type Fault } from '../errors.ts';
import type { ConsentMethod, Profile } from '../policy/profile.ts';
import type { Doer } from './caller.ts';
import type { Policy } from './watch.ts';

export type Source = keyof Profile['sources'];

/** The person's word that what they gave is true (E3): which sentence, how it was said, and when. */
export interface Attestation {
  /** SHA-256 of the sentence in Persian, as the policy gives it out. Lower-case hex. */
  readonly textSha256: string;
  readonly method: ConsentMethod;
  /** RFC 3339. */
  readonly at: string;
}

export interface AttestationInput extends Omit<Attestation, 'at'> {
  /** Now when undefined. */
  readonly at?: Date | undefined;
}

/** How what is sent came, and whether the person stands by it. */
export interface Submitted {
  readonly source: Source;
  readonly attestation?: AttestationInput | undefined;
}

/** One writing of a record: sealed in its header for as long as a value of it stands. */
export interface Submission {
  /** The record's version that it made. */
  readonly version: number;
  readonly source: Source;
  /** RFC 3339. */
  readonly at: string;
  /** Absent of a record that was written before this was kept. */
  readonly by?: { readonly clientId: string; readonly role: string; readonly actor?: string };
  readonly attestation?: Attestation;
}

/** Where the values of a record come from. */
export interface Origins {
  /** Those that a value rests on, and the newest; oldest first. */
  readonly submissions?: readonly Submission[];
  /** The version that brought a value, by its label; the newest submission brought what is not here. */
  readonly from?: Readonly<Record<string, number>>;
}

/** Clocks of a shop's systems may be ahead by so much. Milliseconds. */
const aheadMs = 5 * 60 * 1000;

/** Throws at its place when the sentence is not the one in force, and when the policy demands one that is missing. */
export function submissionOf(
  { profile }: Policy,
  { clientId, role, actor }: Doer,
  { source, attestation }: Submitted,
  at: Date,
): Omit<Submission, 'version'> {
  const by = { clientId, role, ...(actor === undefined ? {} : { actor }) };
  const made = { source, at: at.toISOString(), by };
  if (attestation === undefined) {
    if (profile.attestation.required === true) throw refuse('field_required', '/attestation');
    return made;
  }
  const { textSha256, method, at: said = at } = attestation;
  if (textSha256 !== attestationDigest(profile).toString('hex'))
    throw refuse('invalid_body', '/attestation/textSha256', 'not_in_force');
  if (!profile.acceptance.methods.includes(method)) throw refuse('invalid_body', '/attestation/method', 'not_declared');
  if (said.getTime() > at.getTime() + aheadMs) throw refuse('invalid_body', '/attestation/at', 'in_future');
  if (!profile.attestation.storedWithSubmission) return made;
  return { ...made, attestation: { textSha256, method, at: said.toISOString() } };
}

/** Of the sentence as the person was shown it, in Persian. */
export function attestationDigest({ attestation }: Pick<Profile, 'attestation'>): Buffer {
  return digestOf(Buffer.from(attestation.text.fa));
}

/** A record that was written before submissions were kept tells by its row how it came. */
export function submissionsOf(
  { submissions }: Origins,
  row: { readonly version: number; readonly source: string; readonly createdAt: Date },
): readonly [Submission, ...Submission[]] {
  const [first, ...rest] = submissions ?? [];
  if (first !== undefined) return [first, ...rest];
  return [{ version: row.version, source: row.source as Source, at: row.createdAt.toISOString() }];
}

/** Which submission brought a value. */
export function originOf(
  submissions: readonly [Submission, ...Submission[]],
  { from }: Origins,
  label: string,
): Submission {
  const version = from?.[label];
  const newest = submissions.at(-1) ?? submissions[0];
  return version === undefined ? newest : (submissions.find((one) => one.version === version) ?? newest);
}

/** Does the published text speak of data that come this way (E1)? What it does not name it does not cover. */
export function isCovered({ sources }: Pick<Profile, 'sources'>, source: Source): boolean {
  return sources[source].covered;
}

/** Told to whoever sends it: the data are taken, and the published text does not speak of them. */
export function uncovered({ profile }: Policy, source: Source): readonly Fault[] {
  return isCovered(profile, source) ? [] : [{ pointer: '/source', code: 'source_not_covered' }];
}

/** What a writing leaves: the values that it did not change keep the submission they came by. */
export function originsAfter(
  before: Origins & { readonly submissions: readonly [Submission, ...Submission[]] },
  submission: Submission,
  unchanged: readonly string[],
): Origins {
  const from = Object.fromEntries(
    unchanged.map((label) => [label, originOf(before.submissions, before, label).version]),
  );
  const rested = new Set(Object.values(from));
  const submissions = [...before.submissions.filter(({ version }) => rested.has(version)), submission];
  return unchanged.length === 0 ? { submissions } : { submissions, from };
}

/** The ways in which the values of a record, so many, came. Throws `integrity_failure` when the row tells another than was sealed. */
export function sourcesIn(
  values: number,
  origins: Origins,
  row: { readonly version: number; readonly source: string; readonly createdAt: Date },
): readonly Source[] {
  const submissions = submissionsOf(origins, row);
  const newest = submissions.at(-1) ?? submissions[0];
  if (newest.source !== row.source) throw new VaultError('integrity_failure');
  const older = new Set(Object.values(origins.from ?? {}));
  // A newest submission that brought no value covers none.
  const fresh = values > Object.keys(origins.from ?? {}).length;
  return submissions.filter((one) => (one === newest ? fresh : older.has(one.version))).map(({ source }) => source);
}
