import { refuse, type Fault } from '../errors.ts';
import { VaultError } from '../errors.ts';
import { containsCardData } from '../formats/card.ts';
import { foldIdentifier } from '../formats/identifier.ts';

const safeName = /^[A-Za-z][A-Za-z0-9]{0,39}$/;

/**
 * Refuses a body that holds a card number, CVV2, expiry or second password anywhere: in a value, in a number, or as a
 * member's name and value together. `exempt` are pointers where sixteen digits mean something else (a case number); a text
 * there is looked at all the same when it says more than such a number or a certificate.
 */
export function refuseCardData(body: unknown, exempt: readonly string[] = []): void {
  const faults: Fault[] = [];
  search(body, '', '', exempt, faults);
  if (faults.length > 0) throw new VaultError('card_data_refused', faults);
}

function search(value: unknown, name: string, pointer: string, exempt: readonly string[], faults: Fault[]): void {
  if (exempt.includes(pointer) && (typeof value !== 'string' || isAnother(value))) return;
  if (typeof value === 'string' || typeof value === 'number') {
    if (containsCardData(String(value), name)) faults.push({ pointer, code: 'card_data_refused' });
  } else if (Array.isArray(value)) {
    value.forEach((item, i) => search(item, '', `${pointer}/${i}`, exempt, faults));
  } else if (typeof value === 'object' && value !== null) {
    for (const [member, inner] of Object.entries(value)) {
      if (containsCardData('', member)) throw refuse('card_data_refused', pointer);
      search(inner, member, safeName.test(member) ? `${pointer}/${member}` : pointer, exempt, faults);
    }
  }
}

const certificate = /^\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*$/;

/** Nothing but a number of sixteen or eighteen digits, or a certificate. */
function isAnother(text: string): boolean {
  return certificate.test(text) || /^\d{16}(?:\d{2})?$/.test(foldIdentifier(text));
}
