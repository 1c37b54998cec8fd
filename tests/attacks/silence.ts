import { expect } from 'vitest';
import { withClient } from '../support/postgres.ts';
import type { Answer, TestVault } from '../support/vault.ts';
import type { Call, Case } from './office.ts';
import { until } from './ownCluster.ts';

/** Which of the values stand in any byte of the answer, its headers included. */
export function leaksOf(answer: Answer, canaries: readonly string[]): string[] {
  const bytes = [...answer.headers].map((header) => header.join(': ')).join('\n') + answer.text;
  return canaries.filter((canary) => bytes.includes(canary));
}

/** Each call is told the same, to the byte, and none of it is about anybody. */
export function expectSilence(answers: readonly (readonly [Call, Answer])[], canaries: readonly string[]): void {
  for (const [call, answer] of answers) {
    expect([call.name, answer.status, answer.body.code]).toEqual([call.name, 503, 'audit_unavailable']);
    expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d?$/);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(leaksOf(answer, canaries)).toEqual([]);
    expect(answer.body.errors).toEqual([]);
  }
  const bytes = new Set(answers.map(([, { text, body }]) => text.replace(body.requestId, '')));
  expect(bytes.size).toBe(1);
}

export function makeAll(calls: readonly Call[]): Promise<(readonly [Call, Answer])[]> {
  return Promise.all(calls.map(async (call) => [call, await call.make()] as const));
}

/** Control of everything above: with the audit at work, the same calls give what they were refused. */
export async function expectServed({ calls, canaries }: Case): Promise<void> {
  // One after the other: reads are of the customer before the patch.
  let leaks = 0;
  for (const call of calls) {
    const answer = await call.make();
    expect(answer.text, call.name).toContain(call.shows);
    expect([200, 201], call.name).toContain(answer.status);
    leaks += leaksOf(answer, canaries).length;
  }
  expect(leaks, 'control: the scan finds values that are there').toBeGreaterThan(10);
}

/** What a refusal that asks the database first is told: its own, or that there is no audit, or on a full disk either. */
const answersTo: Record<LookUps, (code: string) => string[]> = {
  told: (code) => [code],
  silent: () => ['audit_unavailable'],
  either: (code) => [code, 'audit_unavailable'],
};
type LookUps = 'told' | 'silent' | 'either';

export async function expectRefused({ refusals, canaries }: Case, lookUps: LookUps): Promise<void> {
  expect(refusals.length).toBeGreaterThan(2);
  const answers = await Promise.all(refusals.map(async (one) => [one, await one.make()] as const));
  for (const [{ name, code, looksUp }, answer] of answers) {
    expect(looksUp === true ? answersTo[lookUps](code) : [code], name).toContain(answer.body.code);
    expect(leaksOf(answer, canaries)).toEqual([]);
  }
}

/** Every connection is back, and PostgreSQL holds no other for this service. */
export async function expectNoConnectionLost(vault: TestVault): Promise<void> {
  const { pool } = vault.vault.db;
  const login = new URL(vault.db.serviceUrl).username;
  await withClient(vault.db.superuserUrl, (client) =>
    until(async () => {
      const { rows } = await client.query<{ n: number }>(
        `select count(*)::integer as n from pg_stat_activity where usename = $1 and datname = current_database()`,
        [login],
      );
      return pool.waitingCount === 0 && pool.idleCount === pool.totalCount && rows[0]?.n === pool.totalCount;
    }),
  );
  expect(pool.totalCount).toBeLessThanOrEqual(10);
}

/** `until` the vault says it is ready, the same process as ever. */
export async function untilReady(vault: TestVault): Promise<void> {
  await until(async () => (await vault.request('GET', '/readyz')).status === 200);
}

export function eventsOf(vault: TestVault, from: number): Record<string, unknown>[] {
  return vault.logLines.slice(from).map((line) => JSON.parse(line) as Record<string, unknown>);
}
