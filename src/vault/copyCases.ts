import { listCases, type CaseKind } from '../db/cases.ts';
import { load } from './act.ts';
import { openCase, wordsOfCase } from './caseRecord.ts';
import { customerOf, isKept } from './cases.ts';
import { copiedRecord, fact, type CopiedRecord, type Copying } from './copyRecord.ts';
import { wordFor } from './persianWords.ts';
import { believes } from './rowMac.ts';

const outcomeWords: Readonly<Record<string, string>> = {
  upheld: 'وارد بود',
  partly_upheld: 'بخشی وارد بود',
  not_upheld: 'وارد نبود',
  answered: 'پاسخ داده شد',
  confirmed: 'سوء استفاده تأیید شد',
  unfounded: 'سوء استفاده‌ای نبود',
};

const names = { words: 'text', finding: 'finding', remedy: 'remedy' } as const;
const titles = { text: 'آنچه گفتید', finding: 'یافته یا پاسخ', remedy: 'اقدام' } as const;

/** What a person brought before the shop, what was said of it and how it ended; not by whom. */
export function copiedCases(kind: CaseKind): (copying: Copying) => Promise<CopiedRecord[]> {
  return async ({ vault, keys, policy, customer, limit, at }) => {
    const { tenantId } = keys;
    const filter = { customerId: customer.id, state: undefined };
    const page = { unseenBy: undefined, beforeId: undefined, limit };
    const [rows] = await load(vault, tenantId, [listCases(tenantId, kind, filter, page)]);
    const person = await customerOf(vault, tenantId, customer.id);
    return rows
      .filter((row) => believes(vault, keys, 'cases', row))
      .map((row) => {
        const said = isKept(policy.profile, row, at.getTime()) ? openCase(keys, person, row, names) : {};
        return copiedRecord(
          { id: row.id, createdAt: row.filedAt },
          {
            facts: [
              ...fact('state', 'وضعیت', row.state, wordsOfCase(row.state)),
              ...(row.clauses.length === 0 ? [] : fact('clauses', 'بندهای سیاست', row.clauses)),
              ...Object.values(names).flatMap((name) => fact(name, titles[name], said[name] ?? null)),
              ...(row.outcome === null
                ? []
                : fact('outcome', 'نتیجه', row.outcome, wordFor(outcomeWords, row.outcome))),
            ],
          },
        );
      });
  };
}
