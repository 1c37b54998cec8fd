import {
  countDueAccounts,
  forgetAccounts,
  selectAccount,
  selectAccountsOf,
  selectDueAccounts,
} from '../db/refundAccounts.ts';
import type { GrantFacts } from '../db/grantFacts.ts';
import { refuse, VaultError } from '../errors.ts';
import { checkText } from '../formats/text.ts';
import { isDeclared } from '../policy/items.ts';
import type { Reader } from '../policy/judge.ts';
import type { Field, Party } from '../policy/profile.ts';
import { load } from './act.ts';
import { copiedRecord, fact, type CopiedRecord, type Copying } from './copyRecord.ts';
import { parseSingle, type PartyKind } from './customerFields.ts';
import { accountMark } from './grantOf.ts';
import type { NewGrant } from './grants.ts';
import type { TenantKeys } from './keyring.ts';
import type { OpenRecord, Plaintext } from './record.ts';
import { readOnceMore } from './renewedMeanwhile.ts';
import { durationOf } from './retentionTerms.ts';
import { believed } from './rowMac.ts';
import { openWords, sealWords, type WordsKey } from './sealedWords.ts';
import { sweepingOf, type Sweeping } from './sweepings.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/**
 * The account that was given for one refund. It stands with the refund's grant, sealed under the customer's data key, and not in
 * the customer's record: it is shown in place of the saved one to whom that grant shows an account in full, it is found by no
 * search, and nobody else sees it. A refund is settled when its grant is closed or has come to its end; the account is kept for
 * so long from then on (`retention.refund_iban`), in the person's own copy alone.
 */
export interface RefundAccount {
  /** Canonical. */
  readonly iban: string;
  /** As it was sent. */
  readonly holderName?: string | undefined;
}

/** Whose name an account is under: a reader sees it who sees all of these. */
export const holderFields: Readonly<Record<PartyKind, readonly [Field, ...Field[]]>> = {
  natural: ['givenName', 'familyName'],
  legal: ['legalName'],
};

/** What a grant's reader may do under it. */
interface Work {
  readonly purpose: string;
  readonly fields: readonly Field[] | null;
}

/** The account as it will be sealed. Throws where the policy takes none, or the grant would not show it. */
export function accountFor(
  policy: Policy,
  reader: Reader,
  { kind, orderId, account }: NewGrant,
  party: Party & PartyKind,
  { purpose, fields }: Work,
): RefundAccount | undefined {
  if (account === undefined) return undefined;
  const { profile } = policy;
  if (kind !== 'refund') throw refuse('invalid_body', '/account', 'not_for_kind');
  if (!isDeclared(profile, party, 'iban')) throw refuse('field_not_declared', '/account/iban');
  if (profile.retention.refund_iban.after === 'not_stored') throw refuse('not_permitted', '/account', 'not_in_policy');
  const work = { kind, purpose, hasOrder: orderId !== undefined, fields: fields ?? undefined, state: 'open' } as const;
  if (policy.judge(reader, work, 'iban').state !== 'full') throw refuse('not_permitted', '/account', 'not_allowed');
  const iban = parseSingle('iban', account.iban, party, {});
  if (!iban.ok) throw refuse('invalid_body', '/account/iban', iban.reason);
  const { holderName } = account;
  const reason = holderName === undefined ? undefined : checkText(holderName, { max: 200, kind: 'name' });
  if (reason !== undefined) throw refuse('invalid_body', '/account/holderName', reason);
  return { iban: iban.canonical, ...(holderName === undefined ? {} : { holderName }) };
}

const place = (grantId: string) => ({ kind: 'grant', recordId: grantId, field: 'account' }) as const;

export function sealAccount(
  keys: TenantKeys,
  customer: WordsKey,
  grantId: string,
  account: RefundAccount | undefined,
): Buffer | null {
  return account === undefined ? null : sealWords(keys, customer, place(grantId), JSON.stringify(account));
}

/** The account of a grant, still sealed. */
export interface GivenAccount {
  readonly grantId: string;
  readonly sealed: Buffer | null;
}

/** Undefined where none was given with the grant. It is fixed for as long as the grant is open. */
export async function givenWith(
  vault: Vault,
  tenantId: string,
  grant: Pick<GrantFacts, 'id' | 'fields'> | undefined,
): Promise<GivenAccount | undefined> {
  if (grant?.fields?.includes(accountMark) !== true) return undefined;
  return givenAccount(vault, tenantId, grant.id);
}

async function givenAccount(vault: Vault, tenantId: string, grantId: string): Promise<GivenAccount> {
  const [[row]] = await load(vault, tenantId, [selectAccount(tenantId, grantId)]);
  return { grantId, sealed: row?.account ?? null };
}

/**
 * The account beside a customer whose row was read after it: where the customer got another data key in between, the account alone is
 * read again. The read of the row is in the log, and counted, once.
 */
export async function accountBeside(
  vault: Vault,
  keys: TenantKeys,
  row: WordsKey,
  given: GivenAccount | undefined,
): Promise<OpenRecord | undefined> {
  if (given === undefined) return undefined;
  let again = false;
  return readOnceMore(vault, keys.tenantId, async () => {
    const account = again ? await givenAccount(vault, keys.tenantId, given.grantId) : given;
    again = true;
    return accountRecord(keys, row, account);
  });
}

/**
 * Its values by label, `iban` and `holderName`; nothing is opened until one is asked for. Throws `integrity_failure` where it was
 * taken out of an open grant: money would go to the saved account instead.
 */
function accountRecord(keys: TenantKeys, customer: WordsKey, { grantId, sealed }: GivenAccount): OpenRecord {
  const text = openWords(keys, customer, place(grantId), sealed);
  if (text === undefined) throw new VaultError('integrity_failure');
  const values = new Map(Object.entries(JSON.parse(text) as Record<string, unknown>));
  return {
    labels: new Set(values.keys()),
    value(label) {
      if (!values.has(label)) throw new VaultError('integrity_failure');
      return values.get(label) as Plaintext;
    },
  };
}

/** For the person's copy: none that has had its time, whether or not a hold keeps it. */
export async function copiedRefundAccounts(copying: Copying): Promise<CopiedRecord[]> {
  const { vault, keys, policy, customer, make, at, limit } = copying;
  const keep = durationOf(policy.profile.retention.refund_iban.keep);
  const [rows] = await load(vault, keys.tenantId, [selectAccountsOf(keys.tenantId, customer.id, { keep, at }, limit)]);
  return believed('grants')(copying, rows).map((row) => {
    const record = accountRecord(keys, customer, { grantId: row.id, sealed: row.account });
    const [nameField] = holderFields[customer.kind].toReversed();
    const holder =
      record.labels.has('holderName') && nameField !== undefined
        ? make(record, 'holderName', nameField, 'refund_iban').map((item) => ({ ...item, title: 'صاحب حساب' }))
        : [];
    return copiedRecord(
      { id: row.id, createdAt: row.openedAt },
      {
        items: [...make(record, 'iban', 'iban', 'refund_iban'), ...holder],
        facts: row.orderId === null ? [] : fact('orderId', 'سفارش', row.orderId),
      },
    );
  });
}

/** That there was a refund, and to an account that was given for it, stays; the account goes. */
export function refundAccounts(keep: string | null): Sweeping {
  return sweepingOf<GrantFacts>({
    action: 'grants.forget_account',
    kind: 'grants',
    select: (tenantId, at, limit) => selectDueAccounts(tenantId, keep, at, limit),
    count: (tenantId, at) => countDueAccounts(tenantId, keep, at),
    letGo: ({ keys }, due) => [
      forgetAccounts(
        keys.tenantId,
        due.map(({ id }) => id),
      ),
    ],
    sparesHeld: true,
    destroysKeys: false,
    genuine: believed('grants'),
  });
}
