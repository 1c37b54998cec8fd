/** What a witness keeps of one log, as signed notes that nobody has believed yet. */
export interface WitnessedLog {
  readonly checkpoint?: string;
  /** The newest piece of the journal. */
  readonly head?: string;
  readonly end?: string;
}

/**
 * Why a witness took nothing: it was not reached, does not know the log, does not trust its key, has seen another size or root
 * (`stale`, with the size), or a tree that this one does not begin with (`inconsistent`); the log has ended; or the answer was none.
 */
export type WitnessRefusal =
  'unreachable' | 'unknown_log' | 'not_trusted' | 'stale' | 'inconsistent' | 'ended' | 'unusable';

export class WitnessFault extends Error {
  readonly code: WitnessRefusal;
  /** Of `stale`: the size that the witness has seen. */
  readonly size: number | undefined;

  constructor(code: WitnessRefusal, size?: number) {
    super(code);
    this.name = 'WitnessFault';
    this.code = code;
    this.size = size;
  }
}

/** A note as its witness keeps it: signed by the log, cosigned by the witness, whose vkey stands beside. */
export interface Cosigned {
  readonly checkpoint: string;
  readonly keys: readonly string[];
}

/** Where the last checkpoint of each log is kept outside the database. All calls throw `WitnessFault`. */
export interface Witness {
  /** Undefined for a log that is not known there. */
  readonly read: (origin: string) => Promise<WitnessedLog | undefined>;
  /** Pieces of the journal, oldest first, from the first one that tells of a leaf at or after this index; a page of them. */
  readonly journal: (origin: string, after: number) => Promise<readonly string[]>;
  /** The cosignatures' lines. */
  readonly addCheckpoint: (oldSize: number, proof: readonly Buffer[], note: string) => Promise<string>;
  readonly addJournal: (note: string) => Promise<void>;
  readonly endLog: (note: string) => Promise<void>;
}

/** How this process's own posts stand. */
export interface WitnessState {
  /** `none`: nothing was to be posted by this process yet. */
  readonly code: 'none' | 'ok' | WitnessRefusal;
  /** When something was last cosigned or taken. Milliseconds since the epoch. */
  readonly at: number | undefined;
}
