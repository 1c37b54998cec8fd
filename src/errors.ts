/**
 * Every way this service says no. One closed list of codes, one table to HTTP; `title` and `detail` are fixed text and
 * never carry data. RFC 9457 is written from this table by src/http/problem.ts.
 */
interface Problem {
  readonly status: number;
  readonly title: string;
}

const table = {
  // 400
  malformed_json: { status: 400, title: 'The body is not acceptable JSON' },
  malformed_request: { status: 400, title: 'The request line, query or a header is not acceptable' },
  invalid_cursor: { status: 400, title: 'The cursor is not one this service gave out' },
  // 401
  unauthenticated: { status: 401, title: 'A valid access token is required' },
  // 403
  insufficient_scope: { status: 403, title: 'The token lacks the scope this call needs' },
  not_permitted: { status: 403, title: 'The policy in force does not permit this' },
  legal_order_required: { status: 403, title: 'An approved legal order is required' },
  legal_order_not_approved: { status: 403, title: 'The legal order is not approved' },
  legal_order_expired: { status: 403, title: 'The legal order has expired' },
  legal_order_revoked: { status: 403, title: 'The legal order was revoked' },
  legal_order_used: { status: 403, title: 'The legal order, or its package, was already used' },
  self_approval: { status: 403, title: 'This step takes another client and another person' },
  ground_not_allowed: { status: 403, title: 'The profile in force does not allow this ground' },
  consent_required: { status: 403, title: 'The person has not agreed to this, or wants no more of it' },
  // 404, 405, 408, 409, 412, 413, 414, 415
  not_found: { status: 404, title: 'Nothing here under that name' },
  method_not_allowed: { status: 405, title: 'This resource does not know that method' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  already_exists: { status: 409, title: 'Another record holds this already' },
  conflict: { status: 409, title: 'The record is not in a state that allows this' },
  no_contact_point: { status: 409, title: 'The person has no contact point of this channel' },
  channel_unavailable: { status: 409, title: 'Messages by this channel are not set up here' },
  idempotency_in_flight: { status: 409, title: 'The first request with this Idempotency-Key is still in flight' },
  precondition_failed: { status: 412, title: 'The record has changed since it was read' },
  body_too_large: { status: 413, title: 'The body is larger than this call takes' },
  uri_too_long: { status: 414, title: 'The URI is longer than this service takes' },
  unsupported_media_type: { status: 415, title: 'The media type or encoding of the body is not supported' },
  not_acceptable: { status: 406, title: 'No representation fits the Accept header' },
  // 422
  invalid_body: { status: 422, title: 'The body breaks the rules of this call' },
  invalid_query: { status: 422, title: 'The query breaks the rules of this call' },
  limit_too_large: { status: 422, title: 'The limit is larger than a page may be' },
  unknown_field: { status: 422, title: 'The body has a member this call does not know' },
  field_required: { status: 422, title: 'A mandatory item is missing' },
  field_not_declared: { status: 422, title: 'The policy in force does not declare this item' },
  card_data_refused: { status: 422, title: 'Card data is never accepted' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used with another request' },
  wrong_code: { status: 422, title: 'The code is wrong' },
  // 428, 429, 431
  precondition_required: { status: 428, title: 'If-Match is required' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  headers_too_large: { status: 431, title: 'The header section is larger than this service takes' },
  // 5xx
  internal: { status: 500, title: 'Something went wrong inside the vault' },
  integrity_failure: { status: 500, title: 'A stored value failed its integrity check' },
  audit_unavailable: { status: 503, title: 'The audit cannot be written, so nothing is served' },
  database_unavailable: { status: 503, title: 'The database cannot be reached' },
  sealed: { status: 503, title: 'The vault is sealed' },
  overloaded: { status: 503, title: 'The vault has more work than it takes' },
} as const satisfies Record<string, Problem>;

export type Code = keyof typeof table;
export const problems: Readonly<Record<Code, Problem>> = table;

/** Where in the request the fault lies (RFC 6901 pointer into the body, or `?name` / `header:name`) and why. */
export interface Fault {
  readonly pointer: string;
  readonly code: string;
}

/** The one error class. `faults` name places and reasons, never values. */
export class VaultError extends Error {
  readonly code: Code;
  readonly faults: readonly Fault[];
  /** Seconds; sent as Retry-After. */
  readonly retryAfter: number | undefined;
  /** Its leaf is in the audit already, committed with what the refusal changed. */
  readonly recorded: boolean;
  /** Of a value that was sealed under another key than its record's: the record, which may have got another one meanwhile. */
  readonly keyOf: string | undefined;

  constructor(code: Code, faults: readonly Fault[] = [], retryAfter?: number, recorded = false, keyOf?: string) {
    super(code);
    this.name = 'VaultError';
    this.code = code;
    this.faults = faults;
    this.retryAfter = retryAfter;
    this.recorded = recorded;
    this.keyOf = keyOf;
  }

  /** HTTP status of the code. */
  get status(): number {
    return problems[this.code].status;
  }
}

/** A refusal for one place in the body: `refuse('invalid_body', '/fields/email', 'length')`. */
export function refuse(code: Code, pointer: string, reason: string = code): VaultError {
  return new VaultError(code, [{ pointer, code: reason }]);
}
