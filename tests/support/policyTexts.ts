import { stringify } from 'yaml';
import { edited, type Edits } from '../unit/policy/kalak.ts';

/** kalak with something changed, as its officer would publish it. */
export const policyText = (edits: Edits = {}): string => stringify(edited(edits), { aliasDuplicateObjects: false });
