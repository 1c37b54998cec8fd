import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The bytes of the first root key in a keys folder: what must be found nowhere else. */
export function rootKeyBytes(keysFolder: string): Buffer {
  return Buffer.from(readFileSync(join(keysFolder, 'root-1.key'), 'utf8').split(' ')[1] ?? '', 'base64');
}
