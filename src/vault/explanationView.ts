import type { Change, ExplainedField, RulePlace } from '../policy/explain.ts';
import type { ExplainedAct } from './explainedExport.ts';
import type { Asked } from './explainedRead.ts';
import type { ExplainedCeiling } from '../policy/explainBounds.ts';
import type { BreakGlassNow, CeilingNow } from './explainedBounds.ts';
import {
  emergencyWords,
  fullWords,
  noEmergencyWords,
  openEmergencyWords,
  reasonWords,
  stepWords,
} from './explanationWords.ts';

/** What was found out about an act: of a read its fields alone. */
export type ExplainedAnswer = Partial<ExplainedAct> & {
  readonly kept?: readonly unknown[];
  readonly readCeilings?: readonly CeilingNow[];
  readonly breakGlass?: BreakGlassNow;
};

export function readerView({ clientId, actor: _actor, ...reader }: Asked) {
  return { ...(clientId === '' ? {} : { clientId }), ...reader };
}

export function explanationView(explained: ExplainedAnswer, quotes: Quotes) {
  const { fields, rules, wouldHaveToChange, readCeilings, breakGlass, ...rest } = explained;
  return {
    ...rest,
    ...(rules === undefined ? {} : { rules: rules.map(ruleView(quotes)) }),
    ...(wouldHaveToChange === undefined ? {} : { wouldHaveToChange: wouldHaveToChange.map(changeView) }),
    ...(readCeilings === undefined ? {} : { readCeilings: readCeilings.map(boundView(quotes)) }),
    ...(breakGlass === undefined ? {} : { breakGlass: breakGlassView(quotes)(breakGlass) }),
    ...(fields === undefined ? {} : { fields: fields.map(fieldView(quotes)) }),
  };
}

export const boundView =
  (quotes: Quotes) =>
  <Bound extends Pick<ExplainedCeiling, 'rules' | 'wouldHaveToChange'>>(bound: Bound) => ({
    ...bound,
    rules: bound.rules.map(ruleView(quotes)),
    wouldHaveToChange: bound.wouldHaveToChange.map(changeView),
  });

export const breakGlassView = (quotes: Quotes) => (seen: BreakGlassNow) => ({
  ...boundView(quotes)(seen),
  text: seen.open === undefined ? (seen.inPolicy ? emergencyWords : noEmergencyWords) : openEmergencyWords,
});

/** Sentences of the published text, by clause. */
export type Quotes = ReadonlyMap<string, readonly string[]>;

export const fieldView = (quotes: Quotes) => (explained: ExplainedField) => ({
  ...explained,
  text: explained.reason === undefined ? fullWords : reasonWords[explained.reason],
  rules: explained.rules.map(ruleView(quotes)),
  wouldHaveToChange: explained.wouldHaveToChange.map(changeView),
});

const ruleView = (quotes: Quotes) => (rule: RulePlace) => {
  const quoted = rule.clauses.flatMap((clause) => (quotes.get(clause) ?? []).map((sentence) => ({ clause, sentence })));
  return { ...rule, ...(quoted.length === 0 ? {} : { quotes: quoted }) };
};

const changeView = (change: Change) => ({ ...change, text: stepWords[change.step] });
