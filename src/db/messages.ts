import { statement, type Statement } from './statement.ts';

/** What is fixed of a message, under `mac`. */
export interface MessageFacts {
  readonly id: string;
  readonly customerId: string;
  readonly purpose: string;
  readonly channel: string;
  /** Who asked for it, or whose act brought it about, and by which request; no client where the clock did. */
  readonly clientId: string | null;
  readonly role: string;
  /** Of a further department's client. */
  readonly department: string | null;
  readonly actor: string | null;
  readonly requestId: string;
  /** Which of the profile's `tells`; null for what another system asked for. */
  readonly telling: string | null;
  /** Id of what it tells of. */
  readonly about: string | null;
  /** It goes to the alternate recipient of this order. */
  readonly recipientOrder: string | null;
  readonly createdAt: Date;
  readonly mac: Buffer;
}

export interface NewMessageRow extends MessageFacts {
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

export interface MessageRow extends MessageFacts {
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly dueAt: Date;
  readonly settledAt: Date | null;
}

export interface ClaimedMessage extends NewMessageRow {
  readonly attempts: number;
}

/** One that a person is told of once, and was told of before, is passed over. */
export function insertMessages(tenantId: string, rows: readonly NewMessageRow[]): Statement {
  return statement(
    'insert_messages',
    `insert into amanat.messages
       (tenant_id, id, customer_id, purpose, channel, client_id, role, department, actor, request_id, telling, about,
        recipient_order, state, attempts, due_at, key_version, data_key, sealed, created_at, mac)
     select $1::uuid, m.id, m.customer_id, m.purpose, m.channel, m.client_id, m.role, m.department, m.actor, m.request_id,
            m.telling, m.about, m.recipient_order, 'queued', 0, m.created_at, m.key_version, m.data_key, m.sealed,
            m.created_at, m.mac
       from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[],
                   $10::uuid[], $11::text[], $12::uuid[], $13::uuid[], $14::integer[], $15::bytea[], $16::bytea[],
                   $17::timestamptz[], $18::bytea[])
            as m (id, customer_id, purpose, channel, client_id, role, department, actor, request_id, telling, about,
                  recipient_order, key_version, data_key, sealed, created_at, mac)
         on conflict (tenant_id, telling, about, customer_id, channel)
            where telling in ('disclosure', 'policy_version', 'incident') and state in ('queued', 'sent') do nothing`,
    [
      tenantId,
      rows.map((r) => r.id),
      rows.map((r) => r.customerId),
      rows.map((r) => r.purpose),
      rows.map((r) => r.channel),
      rows.map((r) => r.clientId),
      rows.map((r) => r.role),
      rows.map((r) => r.department),
      rows.map((r) => r.actor),
      rows.map((r) => r.requestId),
      rows.map((r) => r.telling),
      rows.map((r) => r.about),
      rows.map((r) => r.recipientOrder),
      rows.map((r) => r.keyVersion),
      rows.map((r) => r.dataKey),
      rows.map((r) => r.sealed),
      rows.map((r) => r.createdAt),
      rows.map((r) => r.mac),
    ],
  );
}

const facts = `m.id, m.customer_id as "customerId", m.purpose, m.channel, m.client_id as "clientId", m.role,
            m.department, m.actor, m.request_id as "requestId", m.telling, m.about, m.recipient_order as "recipientOrder",
            m.created_at as "createdAt", m.mac`;

/** Of `amanat.messages m`. */
export const messageColumns = `${facts}, m.state, m.reason, m.attempts, m.due_at as "dueAt",
            m.settled_at as "settledAt"`;

export function selectMessage(tenantId: string, id: string): Statement<MessageRow> {
  return statement(
    'select_message',
    `select ${messageColumns}
       from amanat.messages m
      where m.tenant_id = $1::uuid and m.id = $2::uuid`,
    [tenantId, id],
  );
}

/** What the vault has told these customers of one thing. */
export function selectMessagesAbout(
  tenantId: string,
  telling: string,
  about: string,
  customerIds: readonly string[],
): Statement<MessageRow> {
  return statement(
    'select_messages_about',
    `select ${messageColumns}
       from amanat.messages m
      where m.tenant_id = $1::uuid and m.telling = $2::text and m.about = $3::uuid and m.customer_id = any ($4::uuid[])
      order by m.customer_id, m.channel`,
    [tenantId, telling, about, customerIds],
  );
}

/** Which of these tenants have something to send. */
export function selectDueTenants(tenantIds: readonly string[], now: Date): Statement<{ readonly tenantId: string }> {
  return statement(
    'select_due_tenants',
    `select distinct m.tenant_id as "tenantId"
       from amanat.messages m
      where m.tenant_id = any ($1::uuid[]) and m.state = 'queued' and m.due_at <= $2::timestamptz`,
    [tenantIds, now],
  );
}

/** Takes what is due and nobody else is taking, by these channels; it is nobody else's until `until`. */
export function claimMessages(
  tenantId: string,
  claim: { readonly id: string; readonly now: Date; readonly until: Date; readonly channels: readonly string[] },
  limit: number,
): Statement<ClaimedMessage> {
  return statement(
    'claim_messages',
    `with due as (
       select m.id
         from amanat.messages m
        where m.tenant_id = $1::uuid and m.state = 'queued' and m.due_at <= $3::timestamptz
          and m.channel = any ($5::text[])
        order by m.due_at, m.id
        limit $6::integer
          for update skip locked
     )
     update amanat.messages m
        set claim = $2::uuid, due_at = $4::timestamptz, attempts = m.attempts + 1
       from due
      where m.tenant_id = $1::uuid and m.id = due.id
     returning ${facts}, m.attempts, m.key_version as "keyVersion", m.data_key as "dataKey", m.sealed`,
    [tenantId, claim.id, claim.now, claim.until, claim.channels, limit],
  );
}

/** Guarded: conflict unless the message is still queued and still this claim's. */
export function requireClaim(tenantId: string, id: string, claim: string): Statement {
  return statement(
    'require_claim',
    `with held as (
       select 1 from amanat.messages m
        where m.tenant_id = $1::uuid and m.id = $2::uuid and m.claim = $3::uuid and m.state = 'queued'
          for update
     )
     select amanat.require(count(*) = 1, 'conflict') from held`,
    [tenantId, id, claim],
  );
}

export interface Settlement {
  readonly state: 'sent' | 'withheld' | 'dead';
  readonly reason: string | null;
  readonly at: Date;
}

/** Ends it: the text and its key are gone. Guarded by the claim. */
export function settleMessage(tenantId: string, id: string, claim: string, settled: Settlement): Statement {
  return statement(
    'settle_message',
    `with settled as (
       update amanat.messages
          set state = $4::text, reason = $5::text, settled_at = $6::timestamptz, sealed = null, data_key = null,
              claim = null
        where tenant_id = $1::uuid and id = $2::uuid and claim = $3::uuid and state = 'queued'
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from settled`,
    [tenantId, id, claim, settled.state, settled.reason, settled.at],
  );
}

/** Gives it back, to be tried again at `dueAt`. Guarded by the claim. */
export function postponeMessage(
  tenantId: string,
  id: string,
  claim: string,
  { reason, dueAt }: { readonly reason: string; readonly dueAt: Date },
): Statement {
  return statement(
    'postpone_message',
    `with postponed as (
       update amanat.messages
          set reason = $4::text, due_at = $5::timestamptz, claim = null
        where tenant_id = $1::uuid and id = $2::uuid and claim = $3::uuid and state = 'queued'
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from postponed`,
    [tenantId, id, claim, reason, dueAt],
  );
}
