import type { CutOffRow } from '../db/tokens.ts';
import { clockMarginMs, maxLifetimeSeconds } from './accessToken.ts';
import type { Caller } from './caller.ts';

/** After this, every token that a cut-off could concern has expired. */
export const cutOffKeptMs = maxLifetimeSeconds * 1000 + clockMarginMs;

interface CutOff {
  readonly disabled: boolean;
  readonly validFrom: number;
}

/** Tokens that were revoked and clients that were cut off, as one process knows them. */
export interface Stopped {
  /** Token id to the moment it expires. */
  readonly tokens: Map<string, number>;
  readonly clients: Map<string, CutOff>;
}

export const nobodyStopped = (): Stopped => ({ tokens: new Map(), clients: new Map() });

/** As a look at `at` finds it. What a row puts off to a later day than any clock says (`infinity`) holds for as long as it stands. */
export const cutOffOf = ({ disabled, validFrom }: CutOffRow, at: number): CutOff => ({
  disabled,
  validFrom: Math.min(validFrom.getTime(), at + clockMarginMs),
});

export function isStopped({ tokens, clients }: Stopped, caller: Caller): boolean {
  if (tokens.has(caller.tokenId)) return true;
  const cut = clients.get(caller.clientId);
  if (cut === undefined) return false;
  // A disabled client gets no new token, so whatever it shows was issued before, whatever its clock said.
  return cut.disabled || caller.issuedAt < cut.validFrom;
}

export function forgetStopped({ tokens, clients }: Stopped, at: number): void {
  for (const [tokenId, expiresAt] of tokens) if (expiresAt <= at) tokens.delete(tokenId);
  for (const [clientId, cut] of clients) if (cut.validFrom + cutOffKeptMs < at) clients.delete(clientId);
}
