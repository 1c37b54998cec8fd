import { placed, type Change, type RulePlace } from './explain.ts';
import type { Field, Profile } from './profile.ts';
import { readCeilingOf, type CountedBy, type ReadCeiling } from './readCeiling.ts';
import type { Reader } from './reader.ts';

/** How often a reader may read in full in a day, and by which rule. */
export interface ExplainedCeiling extends Pick<ReadCeiling, 'countedBy' | 'perDay'> {
  readonly rules: readonly RulePlace[];
  /** Only where nothing is left. */
  readonly wouldHaveToChange: readonly Change[];
}

/** `left` undefined where it is not known, or not for whoever asks. */
export function explainCeiling(
  profile: Profile,
  who: Reader,
  countedBy: CountedBy,
  left?: number,
): ExplainedCeiling | undefined {
  const ceiling = readCeilingOf(profile, who, countedBy);
  if (ceiling === undefined) return undefined;
  const { perDay, pointer } = ceiling;
  return {
    countedBy,
    perDay,
    rules: [placed(pointer, profile.readCeilings)],
    wouldHaveToChange: left === 0 ? [{ step: 'wait_for_next_day' }, { step: 'new_policy_version', pointer }] : [],
  };
}

/** What the policy knows of an emergency's read. */
export interface ExplainedBreakGlass {
  readonly inPolicy: boolean;
  /** Readers, as columns of the access matrix. */
  readonly grantees?: readonly string[];
  /** At most these, of one person. */
  readonly fields?: readonly Field[];
  /** ISO 8601 durations. */
  readonly longest?: string;
  readonly reviewWithin?: string;
  readonly maxReads?: number;
  /** Of the whole shop. */
  readonly perDay?: number;
  readonly rules: readonly RulePlace[];
  readonly wouldHaveToChange: readonly Change[];
}

export function explainBreakGlass({
  breakGlass: rule,
  grantKinds: { break_glass: kind },
}: Profile): ExplainedBreakGlass {
  const rules = rule === undefined ? [] : [placed('/breakGlass', rule)];
  if (rule?.allowed !== true || kind === undefined)
    return { inPolicy: false, rules, wouldHaveToChange: [{ step: 'new_policy_version', pointer: '/breakGlass' }] };
  const { grantees, fields, longest, maxReads } = kind;
  const { perDay, reviewWithin } = rule;
  return {
    inPolicy: true,
    grantees,
    fields,
    longest,
    maxReads,
    perDay,
    reviewWithin,
    rules: [...rules, placed('/grantKinds/break_glass', kind)],
    wouldHaveToChange: [{ step: 'open_break_glass', kind: 'break_glass' }],
  };
}
