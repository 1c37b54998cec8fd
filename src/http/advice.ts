import type { Code } from '../errors.ts';

/** `detail` of every problem: fixed text that says what to do. Never data. */
export const advice: Readonly<Record<Code, string>> = {
  malformed_json: 'Send one JSON value in UTF-8 without duplicate keys, NUL or lone surrogates, not nested too deeply.',
  malformed_request: 'Correct the request line, the query or the header that `errors` names and send it again.',
  invalid_cursor: 'Start the list again without a cursor, or use `nextCursor` of the page before exactly as it was.',
  unauthenticated: 'Get an access token at /oauth/token and send it as a Bearer token.',
  insufficient_scope: 'Ask /oauth/token for a token with the scope this call needs.',
  not_permitted:
    'The privacy policy gives this role, or this person, no such right. Asking again changes nothing, but for `actor_required` (ask for a token with `actor`) and `undertaking_required` (have the undertaking of the member of staff whom the token names recorded).',
  legal_order_required: 'Record a legal order and have it approved by a second person, then name it in the export.',
  legal_order_not_approved:
    'Have the order approved by an approver who is neither the registrar nor the same client; anew, when its approval has run out.',
  legal_order_expired:
    'Record a new order from the authority; an expired one is never executed. If only the time for its package is over, an approver can let the package out again.',
  legal_order_revoked: 'A revoked order is never executed, and nothing of it is handed out.',
  legal_order_used:
    'An order is executed once and its package fetched once. An approver can let out again a package that did not arrive; all else needs another order.',
  self_approval: 'Have another person take this step, through another client than the steps before it.',
  ground_not_allowed:
    'The published policy names no such ground for disclosure. What rests on no letter names its `ground`; an order to keep data discloses nothing.',
  consent_required:
    'Nothing was queued. Ask the person, and record an explicit consent; what was implied, or said of another channel, does not do.',
  not_found: 'Check the path and the id. What is not yours and what never was look the same.',
  method_not_allowed: 'Use one of the methods in the Allow header.',
  request_timeout: 'Send the whole request without pausing.',
  already_exists:
    'The record that holds it is already there: search for the identifier, or find the letter among the legal orders.',
  conflict: 'Read the record and decide again; where `errors` has a reason or a state, it is what stands in the way.',
  no_contact_point: 'Nothing was queued. Use the other channel, or have the person add a contact point.',
  channel_unavailable: 'Nothing was queued. The operator has to set up this channel.',
  idempotency_in_flight: 'Wait as long as Retry-After says and send the same request again.',
  precondition_failed: 'Read the record again and send its ETag in If-Match.',
  body_too_large: 'Send less at once.',
  uri_too_long: 'Shorten the URI; data belongs in the body.',
  unsupported_media_type: 'Send the media type the API description names, in UTF-8, without Content-Encoding.',
  not_acceptable: 'Accept the media type the API description names.',
  invalid_body: 'Correct the places that `errors` names.',
  invalid_query: 'Correct the parameters that `errors` names.',
  limit_too_large: 'Ask for 100 at most and follow `nextCursor`.',
  unknown_field: 'Leave out the members that `errors` names.',
  field_required: 'Add the items that `errors` names; the policy in force makes them mandatory.',
  field_not_declared: 'Leave out the items that `errors` names; the policy in force does not collect them.',
  card_data_refused: 'Remove card numbers, CVV2 and passwords from the places that `errors` names.',
  idempotency_key_reused: 'Use a new Idempotency-Key for another request.',
  wrong_code: 'Ask for the code again; tries are counted.',
  precondition_required: 'Read the record and send its ETag in If-Match.',
  too_many_requests: 'Wait as long as Retry-After says.',
  headers_too_large: 'Send fewer or shorter headers.',
  internal: 'Report the requestId to the operator.',
  integrity_failure: 'Report the requestId to the operator. The record needs attention.',
  audit_unavailable: 'Wait as long as Retry-After says and send it again; nothing was disclosed.',
  database_unavailable: 'Wait as long as Retry-After says and send it again.',
  sealed: 'The operator has to supply the keys.',
  overloaded: 'Wait as long as Retry-After says and send it again.',
};
