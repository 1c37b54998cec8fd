import { spawnSync } from 'node:child_process';
import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const project = join(import.meta.dirname, '../../..');

/** Compiles source files (paths from src/) to a new folder, for tests that need real processes of their own. */
export function compiled(...sources: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'amanat-compiled-'));
  const options = [
    '--ignoreConfig',
    '--rootDir',
    'src',
    '--outDir',
    folder,
    '--module',
    'nodenext',
    '--target',
    'es2023',
  ];
  const flags = ['--rewriteRelativeImportExtensions', '--skipLibCheck', '--types', 'node', '--noCheck'];
  const files = sources.map((source) => join('src', source));
  const tsc = join(project, 'node_modules/typescript/bin/tsc');
  const done = spawnSync(process.execPath, [tsc, ...options, ...flags, ...files], { cwd: project, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`tsc: ${done.stdout}${done.stderr}`);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
