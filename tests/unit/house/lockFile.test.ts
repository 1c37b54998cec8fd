import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { least, lock, older, type Entry, type Packages } from './lockedVersions.ts';
import { root } from './source.ts';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Entry;

/** A whole SHA-512 (88 characters of base64), or more than one digest of which one is. */
const sha512 = /(?:^|\s)sha512-[A-Za-z0-9+/]{86}==(?:\s|$)/;

function faults(packages: Packages): string[] {
  return Object.entries(packages).flatMap(([path, entry]) => {
    if (path === '') return [];
    const found: string[] = [];
    if (!sha512.test(entry.integrity ?? '')) found.push(`${path}: no integrity`);
    if (entry.resolved !== undefined) found.push(`${path}: a download address`);
    if (entry.link === true) found.push(`${path}: a link`);
    if (!/^\d+\.\d+\.\d+/.test(entry.version ?? '')) found.push(`${path}: no version`);
    return found;
  });
}

describe('package-lock.json', () => {
  test('has an integrity hash for every entry, and no download address', () => {
    expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
    expect(faults(lock.packages)).toEqual([]);
  });

  test('control: an entry without hash, with an address, or linked is found', () => {
    const whole = { version: '1.0.0', integrity: `sha512-${'A'.repeat(86)}==` };
    expect(faults({ 'node_modules/a': whole })).toEqual([]);
    expect(faults({ 'node_modules/a': { version: '1.0.0' } })).toEqual(['node_modules/a: no integrity']);
    expect(faults({ 'node_modules/a': { ...whole, integrity: 'sha1-abc' } })).toEqual(['node_modules/a: no integrity']);
    expect(faults({ 'node_modules/a': { ...whole, resolved: 'https://example.com/a.tgz' } })).toHaveLength(1);
    expect(faults({ 'node_modules/a': { ...whole, link: true } })).toHaveLength(1);
  });

  test('speaks of the package.json beside it', () => {
    const { dependencies, devDependencies } = lock.packages[''] ?? {};
    expect({ dependencies, devDependencies }).toEqual({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
    });
  });

  test.each(Object.entries(least))('every copy of %s is %s or newer', (name, minimum) => {
    expect(older(lock.packages, name, minimum)).toEqual([]);
    expect(Object.keys(lock.packages)).toContain(`node_modules/${name}`);
  });

  test('control: an older copy is found, wherever it lies', () => {
    const nested = 'node_modules/a/node_modules/qs';
    for (const version of ['6.15.9', '5.99.0', '6.16.0-beta.1', 'x']) {
      expect(older({ [nested]: { version } }, 'qs', '6.16.0'), version).toHaveLength(1);
    }
    for (const version of ['6.16.0', '6.16.1', '6.100.0', '7.0.0']) {
      expect(older({ [nested]: { version } }, 'qs', '6.16.0'), version).toEqual([]);
    }
  });
});
