import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { longestLine } from '../vault/logBundle.ts';
import { UsageFault } from './command.ts';

const lineFeed = 0x0a;
/** Written at once, at least. */
const bufferLength = 1 << 18;

/**
 * The lines of a bundle without their line feeds, and how much of the file they are. What has no line feed at its end is no line; of
 * one that is too long to be any, so much that it is seen to be none.
 */
export async function* bundleLines(path: string, onShare: (share: number) => void): AsyncGenerator<string> {
  const length = await lengthOf(path);
  let [rest, read]: [Buffer, number] = [Buffer.alloc(0), 0];
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    read += piece.length;
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let from = 0;
    for (let end = rest.indexOf(lineFeed); end >= 0; end = rest.indexOf(lineFeed, from)) {
      yield rest.toString('utf8', from, end);
      from = end + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > longestLine) {
      yield rest.toString('utf8', 0, longestLine);
      return;
    }
    onShare(read / length);
  }
}

async function lengthOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) throw new UsageFault(`${path} is no file that can be read`);
  return Math.max(1, found.size);
}

/**
 * Writes a file that is there whole or not at all, for its owner's eyes: under another name first, on disk before it gets its own.
 * It gets it where `work` returns true. Throws `UsageFault` where a file of either name is there, or none can be made.
 */
export async function writeWhole(
  path: string,
  work: (write: (text: string) => Promise<void>) => Promise<boolean>,
): Promise<void> {
  const draft = `${path}.new`;
  if ((await stat(path).catch(() => undefined)) !== undefined) throw new UsageFault(`${path} is there already`);
  const handle = await open(draft, 'wx', 0o600).catch(() => {
    throw new UsageFault(`${draft} cannot be made: is it there already, or its folder not?`);
  });
  let whole = false;
  try {
    let waiting = '';
    whole = await work(async (text) => {
      waiting += text;
      if (waiting.length < bufferLength) return;
      await handle.appendFile(waiting);
      waiting = '';
    });
    await handle.appendFile(waiting);
    await handle.sync();
  } finally {
    await handle.close();
    if (!whole) await rm(draft, { force: true });
  }
  if (whole) await rename(draft, path);
}
