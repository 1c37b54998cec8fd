import { join } from 'node:path';
import { KeyFault } from './keyFault.ts';

/** The families of keys, and the endings of their files. A root key is one file, in whichever way it is kept. */
export const families = {
  root: ['key', 'p12', 'hsm'],
  token: ['pem'],
  export: ['pem', 'crt', 'former'],
  checkpoint: ['pem', 'former'],
} as const;
export type Family = keyof typeof families;

export const isKeyName = (name: string): boolean => familyOf(name) !== undefined;

export function familyOf(name: string): Family | undefined {
  const begun = /^(root|token|export|checkpoint)-/i.exec(name);
  return begun?.[1]?.toLowerCase() as Family | undefined;
}

/** The numbers of one family's keys, newest first. A name that is nearly a key's is refused, not overlooked. */
export function versions(folder: string, names: readonly string[], family: Family): number[] {
  const numbers = new Set<number>();
  for (const name of names.filter((n) => familyOf(n) === family)) {
    const [, number, extension] = /^[a-z]+-([1-9][0-9]{0,5})\.([a-z0-9]+)$/.exec(name) ?? [];
    const known: readonly string[] = families[family];
    if (number === undefined || extension === undefined || !known.includes(extension)) {
      const right =
        family === 'export'
          ? 'export-1.pem and export-1.crt'
          : known.map((ending) => `${family}-1.${ending}`).join(' or ');
      throw new KeyFault(
        'keys_malformed',
        `${join(folder, name)} is named like no key. Name it like ${right}, or move it away.`,
      );
    }
    numbers.add(Number(number));
  }
  return [...numbers].sort((a, b) => b - a);
}

/** The one file of a root key. Throws KeyFault where there are two of one number. */
export function rootName(folder: string, names: readonly string[], number: number): string {
  const [name, second] = families.root.map((ending) => `root-${number}.${ending}`).filter((n) => names.includes(n));
  if (name === undefined || second !== undefined) {
    throw new KeyFault(
      'keys_malformed',
      `${join(folder, second ?? `root-${number}`)} and ${name ?? 'nothing'} are one number. Remove the one that is not the key.`,
    );
  }
  return name;
}
