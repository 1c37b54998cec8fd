import type { GlassFacts, GlassRow } from '../db/breakGlass.ts';
import type { TenantKeys } from './keyring.ts';
import { macOf } from './rowMac.ts';
import { openWords, sealWords, type WordsKey } from './sealedWords.ts';
import { timeView } from './shownTime.ts';

/** What is said of it in words: why it was opened, and what the review found. */
export type GlassWords = 'reason' | 'finding';

const place = (recordId: string, field: GlassWords) => ({ kind: 'grant', recordId, field }) as const;

export const signedGlass = (keys: TenantKeys, row: Omit<GlassRow, 'mac'>): GlassRow => ({
  ...row,
  mac: macOf(keys, 'break_glass', row),
});

export function sealGlass(keys: TenantKeys, customer: WordsKey, id: string, what: GlassWords, text: string): Buffer {
  return sealWords(keys, customer, place(id, what), text);
}

/** Undefined where nothing was said, or what was said has gone with the person. */
export function openGlassWords(keys: TenantKeys, customer: WordsKey | undefined, row: GlassRow, what: GlassWords) {
  return openWords(keys, customer, place(row.id, what), row[what]);
}

export function viewGlass(row: GlassFacts) {
  const { id, customerId, openedBy, openedActor, openedAt, closesAt, reviewDue, reviewedBy, reviewedActor, outcome } =
    row;
  return {
    id,
    customerId,
    opened: { clientId: openedBy, actor: openedActor, ...timeView('at', openedAt) },
    ...timeView('closesAt', closesAt),
    ...timeView('reviewDue', reviewDue),
    ...(row.reviewedAt === null
      ? {}
      : {
          review: { outcome, clientId: reviewedBy, actor: reviewedActor, ...timeView('at', row.reviewedAt) },
        }),
  };
}
