import { refuse } from '../errors.ts';
import { open, seal } from '../crypto/seal.ts';
import { claimIdempotencyKey, insertIdempotentAnswer, selectIdempotentAnswer } from '../db/idempotency.ts';
import type { Statement } from '../db/statement.ts';
import { load, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import type { TenantKeys } from './keyring.ts';
import { newId } from './ids.ts';
import type { Vault } from './vault.ts';

const keptMs = 24 * 60 * 60 * 1000;

/** A request that may come twice: the client's key, and the bytes that must then be the same. */
export interface Idempotency {
  readonly key: string;
  /** Method, route and path, so that one key is not two requests. */
  readonly target: string;
  readonly body: Buffer;
}

/** Header value to key: 1 to 255 visible ASCII characters. */
export function idempotencyKey(value: string): string {
  if (!/^[\x21-\x7e]{1,255}$/.test(value)) throw refuse('malformed_request', 'header:Idempotency-Key', 'format');
  return value;
}

/**
 * The first answer to this key, if there is one. Another body or target under the same key is refused with
 * `idempotency_key_reused`.
 */
export async function earlierAnswer(vault: Vault, caller: Caller, request: Idempotency): Promise<Answer | undefined> {
  const keys = await vault.keyring.tenant(caller.tenantId);
  const hashes = hashesOf(keys, request);
  const [[row]] = await load(vault, caller.tenantId, [
    selectIdempotentAnswer(caller.tenantId, caller.clientId, hashes.key, new Date(vault.now())),
  ]);
  if (row === undefined) return undefined;
  if (!row.bodyHash.equals(hashes.body)) {
    throw refuse('idempotency_key_reused', 'header:Idempotency-Key');
  }
  const key = keys.dataKey({ kind: 'answer', id: row.answerId, keyVersion: row.keyVersion, wrapped: row.dataKey });
  const text = open(key, answerContext(caller, row.answerId, hashes), row.answer).toString('utf8');
  return JSON.parse(text) as Answer;
}

export function claimStatement(vault: Vault, caller: Caller, keys: TenantKeys, request: Idempotency): Statement {
  return claimIdempotencyKey(caller.tenantId, caller.clientId, hashesOf(keys, request).key, new Date(vault.now()));
}

export function storeStatement(
  vault: Vault,
  caller: Caller,
  keys: TenantKeys,
  request: Idempotency,
  answer: Answer,
  subjectId: string | undefined,
): Statement {
  const time = vault.now();
  const answerId = newId(time);
  const { key, wrapped, keyVersion } = keys.newDataKey('answer', answerId);
  const hashes = hashesOf(keys, request);
  return insertIdempotentAnswer({
    tenantId: caller.tenantId,
    clientId: caller.clientId,
    keyHash: hashes.key,
    bodyHash: hashes.body,
    answerId,
    keyVersion,
    dataKey: wrapped,
    answer: seal(key, answerContext(caller, answerId, hashes), JSON.stringify(answer)),
    createdAt: new Date(time),
    expiresAt: new Date(time + keptMs),
    subjectId: subjectId ?? null,
  });
}

interface Hashes {
  readonly key: Buffer;
  readonly body: Buffer;
}

/** Both are keyed, so that neither a key that names a person nor a body can be found by trying. */
function hashesOf(keys: TenantKeys, request: Idempotency): Hashes {
  return {
    key: keys.hash('idempotency key', request.key),
    body: keys.hash('idempotency body', request.target, request.body),
  };
}

/** An answer opens for the client, key and body it was given to, whatever row it stands in. */
export function answerContext(
  { tenantId, clientId }: Pick<Caller, 'tenantId' | 'clientId'>,
  answerId: string,
  { key, body }: Hashes,
) {
  const field = `${clientId}/${key.toString('hex')}/${body.toString('hex')}`;
  return { tenantId, kind: 'answer', recordId: answerId, version: 1, field } as const;
}
