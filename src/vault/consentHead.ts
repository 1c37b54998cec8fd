import { canonicalJson } from '../crypto/canonicalJson.ts';
import { findSuppressions, selectConsentHead, type ConsentHead, type SuppressionRow } from '../db/consents.ts';
import { VaultError } from '../errors.ts';
import { consentAsked, opensSending, type ConsentState } from '../policy/consent.ts';
import type { Channel, Profile } from '../policy/profile.ts';
import { load } from './act.ts';
import { contactHash, type ContactPoints } from './contactPoints.ts';
import type { TenantKeys } from './keyring.ts';
import { checkMac, macOf } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** Where one purpose and channel stands, and since when. */
export interface Standing {
  readonly state: ConsentState;
  /** RFC 3339. */
  readonly at: string;
}

/** By `purpose/channel`; what is not there was never spoken of. */
export type Standings = Readonly<Record<string, Standing>>;

export interface Head {
  /** Events so far. */
  readonly number: number;
  readonly standings: Standings;
}

export const standingKey = (purpose: string, channel: Channel): string => `${purpose}/${channel}`;

/**
 * How a customer's consents stand now; asked of the database every time, so that an opt-out holds in every process at once.
 * Throws `integrity_failure` for a head that is not the vault's own, or is not the newest.
 */
export async function headOf(vault: Vault, keys: TenantKeys, customerId: string): Promise<Head> {
  const [[found]] = await load(vault, keys.tenantId, [selectConsentHead(keys.tenantId, customerId)]);
  if (found === undefined) throw new VaultError('internal');
  const { number, states, mac, last } = found;
  if (number === null || states === null || mac === null) {
    if (last !== null) throw new VaultError('integrity_failure');
    return { number: 0, standings: {} };
  }
  checkMac(keys, 'consent_heads', { customerId, number, states, mac });
  if (last !== number) throw new VaultError('integrity_failure');
  return { number, standings: JSON.parse(states) as Standings };
}

export function signedHead(keys: TenantKeys, customerId: string, { number, standings }: Head): ConsentHead {
  const row = { customerId, number, states: canonicalJson(standings) };
  return { ...row, mac: macOf(keys, 'consent_heads', row) };
}

/** Is every contact point that would be used free of suppression? Answers the suppressed ones, as `purpose/channel`. */
export async function suppressedAt(
  vault: Vault,
  keys: TenantKeys,
  purposes: readonly string[],
  channels: readonly Channel[],
  { points }: ContactPoints,
): Promise<ReadonlySet<string>> {
  const asked: SuppressionRow[] = channels.flatMap((channel) =>
    points[channel]
      .slice(0, 1)
      .flatMap((point) =>
        purposes.map((purpose) => ({ purpose, channel, contact: contactHash(keys, channel, point) })),
      ),
  );
  if (asked.length === 0) return new Set();
  const [found] = await load(vault, keys.tenantId, [findSuppressions(keys.tenantId, asked)]);
  return new Set(found.map(({ purpose, channel }) => `${purpose}/${channel}`));
}

/** May a message of this purpose go to this customer by this channel, as things stand? */
export function sends(
  profile: Profile,
  purpose: string,
  channel: Channel,
  { guest, standings, suppressed }: { guest: boolean; standings: Standings; suppressed: ReadonlySet<string> },
): boolean {
  const asked = consentAsked(profile, purpose);
  if (asked === undefined) return true;
  if (asked === 'required' && guest) return false;
  const key = standingKey(purpose, channel);
  return opensSending(profile, purpose, channel, standings[key]?.state ?? 'none') && !suppressed.has(key);
}
