import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../../shared/', import.meta.url));

export interface Example {
  readonly input: string;
  readonly canonical?: string;
  readonly reason?: string;
  readonly party?: 'natural' | 'legal' | 'foreigner' | 'partnership' | 'legacy';
  readonly province?: string;
  readonly warnings?: readonly string[];
  readonly gregorian?: string;
  readonly stored?: string;
}

interface Examples {
  readonly valid: readonly Example[];
  readonly invalid: readonly Example[];
}

export interface Formats {
  readonly nationalId: Examples & {
    readonly undetectedPair: readonly string[];
    readonly padOnImportOnly: readonly { input: string; padded: string; okWithPad: boolean; okWithoutPad: boolean }[];
  };
  readonly legalNationalId: Examples;
  readonly economicCode: Examples;
  readonly foreignerId: Examples;
  readonly postalCode: Examples & { readonly warn: readonly Example[] };
  readonly mobile: Examples;
  readonly landline: Examples & { readonly areaCodes: Readonly<Record<string, string>> };
  readonly sheba: Examples & { readonly bankCodes: Readonly<Record<string, string>> };
  readonly cardNumberMustBeRefused: {
    readonly detected: readonly Example[];
    readonly notDetected: readonly Example[];
    readonly textSamples: { readonly refuse: readonly string[]; readonly accept: readonly string[] };
  };
  readonly textNormalisation: {
    readonly sameSearchKey: readonly { a: string; b: string; key: string }[];
    readonly differentSearchKey: readonly { a: string; b: string }[];
    readonly stored_examples: readonly { input: string; stored: string }[];
  };
  readonly jalaliDate: Examples;
  readonly judicialCaseNumber: { readonly valid: readonly string[]; readonly warn: readonly string[] };
}

/** The examples that other programs are tested with, or undefined (and a printed line) where they are not here. */
export function publishedFormats(): Formats | undefined {
  const file = `${folder}domain/formats.json`;
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Formats;
  process.stdout.write('skipped: ../shared/domain/formats.json is not present\n');
  return undefined;
}

/** Folder of one set of test vectors made by others, or undefined (and a printed line). */
export function publishedVectors(set: string): string | undefined {
  const vectors = `${folder}vectors/${set}/`;
  if (existsSync(vectors)) return vectors;
  process.stdout.write(`skipped: vectors not present (../shared/vectors/${set})\n`);
  return undefined;
}
