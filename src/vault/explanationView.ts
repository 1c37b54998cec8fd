import type { Change, ExplainedField, RulePlace } from '../policy/explain.ts';
import type { ExplainedAct } from './explainedExport.ts';
import type { Asked } from './explainedRead.ts';
import { fullWords, reasonWords, stepWords } from './explanationWords.ts';

/** What was found out about an act: of a read its fields alone. */
export type ExplainedAnswer = Partial<ExplainedAct> & { readonly kept?: readonly unknown[] };

export function readerView({ clientId, actor: _actor, ...reader }: Asked) {
  return { ...(clientId === '' ? {} : { clientId }), ...reader };
}

export function explanationView({ fields, rules, wouldHaveToChange, ...rest }: ExplainedAnswer, quotes: Quotes) {
  return {
    ...rest,
    ...(rules === undefined ? {} : { rules: rules.map(ruleView(quotes)) }),
    ...(wouldHaveToChange === undefined ? {} : { wouldHaveToChange: wouldHaveToChange.map(changeView) }),
    ...(fields === undefined ? {} : { fields: fields.map(fieldView(quotes)) }),
  };
}

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
