import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verifyConsistency, verifyInclusion } from '../../src/crypto/merkleTree.ts';

/** github transparency-dev/merkle, testdata: stands outside the project and is not copied into it. */
const folder = join(import.meta.dirname, '../../../shared/vectors/merkle');
const present = existsSync(folder);
if (!present) process.stdout.write(`skipped: vectors not present (${folder})\n`);

interface Inclusion {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly desc: string;
  readonly wantErr: boolean;
}
interface Consistency {
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly desc: string;
  readonly wantErr: boolean;
}

function vectors<Vector>(kind: string): [string, Vector][] {
  return readdirSync(join(folder, kind), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name, JSON.parse(readFileSync(join(folder, kind, name), 'utf8')) as Vector]);
}

const bytes = (text: string): Buffer => Buffer.from(text, 'base64');

describe.skipIf(!present)('Merkle proofs of transparency-dev', () => {
  test('inclusion', () => {
    const seen = { good: 0, bad: 0 };
    for (const [name, { leafIdx, treeSize, root, leafHash, proof, wantErr }] of vectors<Inclusion>('inclusion')) {
      const path = (proof ?? []).map(bytes);
      const claim = { leafHash: bytes(leafHash), index: leafIdx, size: treeSize, path };
      expect(verifyInclusion(claim, bytes(root)), name).toBe(!wantErr);
      seen[wantErr ? 'bad' : 'good'] += 1;
    }
    expect(seen).toEqual({ good: 6, bad: 92 });
  });

  test('consistency', () => {
    const seen = { good: 0, bad: 0 };
    for (const [name, vector] of vectors<Consistency>('consistency')) {
      const [older, newer] = [
        { size: vector.size1, root: bytes(vector.root1) },
        { size: vector.size2, root: bytes(vector.root2) },
      ];
      expect(verifyConsistency(older, newer, (vector.proof ?? []).map(bytes)), name).toBe(!vector.wantErr);
      seen[vector.wantErr ? 'bad' : 'good'] += 1;
    }
    expect(seen).toEqual({ good: 6, bad: 92 });
  });
});
