import type { Channel } from '../policy/profile.ts';
import { emailKey } from '../formats/email.ts';
import { labels, type CustomerHeader } from './customerSeal.ts';
import type { TenantKeys } from './keyring.ts';
import { forResealing, headerOf, openRecord, type StoredRecord } from './record.ts';
import { VaultError } from '../errors.ts';

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
  const valueAt = (label: string): string => {
    const value = forResealing(record.value(label));
    if (typeof value !== 'string') throw new VaultError('integrity_failure');
    return value;
  };
  const mobiles = header.phones.filter(({ kind }) => kind === 'mobile');
  const ordered = [...mobiles.filter(({ primary }) => primary), ...mobiles.filter(({ primary }) => !primary)];
  return {
    points: {
      sms: ordered.map(({ id }) => valueAt(labels.phone(id))),
      email: header.fields.email === undefined ? [] : [valueAt('email')],
    },
    guest: header.guest === true,
  };
}

/** By which a contact point is known on the suppression list: its keyed hash (32 bytes), the same for every spelling. */
export function contactHash(keys: Pick<TenantKeys, 'hash'>, channel: Channel, point: string): Buffer {
  return keys.hash('suppression', channel, channel === 'email' ? emailKey(point) : point);
}
