import type { Role } from '../policy/profile.ts';
import type { Scope } from './permit.ts';

declare const authenticated: unique symbol;

/**
 * Who is asking, as a verified access token says. Every vault function takes one, and only `authenticate` in
 * accessToken.ts makes one, so that a call without authentication does not compile.
 */
export interface Caller {
  readonly [authenticated]: true;
  readonly tenantId: string;
  readonly clientId: string;
  readonly role: Role;
  readonly scopes: ReadonlySet<Scope>;
  /** The staff member's opaque id the client acts for (`act.sub`). */
  readonly actor: string | undefined;
  readonly department: string | undefined;
  readonly carrierProfile: string | undefined;
  /** For the data subject's own token: the one customer it is narrowed to. */
  readonly subjectId: string | undefined;
  /** The token's `jti`. */
  readonly tokenId: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Whom a leaf names: a caller, or a client that has authenticated and asks for, or gives back, a token. */
export type Doer = Pick<Caller, 'tenantId' | 'clientId' | 'role' | 'actor'> & Partial<Pick<Caller, 'tokenId'>>;

/** Only accessToken.ts calls this, with claims whose signature and time it has verified. */
export function callerOf(claims: Omit<Caller, typeof authenticated>): Caller {
  return Object.freeze(claims) as Caller;
}
