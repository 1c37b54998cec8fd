import { openCheckpoint } from '../crypto/checkpoint.ts';
import { parseVkey } from '../crypto/signedNote.ts';
import { UsageFault, type Arguments } from './command.ts';
import { heldCheckpoint } from './logTrust.ts';

/**
 * `--witness-key`: each of these witnesses has to have seen the checkpoint that is held (C2SP tlog-cosignature), so that whoever has the
 * log's own key cannot have signed it for this reader alone. Throws `UsageFault`.
 */
export async function refuseUnwitnessed(args: Arguments): Promise<void> {
  const texts = args.list('witness-key');
  if (texts.length === 0) return;
  const keys = texts.map((text) => {
    const key = parseVkey(text);
    if (key?.kind !== 'cosignature') throw new UsageFault('--witness-key is no vkey of a witness');
    return key;
  });
  const note = await heldCheckpoint(args.text('checkpoint'));
  if (note === undefined) throw new UsageFault('--witness-key goes with --checkpoint');
  const missing = keys.find((key) => openCheckpoint(note, [key]) === undefined);
  if (missing !== undefined) throw new UsageFault(`--checkpoint is not cosigned by ${missing.name}`);
}
