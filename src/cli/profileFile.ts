import { readdir, readFile } from 'node:fs/promises';
import { VaultError } from '../errors.ts';
import type { Finding } from '../policy/finding.ts';
import { parseProfile, type Profile } from '../policy/profile.ts';
import { readProfile } from '../prepare.ts';
import { UsageFault } from './command.ts';
import { isolated } from './table.ts';

/** A profile as YAML text: a file, or one that ships with the vault, by its name. Throws `UsageFault`. */
export async function readProfileText(fileOrName: string): Promise<string> {
  const isName = /^[a-z][a-z0-9_-]{0,39}$/.test(fileOrName);
  try {
    return await (isName ? readProfile(fileOrName) : readFile(fileOrName, 'utf8'));
  } catch {
    if (!isName) throw new UsageFault(`${fileOrName} cannot be read`);
    throw new UsageFault(`no profile ${fileOrName} ships with this build; there are: ${(await shipped()).join(', ')}`);
  }
}

async function shipped(): Promise<string[]> {
  const names = await readdir(new URL('../../policies/', import.meta.url));
  return names.flatMap((name) => (name.endsWith('.yaml') ? [name.slice(0, -'.yaml'.length)] : []));
}

/** The profile, or why it cannot be loaded at all, as findings. */
export function loadProfile(text: string): { readonly profile: Profile } | { readonly faults: readonly Finding[] } {
  try {
    return { profile: parseProfile(text) };
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    const faults = error.faults.map(({ pointer, code }): Finding => ({
      severity: 'error',
      code,
      message: `${pointer === '' ? 'the file' : pointer} breaks the schema: ${code}`,
      messageFa: `${pointer === '' ? 'پرونده' : pointer} با قالب سیاست نمی‌خواند: ${code}`,
    }));
    return { faults };
  }
}

const marks: Readonly<Record<Finding['severity'], string>> = {
  error: 'ERROR         ',
  contradiction: 'CONTRADICTION ',
  note: 'note          ',
};

/** Two lines each, English and Persian. */
export function readableFindings(findings: readonly Finding[]): string {
  return findings
    .flatMap(({ severity, code, message, messageFa }) => [
      `${marks[severity]}${code}`,
      `    ${message}`,
      `    ${isolated(messageFa)}`,
    ])
    .join('\n');
}
