import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './source.ts';

export interface Entry {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}
export type Packages = Readonly<Record<string, Entry>>;

export const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  readonly packages: Packages;
};

/** Known safe; older ones have published faults that reach this service. */
export const least: Readonly<Record<string, string>> = {
  'node-forge': '1.4.3',
  jsonwebtoken: '9.0.3',
  jws: '4.0.1',
  express: '5.3.0',
  'body-parser': '2.4.0',
  qs: '6.16.0',
  'path-to-regexp': '8.4.2',
};

export function older(packages: Packages, name: string, minimum: string): string[] {
  const copies = Object.entries(packages).filter(([path]) => path.endsWith(`node_modules/${name}`));
  return copies
    .filter(([, { version = '' }]) => !atLeast(version, minimum))
    .map(([path, { version }]) => `${path} ${version}`);
}

/** A pre-release of the minimum itself comes before it. */
function atLeast(version: string, minimum: string): boolean {
  const [numbers = '', early] = version.split(/-(.*)/s);
  const [is, should] = [numbers.split('.').map(Number), minimum.split('.').map(Number)];
  for (const [i, part] of should.entries()) {
    const own = is[i] ?? Number.NaN;
    if (own !== part) return own > part;
  }
  return early === undefined;
}
