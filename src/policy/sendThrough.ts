import { isDeclared } from './items.ts';
import type { Channel, Field, Party, Profile, Telling } from './profile.ts';
import { columnOf, type Reader } from './reader.ts';

/** Which item a channel goes to. */
export const channelFields = { sms: 'mobile', email: 'email' } as const satisfies Readonly<Record<Channel, Field>>;

/**
 * May this reader have the vault send a message of this purpose by this channel, seeing nothing? The purpose has to be the
 * policy's and the reader's department's, and the contact point has to have been collected for it.
 */
export function maySendThrough(
  profile: Profile,
  who: Reader,
  purpose: string,
  party: Party,
  channel: Channel,
): boolean {
  const column = columnOf(profile, who);
  if (column === undefined || profile.departments[column]?.purposes.includes(purpose) !== true) return false;
  return mayBeUsed(profile, purpose, party, channel);
}

/** May the vault tell this party of something by itself, by this channel? What the policy does not name is not told. */
export function mayTell(profile: Profile, telling: Telling, party: Party, channel: Channel): boolean {
  const rule = profile.tells?.[telling];
  if (rule === undefined || !rule.channels.includes(channel)) return false;
  return mayBeUsed(profile, rule.purpose, party, channel);
}

/** The item behind the channel; the alternate recipient has a phone and no e-mail address. */
export function contactField(party: Party, channel: Channel): Field | undefined {
  if (party !== 'recipient') return channelFields[channel];
  return channel === 'sms' ? 'recipientPhone' : undefined;
}

function mayBeUsed(profile: Profile, purpose: string, party: Party, channel: Channel): boolean {
  if (!Object.hasOwn(profile.purposes, purpose) || profile.purposes[purpose]?.values === 'none') return false;
  const item = contactField(party, channel);
  return (
    item !== undefined &&
    isDeclared(profile, party, item) &&
    profile.items[party][item]?.purposes.includes(purpose) === true
  );
}
