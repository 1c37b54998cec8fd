import { readFile } from 'node:fs/promises';
import { checkpointKey, isOriginOf, openCheckpointOf, parseCheckpointText } from '../crypto/checkpoint.ts';
import { parseVkey, type VerifierKey } from '../crypto/signedNote.ts';
import type { KeyFolder } from '../keys/folder.ts';
import { parseId } from '../vault/ids.ts';
import type { LogTrust } from '../vault/logCheck.ts';
import { UsageFault, type Arguments } from './command.ts';

/** The keys of a keys folder, which sign or signed for every tenant, as those of one tenant's log. */
export function folderKeys(
  { checkpoint, formerCheckpoint }: Pick<KeyFolder, 'checkpoint' | 'formerCheckpoint'>,
  tenantId: string,
): readonly VerifierKey[] {
  return [
    ...checkpoint.map(({ publicKey }) => checkpointKey(tenantId, publicKey)),
    ...formerCheckpoint.map(({ publicKey }) => ({ ...checkpointKey(tenantId, publicKey), former: true as const })),
  ];
}

/** The vkeys of `--key`. Throws `UsageFault` unless there is one, and each is a log's. */
export function givenKeys(args: Arguments): readonly VerifierKey[] {
  const texts = args.list('key');
  if (texts.length === 0) throw new UsageFault("give the log's public key: --key VKEY");
  return texts.map((text) => {
    const key = parseVkey(text);
    if (key?.kind !== 'ed25519') throw new UsageFault('--key is no vkey of a log: amanat/<tenant>+<id>+<key>');
    return key;
  });
}

/** The one tenant whose log these keys sign. */
export function tenantOfKeys(keys: readonly VerifierKey[]): string {
  const [name = '', ...others] = new Set(keys.map((key) => key.name));
  const tenantId = parseId(name.split('/')[1] ?? '');
  if (others.length > 0 || tenantId === undefined || !isOriginOf(tenantId, name))
    throw new UsageFault('every --key must be of the one log, amanat/<tenant>');
  return tenantId;
}

/** The text of a checkpoint that was held from before. */
export async function heldCheckpoint(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const note = await readFile(path, 'utf8').catch(() => '');
  if (parseCheckpointText(note.slice(0, note.lastIndexOf('\n\n') + 1)) === undefined)
    throw new UsageFault(`${path} is no file with a checkpoint`);
  return note;
}

/** What a tenant's log is held against: with the checkpoint where it is of this log and signed by one of these keys. */
export function trustIn(tenantId: string, keys: readonly VerifierKey[], note: string | undefined): LogTrust {
  return { tenantId, keys, held: note === undefined ? undefined : openCheckpointOf(tenantId, note, keys) };
}
