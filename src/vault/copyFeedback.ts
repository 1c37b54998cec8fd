import { listFeedback } from '../db/feedback.ts';
import { load } from './act.ts';
import { copiedRecord, fact, type CopiedRecord, type Copying } from './copyRecord.ts';
import { ownSince, saidIn } from './feedback.ts';
import { believes } from './rowMac.ts';

/** What a person answered and thought, for as long as it is theirs. */
export async function copiedFeedback({ vault, keys, policy, customer, limit, at }: Copying): Promise<CopiedRecord[]> {
  const { tenantId } = keys;
  const own = { customerId: customer.id, ...ownSince(policy.profile, at.getTime()) };
  const [rows] = await load(vault, tenantId, [
    listFeedback(tenantId, { survey: undefined, own, keep: own.keep }, undefined, limit),
  ]);
  return rows
    .filter((row) => believes(vault, keys, 'feedback', row))
    .map((row) => {
      const { text, answers } = saidIn(keys, row) as {
        readonly text?: string;
        readonly answers?: readonly { readonly question: string; readonly answer: string }[];
      };
      const answered = answers?.map(({ question, answer }) => `${question}: ${answer}`) ?? null;
      return copiedRecord(row, {
        facts: [
          ...fact('survey', 'نظرسنجی', row.survey),
          ...fact('text', 'آنچه گفتید', text ?? null),
          ...fact('answers', 'پاسخ‌ها', answered),
        ],
      });
    });
}
