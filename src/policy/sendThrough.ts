import { isDeclared } from './items.ts';
import type { Channel, Field, Party, Profile } from './profile.ts';
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
  if (column === undefined || !Object.hasOwn(profile.purposes, purpose)) return false;
  if (profile.purposes[purpose]?.values === 'none') return false;
  const department = profile.departments[column];
  const item = channelFields[channel];
  return (
    department?.purposes.includes(purpose) === true &&
    isDeclared(profile, party, item) &&
    profile.items[party][item]?.purposes.includes(purpose) === true
  );
}
