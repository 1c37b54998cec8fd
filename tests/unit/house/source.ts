import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface SourceFile {
  /** From the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every file below some folders of the project whose name ends so. */
export function filesBelow(folders: readonly string[], ending: RegExp): readonly SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && ending.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'))
      .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') })),
  );
}

/** Source without comments, strings and templates: what is left is code. */
export function codeOf(text: string): string {
  const noise =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`|\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*(?=\s*[;,).\]:\n])/g;
  return text.replace(noise, (found) => (found.startsWith('/') ? ' ' : "''"));
}

/** What a file imports, in whatever way: statically, re-exported, dynamically, required. */
export function importsOf(text: string): readonly string[] {
  const bare = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/[^\n]*$/gm, '');
  const ways = /(?:\bfrom\s*|\bimport\s*|\bimport\s*\(\s*|\brequire\s*\(\s*)(['"])([^'"\n]+)\1/g;
  return [...bare.matchAll(ways)].map((found) => found[2] ?? '');
}
