import { openCheckpoint } from '../crypto/checkpoint.ts';
import { vkeyOf, type VerifierKey } from '../crypto/signedNote.ts';
import { logKeys } from './epochs.ts';
import type { Vault } from './vault.ts';
import type { Cosigned, Witness } from './witness.ts';

/** What is asked of the witness for readers is asked so often at most. Milliseconds. */
const repeatMs = 5_000;
const patienceMs = 1_000;

/**
 * The last checkpoint as the witness keeps it, for whoever wants to see that somebody else has seen the log. Given out only where both
 * signatures verify; a witness that does not answer has nothing to show, and keeps no reader waiting for the log's own.
 */
export function openCosigned(
  { witness, cosigner, now }: { readonly witness: Witness; readonly cosigner: VerifierKey; readonly now: () => number },
  keys: () => Pick<Vault['keys'], 'checkpoint' | 'formerCheckpoint'> | undefined,
): Vault['cosigned'] {
  const looks = new Map<string, { readonly at: number; readonly found: Promise<Cosigned | undefined> }>();
  const look = async (origin: string): Promise<Cosigned | undefined> => {
    const { checkpoint } = (await witness.read(origin)) ?? {};
    const own = keys();
    if (checkpoint === undefined || own === undefined) return undefined;
    const opened = openCheckpoint(checkpoint, [...logKeys(own, origin), cosigner]);
    const kinds = new Set(opened?.signatures.map(({ key }) => key.kind));
    const both = opened?.origin === origin && kinds.has('ed25519') && kinds.has('cosignature');
    return both ? { checkpoint, keys: [vkeyOf(cosigner)] } : undefined;
  };
  return (origin) => {
    const last = looks.get(origin);
    if (last !== undefined && now() - last.at < repeatMs) return last.found;
    const found = withinPatience(look(origin).catch(() => undefined));
    looks.set(origin, { at: now(), found });
    return found;
  };
}

function withinPatience<T>(work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), patienceMs).unref();
    void work.then(resolve).finally(() => clearTimeout(timer));
  });
}
