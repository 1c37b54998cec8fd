import { newOneTimeCode } from '../crypto/clientSecret.ts';
import { sameBytes } from '../crypto/hmac.ts';
import { putAssurance } from '../db/contactPoints.ts';
import { insertMessages } from '../db/messages.ts';
import {
  countVerificationTry,
  insertVerification,
  selectNewestVerification,
  settleVerification,
  takeTurnToVerify,
} from '../db/verifications.ts';
import { refuse, VaultError } from '../errors.ts';
import { foldIdentifier } from '../formats/identifier.ts';
import { addDuration } from '../policy/duration.ts';
import { mayTell } from '../policy/sendThrough.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import { assured, assuranceOf, assuranceView, namedPoint } from './assurance.ts';
import { leafStatement } from './audit.ts';
import type { Caller } from './caller.ts';
import { channelOf, pointHash, valueOf } from './contactPoints.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { permit } from './permit.ts';
import { believes, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { ownMessage } from './tellings.ts';
import type { Vault } from './vault.ts';

/** Tries at one code, whoever makes them. */
const mostTries = 5;
const limits = { ofPoint: 5, ofCustomer: 10, pauseMs: 60_000 } as const;
/** Of a profile that says nothing of it. */
const defaultExpiry = 'PT10M';

const codeHash = (keys: TenantKeys, id: string, code: string): Buffer => keys.hash('verification code', id, code);

/**
 * Sends a one-time code to a contact point. Who asks sees neither the address nor the code. Throws `too_many_requests` for
 * the sixth of a contact point, or the eleventh of a customer, within a day, and for a second one within a minute.
 */
export async function startVerification(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  contactPoint: string,
): Promise<Answer> {
  permit(caller, 'contact_points.send_code');
  const { tenantId } = caller;
  const { profile } = vault.watch.policy(tenantId);
  const { customer, keys, known, point } = await namedPoint(vault, caller, customerId, contactPoint);
  const channel = channelOf(point);
  if (channel === undefined) throw refuse('invalid_body', '/contactPoint', 'not_verifiable');
  const rule = profile.tells?.contact_verification;
  if (rule === undefined || !mayTell(profile, 'contact_verification', customer.kind, channel))
    throw refuse('not_permitted', '/contactPoint', 'not_in_policy');
  if (vault.senders[channel] === undefined) throw refuse('channel_unavailable', '/contactPoint');
  const startedAt = new Date(vault.now());
  const id = newId(startedAt.getTime());
  const code = newOneTimeCode();
  const facts = {
    id,
    customerId,
    point: point.id,
    valueHash: pointHash(keys, point, valueOf(known.record, point)),
    codeHash: codeHash(keys, id, code),
    startedAt,
    expiresAt: addDuration(startedAt, profile.assurance?.codeExpires ?? defaultExpiry) ?? startedAt,
  };
  const row = { ...facts, mac: macOf(keys, 'contact_verifications', facts) };
  const told = { telling: 'contact_verification', about: id, params: { code } } as const;
  const destination = { customerId, recipientOrder: null, purpose: rule.purpose, channel };
  const message = ownMessage(vault, keys, told, destination, { caller, act });
  const statements = [
    takeTurnToVerify(tenantId, customerId, row.valueHash),
    insertVerification(tenantId, row, limits),
    insertMessages(tenantId, [message]),
  ];
  const deed = { subjectId: customerId, rule: `assurance.code.${point.field}`, purpose: rule.purpose };
  return commitAct(vault, caller, act, deed, statements, {
    status: 202,
    body: {
      contactPoint: point.id,
      messageId: message.id,
      triesLeft: mostTries,
      ...timeView('expiresAt', row.expiresAt),
    },
  });
}

/** Takes the code that the customer had. Throws `wrong_code`, for one that is over or was tried too often as well. */
export async function proveContactPoint(
  vault: Vault,
  caller: Caller,
  act: Act,
  customerId: string,
  { contactPoint, code }: { readonly contactPoint: string; readonly code: string },
): Promise<Answer> {
  permit(caller, 'contact_points.take_code');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const { customer, keys, known, point } = await namedPoint(vault, caller, customerId, contactPoint);
  const [[begun]] = await load(vault, tenantId, [selectNewestVerification(tenantId, customerId, point.id)]);
  const valueHash = pointHash(keys, point, valueOf(known.record, point));
  // A code for a value that was replaced since proves nothing of this one.
  if (begun === undefined || !believes(vault, keys, 'contact_verifications', begun)) throw wrong(false);
  if (!sameBytes(begun.valueHash, valueHash)) throw wrong(false);
  const at = new Date(vault.now());
  const deed = { subjectId: customerId, rule: `assurance.verified.${point.field}` };
  const counted = countVerificationTry(tenantId, begun.id, at, mostTries);
  if (!sameBytes(begun.codeHash, codeHash(keys, begun.id, foldIdentifier(code)))) {
    const refusal = { ...deed, outcome: 'refused', rule: 'wrong_code' } as const;
    await write(vault, tenantId, [counted, leafStatement(vault, caller, act, refusal)]);
    throw wrong(true);
  }
  const now = assured(vault, keys, caller, known, point, 'verified');
  const statements = [counted, settleVerification(tenantId, begun.id, at), putAssurance(tenantId, now)];
  const after = assuranceOf(vault, keys, policy.profile, { ...known, assurances: [now] }, point);
  return commitAct(vault, caller, act, deed, statements, {
    status: 200,
    body: { contactPoint: point.id, assurance: assuranceView(keys, customer, after, false) },
  });
}

const wrong = (recorded: boolean) =>
  new VaultError('wrong_code', [{ pointer: '/code', code: 'wrong_code' }], undefined, recorded);
