import { stringify } from 'yaml';
import { edited, type Edits } from '../unit/policy/kalak.ts';
import { textOf, type ShippedName } from '../unit/policy/shipped.ts';

/** kalak with something changed, or another shipped policy, as its officer would publish it. */
export const policyText = (edits: Edits = {}, of: ShippedName = 'kalak'): string =>
  stringify(edited(edits, textOf(of)), { aliasDuplicateObjects: false });
