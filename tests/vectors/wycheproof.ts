import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Vectors made by others stand outside the project and are not copied into it; on a user's machine they are missing. */
const folder = join(import.meta.dirname, '../../../shared/vectors/wycheproof');
export const present = existsSync(folder);

interface Group<Test> {
  readonly tests: readonly (Test & { readonly tcId: number; readonly comment: string; readonly result: string })[];
}

export function groups<Test, Parameters = unknown>(file: string): (Group<Test> & Parameters)[] {
  const text = readFileSync(join(folder, file), 'utf8');
  return (JSON.parse(text) as { readonly testGroups: (Group<Test> & Parameters)[] }).testGroups;
}

export function files(): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.json'));
}

/** Vectors of what the product does not use yet. */
export const leftForLater = {
  'aes_kwp_test.json': 'keys in PKCS#11 modules',
  'rsa_oaep_2048_sha256_mgf1sha256_test.json': 'CMS packages for an authority',
} as const;

if (!present) process.stdout.write(`skipped: vectors not present (${folder})\n`);
