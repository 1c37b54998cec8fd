import { statement, type Statement } from './statement.ts';

export interface IdempotentAnswerRow {
  readonly bodyHash: Buffer;
  readonly answerId: string;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly answer: Buffer;
}

/** Aborts the transaction with idempotency_in_flight or idempotency_answered; see sql/000004_customers.sql. */
export function claimIdempotencyKey(tenantId: string, clientId: string, keyHash: Buffer, now: Date): Statement {
  return statement(
    'claim_idempotency_key',
    `select amanat.claim_idempotency_key($1::uuid, $2::uuid, $3::bytea, $4::timestamptz)`,
    [tenantId, clientId, keyHash, now],
  );
}

export function selectIdempotentAnswer(
  tenantId: string,
  clientId: string,
  keyHash: Buffer,
  now: Date,
): Statement<IdempotentAnswerRow> {
  return statement(
    'select_idempotent_answer',
    `select a.body_hash as "bodyHash", a.answer_id as "answerId", a.key_version as "keyVersion",
            a.data_key as "dataKey", a.answer
       from amanat.idempotent_answers a
      where a.tenant_id = $1::uuid and a.client_id = $2::uuid and a.key_hash = $3::bytea
        and a.expires_at > $4::timestamptz`,
    [tenantId, clientId, keyHash, now],
  );
}

export function insertIdempotentAnswer(
  answer: IdempotentAnswerRow & {
    tenantId: string;
    clientId: string;
    keyHash: Buffer;
    createdAt: Date;
    expiresAt: Date;
    /** Whose answer it is: it goes with them. */
    subjectId: string | null;
  },
): Statement {
  return statement(
    'insert_idempotent_answer',
    `insert into amanat.idempotent_answers
       (tenant_id, client_id, key_hash, body_hash, answer_id, key_version, data_key, answer, created_at, expires_at,
        subject_id)
     values ($1::uuid, $2::uuid, $3::bytea, $4::bytea, $5::uuid, $6::integer, $7::bytea, $8::bytea,
             $9::timestamptz, $10::timestamptz, $11::uuid)`,
    [
      answer.tenantId,
      answer.clientId,
      answer.keyHash,
      answer.bodyHash,
      answer.answerId,
      answer.keyVersion,
      answer.dataKey,
      answer.answer,
      answer.createdAt,
      answer.expiresAt,
      answer.subjectId,
    ],
  );
}
