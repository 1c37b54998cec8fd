import { describe, expect, test } from 'vitest';
import { checkpointKey, signCheckpoint } from '../../../src/crypto/checkpoint.ts';
import { checkLog } from '../../../src/vault/logCheck.ts';
import { newKeyPair } from '../../support/keyPair.ts';

/** Checkpoints of a log whose signing key turns over, as `amanat audit verify` meets them. */

const tenantId = '01929292-9292-7292-9292-929292929292';
const pairs = { A: newKeyPair('ed25519'), B: newKeyPair('ed25519'), C: newKeyPair('ed25519') };
type Name = keyof typeof pairs;
/** As the vault lists them: the newest first. */
const keys = (['C', 'B', 'A'] as const).map((name) => checkpointKey(tenantId, pairs[name].publicKey));
const signerOf = (name: Name) => ({
  key: checkpointKey(tenantId, pairs[name].publicKey),
  privateKey: pairs[name].privateKey,
});

/** One leaf for each checkpoint, signed by these; what is refused, and at which. */
function refused(signed: readonly string[]): string | undefined {
  const log = checkLog({ tenantId, keys, held: undefined });
  for (const [i, names] of signed.entries()) {
    log.append(Buffer.alloc(32, i + 1));
    const [first, ...more] = names.split('').map((name) => signerOf(name as Name));
    const note = signCheckpoint(log.head(), first ?? expect.fail('unsigned'), ...more);
    const breach = log.checkpoint(note);
    if (breach !== undefined) return `${breach.code} ${breach.id}`;
  }
  return undefined;
}

describe('a checkpoint by a key that had ceased to sign', () => {
  test.each([
    ['A', 'AB', 'B', 'A'],
    ['A', 'B', 'B', 'A'],
    ['A', 'AB', 'BC', 'A'],
    ['AB', 'AB', 'B', 'A'],
    ['A', 'AB', 'C', 'AB'],
  ])('is none: %s %s %s %s', (...signed) => expect(refused(signed)).toBe('checkpoint_signature 4'));

  test('control: the same tree with the signature of a key that signs', () => {
    for (const last of ['B', 'AB', 'BC']) expect(refused(['A', 'AB', 'B', last]), last).toBeUndefined();
  });

  // One process after the other is restarted, and whoever leads signs with what it has.
  test.each([
    [['A', 'AB', 'A', 'AB', 'B', 'AB', 'B']],
    [['A', 'AB', 'A', 'B']],
    [['AB', 'A', 'AB', 'B']],
    [['A', 'B', 'C']],
  ])('while the processes get the next key one after the other, each of them signs: %j', (signed) =>
    expect(refused(signed)).toBeUndefined(),
  );
});
