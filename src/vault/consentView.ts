import { VaultError } from '../errors.ts';
import { ledgerPurposes } from '../policy/consent.ts';
import { columnOf } from '../policy/reader.ts';
import type { Caller } from './caller.ts';
import { sends, standingKey, type Standings } from './consentHead.ts';
import type { ContactPoints } from './contactPoints.ts';
import { timeView } from './shownTime.ts';
import type { Policy } from './watch.ts';

/** One line for every purpose and channel of the ledger: how the person stands, and whether a message would go out now. */
export function statesView(
  { profile }: Policy,
  { guest }: ContactPoints,
  standings: Standings,
  suppressed: ReadonlySet<string>,
) {
  return ledgerPurposes(profile).flatMap((purpose) =>
    profile.consent.channels.map((channel) => {
      const standing = standings[standingKey(purpose, channel)];
      return {
        purpose,
        channel,
        state: standing?.state ?? 'none',
        sends: sends(profile, purpose, channel, { guest, standings, suppressed }),
        ...timeView('at', standing === undefined ? null : new Date(standing.at)),
      };
    }),
  );
}

/** Whether the profile in force has the caller's department at all. */
export function requireColumn({ profile }: Policy, caller: Caller): void {
  if (columnOf(profile, caller) === undefined) throw new VaultError('not_permitted');
}
