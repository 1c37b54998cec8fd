import { emailKey } from '../formats/email.ts';
import type { Channel } from '../policy/profile.ts';
import { channelFields } from '../policy/sendThrough.ts';
import { VaultError } from '../errors.ts';
import { labels, placeFields, type CustomerHeader } from './customerSeal.ts';
import type { TenantKeys } from './keyring.ts';
import { forResealing, headerOf, openRecord, type OpenRecord, type StoredRecord, type Value } from './record.ts';
import { originOf, submissionsOf, type Submission } from './submission.ts';

/** By what a contact point reaches somebody; the item of the policy that it is. */
export type PointField = 'email' | 'mobile' | 'landline' | 'address';

/** An official way to reach a customer. */
export interface ContactPoint {
  /** Of the phone or the address; there is one e-mail address. */
  readonly id: string;
  readonly field: PointField;
  /** One of each field. */
  readonly primary: boolean;
  /** Where its values stand in the record; the first is the one that it is known by. */
  readonly labels: readonly [string, ...string[]];
}

export const emailPoint = 'email';

/** The official contact points of a record, each field's primary one first. Opens no value. */
export function pointsOf(header: CustomerHeader): readonly ContactPoint[] {
  const phones = (field: 'mobile' | 'landline'): ContactPoint[] =>
    header.phones
      .filter(({ kind }) => kind === field)
      .toSorted((a, b) => Number(b.primary) - Number(a.primary))
      .map(({ id, primary, extension }) => ({
        id,
        field,
        primary,
        labels: [labels.phone(id), ...(extension ? [labels.extension(id)] : [])],
      }));
  const places = header.addresses.flatMap((place, i): ContactPoint[] => {
    const [first, ...rest] = placeFields.filter((field) => place[field] !== undefined);
    if (first === undefined) return [];
    const at = (field: typeof first) => labels.place(place.id, field);
    return [{ id: place.id, field: 'address', primary: i === 0, labels: [at(first), ...rest.map(at)] }];
  });
  const email: ContactPoint[] =
    header.fields.email === undefined ? [] : [{ id: emailPoint, field: 'email', primary: true, labels: ['email'] }];
  return [...email, ...phones('mobile'), ...phones('landline'), ...places];
}

/** All that a point is made of, for work inside the vault: to be compared, hashed, sent to. */
export function valueOf(record: OpenRecord, point: ContactPoint): Value {
  const values = point.labels.map((label) => forResealing(record.value(label)));
  return point.field === 'address' ? values : (values[0] ?? null);
}

/** By which messages go to it; undefined where none do. */
export function channelOf({ field }: ContactPoint): Channel | undefined {
  return (['sms', 'email'] as const).find((channel) => channelFields[channel] === field);
}

/** What a point is bound by: the same for the same value of the same field, and no way back to it (32 bytes). */
export function pointHash(keys: Pick<TenantKeys, 'hash'>, { field }: ContactPoint, value: Value): Buffer {
  return keys.hash('contact point', field, JSON.stringify(value));
}

/** The newest writing that brought a part of it. */
export function submissionOfPoint(
  header: CustomerHeader,
  row: { readonly version: number; readonly source: string; readonly createdAt: Date },
  point: ContactPoint,
): Submission {
  const submissions = submissionsOf(header, row);
  const [first, ...rest] = point.labels.map((label) => originOf(submissions, header, label));
  return rest.reduce((newest, one) => (one.version > newest.version ? one : newest), first ?? submissions[0]);
}

/** Where a customer can be reached. For work inside the vault; no answer is made of it. */
export interface ContactPoints {
  /** The official one of each channel comes first: the primary mobile, the e-mail address. */
  readonly points: Readonly<Record<Channel, readonly string[]>>;
  /** Bought without an account. */
  readonly guest: boolean;
}

export function contactPointsOf(keys: TenantKeys, stored: StoredRecord): ContactPoints {
  const record = openRecord(keys, 'customer', stored);
  const header = headerOf<CustomerHeader>(record);
  const points = pointsOf(header);
  const valuesFor = (field: PointField): string[] =>
    points.filter((point) => point.field === field).map((point) => textOf(valueOf(record, point)));
  return { points: { sms: valuesFor('mobile'), email: valuesFor('email') }, guest: header.guest === true };
}

function textOf(value: Value): string {
  if (typeof value !== 'string') throw new VaultError('integrity_failure');
  return value;
}

/** By which a contact point is known on the suppression list: its keyed hash (32 bytes), the same for every spelling. */
export function contactHash(keys: Pick<TenantKeys, 'hash'>, channel: Channel, point: string): Buffer {
  return keys.hash('suppression', channel, channel === 'email' ? emailKey(point) : point);
}
