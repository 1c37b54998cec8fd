import type { Finding } from './finding.ts';
import type { Channel, Profile, Telling } from './profile.ts';
import { parties } from './profile.ts';
import { mayTell } from './sendThrough.ts';

/** A telling by a channel whose item nobody gave for its purpose reaches nobody. */
export function tellingsOutOfReach(profile: Profile): readonly Finding[] {
  const told = Object.entries(profile.tells ?? {}) as [Telling, { readonly channels: readonly Channel[] }][];
  return told.flatMap(([telling, { channels }]) =>
    channels.flatMap((channel, i): readonly Finding[] => {
      if (parties.some((party) => mayTell(profile, telling, party, channel))) return [];
      return [
        {
          severity: 'error',
          code: 'telling_out_of_reach',
          pointer: `/tells/${telling}/channels/${i}`,
          message: `People are to be told (${telling}) by ${channel}, but no contact item is collected for that purpose`,
          messageFa: `پیام ${telling} از راه ${channel} نمی‌رسد: نشانی تماس برای این هدف گرفته نمی‌شود`,
        },
      ];
    }),
  );
}
