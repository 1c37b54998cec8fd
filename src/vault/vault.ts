import type { Installation } from '../crypto/journal.ts';
import type { KeyPeriods } from '../keyPeriods.ts';
import type { Database } from '../db/database.ts';
import type { KeyFolder } from '../keys/folder.ts';
import type { Senders } from '../sending/sender.ts';
import type { Ceilings } from './ceilings.ts';
import type { DeliveryMemory } from './deliveryMemory.ts';
import type { GrantMemory } from './grantOf.ts';
import type { Keyring } from './keyring.ts';
import type { Peers } from './processes.ts';
import type { Raised } from './raised.ts';
import type { Reads } from './reads.ts';
import type { Seal } from './seal.ts';
import type { Watch } from './watch.ts';
import type { Cosigned, WitnessState } from './witness.ts';
import type { Writes } from './writes.ts';

/** What the domain functions are given: built once in main, read-only, passed first. */
export interface Vault {
  readonly db: Database;
  readonly keys: KeyFolder;
  readonly seal: Seal;
  readonly keyring: Keyring;
  /** The other processes, and which keys they have. */
  readonly peers: Peers;
  /** Policies in force, clients cut off, tokens revoked: at most five seconds old. */
  readonly watch: Watch;
  /** Reads in flight, coalesced with their audit leaves. */
  readonly reads: Reads;
  /** How much more each person may read in full today. */
  readonly ceilings: Ceilings;
  /** Customers being stored and changed, coalesced with their audit leaves. */
  readonly writes: Writes;
  /** What never changes about grants. */
  readonly grants: GrantMemory;
  /** What hardly changes about parcels, by their courier. */
  readonly deliveries: DeliveryMemory;
  /** After how many days keys are to be renewed. */
  readonly keyPeriods: KeyPeriods;
  /** Public URL, the `iss` and `aud` of tokens. */
  readonly issuer: string;
  /** By which channels messages go out; one that is not here was not set up. */
  readonly senders: Senders;
  /** How what is handed to the log's witness by this process stands. */
  readonly witnessState: () => WitnessState;
  /** The last checkpoint of a log with the witness's cosignature on it, a few seconds old; undefined where there is none. */
  readonly cosigned: (origin: string) => Promise<Cosigned | undefined>;
  /** Which of the places that have these keys this is; the journal names it. */
  readonly installation: Installation | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Operational events without data; main connects it to the log. */
  readonly notice: (event: 'audit_unavailable' | 'refusal_unrecorded' | 'integrity_failure', code: string) => void;
  /** Events that were raised and are durable, for the log. */
  readonly announce: (event: 'event_raised' | 'alarm_raised', raised: Raised) => void;
}
