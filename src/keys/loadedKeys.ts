import type { KeyFile } from './keyFile.ts';
import { versions } from './keyNames.ts';
import type { KeySource } from './keySource.ts';
import {
  parseCheckpointKey,
  parseExportKey,
  parseFormerCheckpointKey,
  parseFormerExportKey,
  type CheckpointKey,
  type ExportKey,
  type FormerCheckpointKey,
  type FormerExportKey,
} from './signingKey.ts';

/** A key as it was read, and the files that it stands in. */
export interface Loaded<Key> {
  readonly key: Key;
  readonly id: string;
  readonly files: readonly KeyFile[];
}

/** While one is retired it is there twice, as a checkpoint key is: it may sign until its own files are gone. */
export async function loadExports(folder: string, source: KeySource) {
  const exports: Loaded<ExportKey>[] = [];
  const retired: Loaded<FormerExportKey>[] = [];
  for (const n of versions(folder, source.names, 'export')) {
    const kept = `export-${n}.former`;
    if (
      source.names.includes(kept) &&
      !['pem', 'crt'].some((ending) => source.names.includes(`export-${n}.${ending}`))
    ) {
      const file = await source.read(kept);
      const key = parseFormerExportKey(file.path, file.text);
      retired.push({ key, id: key.kid, files: [file] });
    } else {
      const [pem, certificate] = [await source.read(`export-${n}.pem`), await source.read(`export-${n}.crt`)];
      const key = parseExportKey(pem.path, pem.text, certificate.path, certificate.text);
      exports.push({ key, id: key.kid, files: [pem, certificate] });
    }
  }
  return { exports, retired };
}

/** While one is retired it is there twice: it signs until its own file is gone. */
export async function loadCheckpoints(folder: string, source: KeySource) {
  const checkpoints: Loaded<CheckpointKey>[] = [];
  const formers: Loaded<FormerCheckpointKey>[] = [];
  for (const n of versions(folder, source.names, 'checkpoint')) {
    if (source.names.includes(`checkpoint-${n}.pem`)) {
      const file = await source.read(`checkpoint-${n}.pem`);
      const key = parseCheckpointKey(file.path, file.text);
      checkpoints.push({ key, id: key.kid, files: [file] });
    } else {
      const file = await source.read(`checkpoint-${n}.former`);
      const key = parseFormerCheckpointKey(file.path, file.text);
      formers.push({ key, id: key.kid, files: [file] });
    }
  }
  return { checkpoints, formers };
}
