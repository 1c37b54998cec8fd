import type { Fault } from '../errors.ts';
import { nameKey } from '../formats/text.ts';
import type { Ground } from './legalGround.ts';
import type { LegalOrderInput, LegalOrderRecord, Recipient } from './legalOrderRecord.ts';

/**
 * To whom a disclosure may go: under an order to its issuer or to the officer whom the letter names, under any other
 * ground to those it may serve. A private lawyer is never served by an order.
 */
export function checkRecipient(ground: Ground, input: LegalOrderInput, faults: Fault[]): Recipient | undefined {
  const { recipient } = input;
  if (recipient === undefined) return undefined;
  const as = recipient.as ?? meant(ground, input);
  if (!ground.recipients.includes(as)) faults.push({ pointer: '/recipient/as', code: 'not_of_this_ground' });
  if (as === 'issuer' && !isIssuer(input)) faults.push({ pointer: '/recipient/name', code: 'not_the_issuer' });
  if (as === 'named_officer' && recipient.title === undefined)
    faults.push({ pointer: '/recipient/title', code: 'required' });
  return { ...recipient, as };
}

function meant(ground: Ground, input: LegalOrderInput): Recipient['as'] {
  const [first = 'body'] = ground.recipients;
  return first === 'issuer' && !isIssuer(input) ? 'named_officer' : first;
}

function isIssuer({ authority, recipient }: LegalOrderInput): boolean {
  const name = nameKey(recipient?.name ?? '');
  return [authority?.name, authority?.officialName].some((known) => known !== undefined && nameKey(known) === name);
}

/** B6: what the person agreed to covers what is to leave, and came first. */
export function checkPermission(record: LegalOrderRecord, faults: Fault[]): void {
  const { permission, scope, recipient, receivedAt } = record;
  if (permission === undefined || record.ground !== 'consent') return;
  const beyond = scope.fields.some((field) => !permission.fields.includes(field));
  if (beyond) faults.push({ pointer: '/permission/fields', code: 'does_not_cover' });
  if (nameKey(permission.recipientName) !== nameKey(recipient?.name ?? ''))
    faults.push({ pointer: '/permission/recipientName', code: 'another_recipient' });
  if (permission.givenAt > receivedAt) faults.push({ pointer: '/permission/givenAt', code: 'after_receipt' });
}
