import { maskField } from '../policy/masks.ts';
import type { Decision, Verdict } from '../policy/judge.ts';
import type { Field, Reason } from '../policy/profile.ts';
import { forResealing, reveal, type OpenValues } from './record.ts';
import type { Policy } from './watch.ts';

/** A hidden field says why; it is never an empty string. */
export type Shown =
  | { readonly state: 'full'; readonly value: unknown }
  | { readonly state: 'masked'; readonly value: unknown; readonly reason: Reason }
  | { readonly state: 'withheld'; readonly reason: Reason };

/** A sealed value that is to be shown: where it stands, whose mask it takes, and the mask made when it was written. */
export interface Showable {
  readonly label: string;
  readonly field: Field;
  /** Null where the value has no mask, undefined where the mask was made by older rules. */
  readonly mask: unknown;
}

/** What the verdict lets out of a value. An older mask is made anew from the value, which stays inside. */
export function show(policy: Policy, verdict: Verdict, record: OpenValues, { label, field, mask }: Showable): Shown {
  switch (verdict.state) {
    case 'full':
      return { state: 'full', value: reveal(verdict, record.value(label)) };
    case 'masked': {
      const value = mask === undefined ? maskField(policy.profile, field, forResealing(record.value(label))) : mask;
      const { reason } = verdict;
      return value === null || value === undefined ? { state: 'withheld', reason } : { state: 'masked', value, reason };
    }
    case 'withheld':
      return { state: 'withheld', reason: verdict.reason };
  }
}

/** A value that answers for several fields is shown as the least visible of them is. */
export function weakest(decision: Decision, fields: readonly [Field, ...Field[]]): Verdict {
  const verdicts = fields.map((field) => decision.verdicts[field]);
  return (
    verdicts.find((v) => v.state === 'withheld') ??
    verdicts.find((v) => v.state === 'masked') ??
    decision.verdicts[fields[0]]
  );
}

/** A value that is not there. A caller who may not see it does not learn whether it was ever collected. */
export function absent(verdict: Verdict): Shown {
  return { state: 'withheld', reason: verdict.state === 'withheld' ? verdict.reason : 'not_collected' };
}
