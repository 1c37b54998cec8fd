import * as z from 'zod';
import { refuse } from '../errors.ts';
import { giveFeedback, listFeedback, readFeedback } from '../vault/feedback.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { id } from './shapes.ts';

const mostAnswers = 50;
/** The shop's name of a survey says nothing about anybody. */
const surveyName = /^[a-z0-9][a-z0-9_-]{0,59}$/;

const newFeedback = z.strictObject({
  kind: z.enum(['survey', 'opinion']),
  survey: z.string().regex(surveyName).optional(),
  customerId: id.optional(),
  text: z.string().optional(),
  answers: z
    .array(z.strictObject({ question: z.string(), answer: z.string() }))
    .min(1)
    .max(mostAnswers)
    .optional(),
});

export function feedback(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/feedback', 'feedback.create', { body: 'json' }, (request, caller, act) =>
    giveFeedback(vault, caller, act, parseBody(newFeedback, request.body)),
  );
  const query = ['survey', 'limit', 'cursor'] as const;
  declare('get', '/v1/feedback', 'feedback.list', { query }, ({ query: asked }, caller, act) =>
    listFeedback(vault, caller, act, surveyOf(asked.survey), parsePage(asked.limit, asked.cursor)),
  );
  declare('get', '/v1/feedback/:id', 'feedback.read', {}, (request, caller, act) =>
    readFeedback(vault, caller, act, idOf(request)),
  );
}

function surveyOf(text: string | undefined): string | undefined {
  if (text !== undefined && !surveyName.test(text)) throw refuse('invalid_query', '?survey', 'format');
  return text;
}
