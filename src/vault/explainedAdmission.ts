import { VaultError } from '../errors.ts';
import { placed, type ChangeStep, type RulePlace } from '../policy/explain.ts';
import type { Field } from '../policy/profile.ts';
import { expectRecipient, expectUndertaking } from './admissions.ts';
import type { ExplainedCeiling } from '../policy/explainBounds.ts';
import type { ExplainedAct } from './explainedExport.ts';
import { explainFields, type Asked, type Circumstances, type KnownGrant, type SupposedWork } from './explainedRead.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** How the person stands; and the reader's ceiling of which nothing is left today. */
interface Standing extends Pick<Circumstances, 'frozen' | 'objected'> {
  readonly spent: ExplainedCeiling | undefined;
}

/**
 * A read as the route would answer it: the fields, or that the whole of it is refused, because the reader's firm is no active
 * recipient, its member of staff undertook nothing, or has read as many as a day has. By what the route itself asks.
 */
export function explainWholeRead(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  reader: Asked,
  work: KnownGrant | SupposedWork | undefined,
  fields: readonly Field[],
  { spent, ...person }: Standing,
): Partial<ExplainedAct> {
  const { profile } = policy;
  const who = { ...reader, tenantId };
  // Without a client nobody's firm is named.
  const admission = reader.clientId === '' ? { admitted: undefined } : admissionOf(() => expectRecipient(vault, who));
  if ('refused' in admission)
    return refusal('activate_recipient', profile.recipients && placed('/recipients', profile.recipients));
  const seen = explainFields(policy, reader, work, fields, { now: vault.now(), ...person, ...admission });
  const more = seen.some(({ state, rule }) => state === 'full' && !rule.endsWith('.base'));
  const undertaken = more ? admissionOf(() => expectUndertaking(vault, who)) : undefined;
  if (undertaken !== undefined && 'refused' in undertaken)
    return {
      ...refusal(
        'record_undertaking',
        profile.staffUndertaking && placed('/staffUndertaking', profile.staffUndertaking),
      ),
      fields: seen,
    };
  if (more && spent !== undefined) {
    const { rules, wouldHaveToChange } = spent;
    return { outcome: 'refused', code: 'too_many_requests', rules, wouldHaveToChange, fields: seen };
  }
  return { fields: seen };
}

function admissionOf<Admitted>(ask: () => Admitted): { readonly admitted: Admitted } | { readonly refused: true } {
  try {
    return { admitted: ask() };
  } catch (error) {
    if (error instanceof VaultError && error.code === 'not_permitted') return { refused: true };
    throw error;
  }
}

function refusal(step: ChangeStep, rule: RulePlace | undefined): Partial<ExplainedAct> {
  return {
    outcome: 'refused',
    code: 'not_permitted',
    rules: rule === undefined ? [] : [rule],
    wouldHaveToChange: [{ step }],
  };
}
