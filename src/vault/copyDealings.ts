import { listAcceptances } from '../db/acceptances.ts';
import { listConsents } from '../db/consents.ts';
import { selectCopiedMessages } from '../db/copies.ts';
import { listRequests } from '../db/requests.ts';
import { accessesOf, type Access } from './accessHistory.ts';
import { load } from './act.ts';
import { copiedRecord, fact, type CopiedFact, type CopiedRecord, type Copying } from './copyRecord.ts';
import { channelWords, fieldWords, wordFor } from './persianWords.ts';
import { wordsOfKind, wordsOfReason, wordsOfState } from './requestRecord.ts';
import { believes } from './rowMac.ts';

/** What a copy tells of the dealings with a person: what they agreed to, what they were sent, what they asked for. */

const titleOf = ({ policy }: Copying, purpose: string): string => policy.profile.purposes[purpose]?.title.fa ?? purpose;

const purposeFact = (copying: Copying, purpose: string | null): CopiedFact[] =>
  purpose === null ? [] : fact('purpose', 'برای', purpose, titleOf(copying, purpose));

const channelFact = (channel: string): CopiedFact[] =>
  fact('channel', 'راه ارتباط', channel, wordFor(channelWords, channel));

const consentWords: Readonly<Record<string, string>> = { given: 'موافقت', withdrawn: 'انصراف' };

export async function copiedConsents(copying: Copying): Promise<CopiedRecord[]> {
  const { vault, keys, customer, limit } = copying;
  const [rows] = await load(vault, keys.tenantId, [listConsents(keys.tenantId, customer.id, undefined, limit)]);
  const methods: Readonly<Record<string, { readonly title: { readonly fa: string } }>> =
    copying.policy.profile.consent.methods;
  return rows
    .filter((row) => believes(vault, keys, 'consents', row))
    .map((row) =>
      copiedRecord(row, {
        facts: [
          ...fact('kind', 'چه گفتید', row.kind, wordFor(consentWords, row.kind)),
          ...purposeFact(copying, row.purpose),
          ...channelFact(row.channel),
          ...fact('method', 'چگونه', row.method, methods[row.method ?? '']?.title.fa),
          ...fact('policyVersion', 'نسخهٔ سیاست', row.policyVersion),
        ],
      }),
    );
}

export async function copiedAcceptances(copying: Copying): Promise<CopiedRecord[]> {
  const { vault, keys, customer, limit, policy } = copying;
  const [rows] = await load(vault, keys.tenantId, [listAcceptances(keys.tenantId, customer.id, undefined, limit)]);
  const methods: Readonly<Record<string, { readonly title: { readonly fa: string } }>> = policy.profile.consent.methods;
  return rows
    .filter((row) => believes(vault, keys, 'acceptances', row))
    .map((row) =>
      copiedRecord(
        { id: row.id, createdAt: row.acceptedAt },
        {
          facts: [
            ...fact('policyVersion', 'نسخهٔ سیاست', `${policy.profile.id}/${row.number}`),
            ...fact('method', 'چگونه', row.method, methods[row.method]?.title.fa),
            ...fact(
              'attested',
              'درستی داده‌ها را گواهی کردید',
              row.attestationSha256 !== null,
              row.attestationSha256 === null ? 'خیر' : 'بله',
            ),
          ],
        },
      ),
    );
}

const messageWords: Readonly<Record<string, string>> = {
  queued: 'در نوبت ارسال',
  sent: 'فرستاده شد',
  withheld: 'فرستاده نشد',
  dead: 'فرستاده نشد',
};

/** That something was sent, what for and by which way. Its text went when it was sent. */
export async function copiedMessages(copying: Copying): Promise<CopiedRecord[]> {
  const { vault, keys, customer, limit } = copying;
  const [rows] = await load(vault, keys.tenantId, [selectCopiedMessages(keys.tenantId, customer.id, limit)]);
  return rows
    .filter((row) => believes(vault, keys, 'messages', row))
    .map((row) =>
      copiedRecord(row, {
        facts: [
          ...purposeFact(copying, row.purpose),
          ...channelFact(row.channel),
          ...fact('state', 'نتیجه', row.state, wordFor(messageWords, row.state)),
        ],
      }),
    );
}

export async function copiedRequests(copying: Copying): Promise<CopiedRecord[]> {
  const { vault, keys, customer, limit } = copying;
  const filter = { customerId: customer.id, state: undefined };
  const [rows] = await load(vault, keys.tenantId, [listRequests(keys.tenantId, filter, undefined, limit)]);
  return rows
    .filter((row) => believes(vault, keys, 'requests', row))
    .map((row) =>
      copiedRecord(
        { id: row.id, createdAt: row.askedAt },
        {
          facts: [
            ...fact('kind', 'درخواست', row.kind, wordsOfKind(row.kind)),
            ...purposeFact(copying, row.purpose),
            ...fact('state', 'نتیجه', row.state, wordsOfState(row.state)),
            // What became of an open one is told when it is closed.
            ...(row.state === 'open' || row.reason === null
              ? []
              : fact('reason', 'دلیل قانونی', row.reason, wordsOfReason(row.reason))),
          ],
        },
      ),
    );
}

const accessWords: Readonly<Record<Access['how'], string>> = {
  shown: 'دید',
  sent: 'پیام فرستاد',
  disclosed: 'به موجب قانون دریافت کرد',
};

const wordsOf = (fields: readonly string[]): string => fields.map((field) => wordFor(fieldWords, field)).join('، ');

/** Who saw what, by department. */
export async function copiedAccesses({ vault, keys, policy, customer, limit }: Copying): Promise<CopiedRecord[]> {
  const accesses = await accessesOf(vault, keys, policy, customer.id, { after: undefined, limit });
  return accesses.map((access) =>
    copiedRecord(
      { id: access.id, createdAt: new Date(access.at) },
      {
        facts: [
          ...fact('department', 'بخش', access.department.id, access.department.title),
          ...fact('how', 'چه شد', access.how, accessWords[access.how]),
          ...(access.purpose === undefined ? [] : fact('purpose', 'برای', access.purpose.id, access.purpose.title)),
          ...(access.work === undefined ? [] : fact('work', 'در کار', access.work.id, access.work.title)),
          ...(access.full.length === 0 ? [] : fact('full', 'آشکار', access.full, wordsOf(access.full))),
          ...(access.masked.length === 0 ? [] : fact('masked', 'پوشیده', access.masked, wordsOf(access.masked))),
        ],
      },
    ),
  );
}
