import { selectAssurances, type AssuranceLevel } from '../db/contactPoints.ts';
import { listSupplementary } from '../db/supplementaryRequests.ts';
import { selectFormerStates } from '../db/versions.ts';
import type { CheckKind } from '../policy/vocabulary.ts';
import { load } from './act.ts';
import { assuranceOf, type PointsOfCustomer } from './assurance.ts';
import { formerPoints, mostStates } from './contactPointList.ts';
import { emailPoint, pointsOf, submissionOfPoint, type ContactPoint } from './contactPoints.ts';
import { copiedRecord, fact, type CopiedFact, type CopiedItem, type CopiedRecord, type Copying } from './copyRecord.ts';
import { placeFields, type CustomerHeader } from './customerSeal.ts';
import { keptFor } from './formerVersions.ts';
import { wordFor } from './persianWords.ts';
import { headerOf, openRecord, type OpenRecord } from './record.ts';
import { believes } from './rowMac.ts';
import { isCovered, submissionsOf } from './submission.ts';
import { certainty, openAnswers, standingAt, supplementaryOf, wordsOfSupplementary } from './supplementaryRecord.ts';

/** What a copy tells of how the data came, what contact points are taken for, and what was asked beside them. */

const yesNo = (name: string, title: string, value: boolean): CopiedFact[] =>
  fact(name, title, value, value ? 'بله' : 'خیر');

const opened = ({ keys, customer }: Copying) => {
  const record = openRecord(keys, 'customer', customer);
  return { record, header: headerOf<CustomerHeader>(record) };
};

/** Each writing that a value of the record still rests on, with the person's word that it was true (E1, E3). */
export function copiedSubmissions(copying: Copying): Promise<CopiedRecord[]> {
  const { customer, policy, limit } = copying;
  const { sources } = policy.profile;
  const { header } = opened(copying);
  const records = submissionsOf(header, customer).map(({ version, source, at, attestation }) =>
    copiedRecord(
      { id: customer.id, createdAt: new Date(at) },
      {
        facts: [
          ...fact('version', 'نسخهٔ پرونده', version),
          ...fact('source', 'از کجا به دست آمد', source, sources[source].title.fa),
          ...yesNo('covered', 'متن سیاست آن را در بر دارد', isCovered(policy.profile, source)),
          ...yesNo('attested', 'درستی داده‌ها را گواهی کردید', attestation !== undefined),
          ...(attestation === undefined ? [] : fact('attestedAt', 'زمان گواهی', attestation.at)),
        ],
      },
    ),
  );
  return Promise.resolve(records.toReversed().slice(0, limit));
}

const levelWords: Readonly<Record<'unconfirmed' | AssuranceLevel, string>> = {
  unconfirmed: 'تأیید نشده',
  deemed_confirmed: 'به گفتهٔ شما درست است',
  verified: 'با کد تأیید شد',
};

/** The official contact points with what each is taken for, then the former ones (D9, D11). */
export async function copiedContactPoints(copying: Copying): Promise<CopiedRecord[]> {
  const { vault, keys, policy, customer, at, limit } = copying;
  const keep = keptFor(policy.profile, 'customers');
  const [assurances, states] = await load(vault, keys.tenantId, [
    selectAssurances(keys.tenantId, customer.id),
    selectFormerStates(keys.tenantId, customer.id, keep, at, mostStates),
  ]);
  const now: PointsOfCustomer = { ...opened(copying), row: customer, assurances };
  const official = pointsOf(now.header).map((point) => {
    const { level } = assuranceOf(vault, keys, policy.profile, now, point);
    const since = new Date(submissionOfPoint(now.header, customer, point).at);
    return pointRecord(
      copying,
      now.record,
      point,
      since,
      fact('assurance', 'اطمینان', level, wordFor(levelWords, level)),
    );
  });
  const former = formerPoints(keys, now, states).map(({ point, state, from, until }) =>
    pointRecord(copying, state.record, point, from, fact('until', 'تا', until.toISOString())),
  );
  return [...official, ...former].slice(0, limit);
}

function pointRecord(
  { customer, make }: Copying,
  record: OpenRecord,
  point: ContactPoint,
  createdAt: Date,
  facts: readonly CopiedFact[],
): CopiedRecord {
  const items: CopiedItem[] = point.labels.flatMap((label) => {
    const part = placeFields.find((field) => point.field === 'address' && label.endsWith(`/${field}`));
    return make(record, label, part ?? point.field, 'account');
  });
  return copiedRecord({ id: point.id === emailPoint ? customer.id : point.id, createdAt }, { items, facts });
}

/** What was asked of the person about an order, and what they answered, for as long as that is kept (D12). */
export async function copiedSupplementary(copying: Copying): Promise<CopiedRecord[]> {
  const { vault, keys, policy, customer, at, limit } = copying;
  const filter = { customerId: customer.id, orderId: undefined, state: undefined };
  const [rows] = await load(vault, keys.tenantId, [
    listSupplementary(keys.tenantId, filter, undefined, undefined, limit),
  ]);
  const rule = supplementaryOf(policy.profile);
  return rows
    .filter((row) => believes(vault, keys, 'supplementary_requests', row))
    .map((row) => {
      const { state } = standingAt(row, at);
      const answers = Object.entries(openAnswers(keys, policy.profile, customer, row, at)?.values ?? {});
      return copiedRecord(
        { id: row.id, createdAt: row.openedAt },
        {
          facts: [
            ...fact('orderId', 'سفارش', row.orderId),
            ...fact('reason', 'دلیل', certainty.code, certainty.text),
            ...fact('check', 'بررسی ناموفق', row.checkKind, rule?.checks[row.checkKind as CheckKind]?.title.fa),
            ...fact('state', 'وضعیت', state, wordsOfSupplementary(state)),
            ...answers.flatMap(([name, value]) =>
              fact(name, rule?.asks[name]?.title.fa ?? name, typeof value === 'string' ? value : JSON.stringify(value)),
            ),
          ],
        },
      );
    });
}
