import { refuse } from '../errors.ts';
import { checkText } from '../formats/text.ts';

/** Why somebody did it, in at most 500 characters of plain text. Throws `invalid_body` at `/reason`. */
export function checkReason(reason: string): void {
  const fault = checkText(reason, { max: 500, kind: 'text' });
  if (fault !== undefined) throw refuse('invalid_body', '/reason', fault);
}
