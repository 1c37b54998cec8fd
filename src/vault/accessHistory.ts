import { decodeLeaf, leafHash, type AuditLeaf } from '../crypto/leaf.ts';
import { selectSeen, selectToldDisclosures, type SeenLeaf, type ToldDisclosure } from '../db/accesses.ts';
import { selectLegalOrders } from '../db/legalOrders.ts';
import type { Profile } from '../policy/profile.ts';
import { load } from './act.ts';
import type { TenantKeys } from './keyring.ts';
import { openOrder, secrecyOf } from './legalOrderSeal.ts';
import { believes } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { endOfDay } from './tehranDay.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** A word of the profile and what people call it. */
interface Named {
  readonly id: string;
  readonly title: string;
}

/** Somebody, by their department and no closer, was shown values of a person or had the vault send something there. */
export interface Access {
  readonly id: string;
  readonly how: 'shown' | 'sent' | 'disclosed';
  readonly at: string;
  readonly atJalali: string;
  readonly department: Named;
  readonly purpose?: Named;
  /** The kind of open work it rested on; absent where it needs none. */
  readonly work?: Named;
  readonly full: readonly string[];
  readonly masked: readonly string[];
}

/** Leaves looked through at a time, and how often for one page: what shows nothing is passed over. */
const block = 500;
const mostBlocks = 20;

/**
 * One page of a person's accesses, newest first, `limit + 1` of them where there are more: whoever saw anything of theirs, and
 * what was disclosed under an order that may be told. Of an order that is secret nothing is read here that could show: not in
 * what is counted, nor in which statements are sent.
 */
export async function accessesOf(
  vault: Vault,
  keys: TenantKeys,
  policy: Policy,
  customerId: string,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<readonly Access[]> {
  const seen = await seenBy(vault, policy, keys.tenantId, customerId, after, limit);
  const told = await disclosed(vault, keys, policy, customerId, after, limit);
  return [...seen, ...told].sort((one, other) => (one.id < other.id ? 1 : -1)).slice(0, limit);
}

async function seenBy(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  customerId: string,
  after: string | undefined,
  limit: number,
): Promise<Access[]> {
  const found: Access[] = [];
  let before = after;
  for (let blocks = 0; blocks < mostBlocks && found.length < limit; blocks += 1) {
    const [rows] = await load(vault, tenantId, [selectSeen(tenantId, customerId, before, block)]);
    found.push(...rows.flatMap((row) => accessIn(vault, policy.profile, row)));
    before = rows.at(-1)?.id;
    if (rows.length < block) break;
  }
  return found;
}

function accessIn(vault: Vault, profile: Profile, row: SeenLeaf): Access[] {
  const leaf = readLeaf(vault, row);
  if (leaf === undefined || leaf.outcome !== 'allowed' || leaf.full.length + leaf.masked.length === 0) return [];
  // The column that left legal staff out is not the record.
  if (isLegal(leaf.role) || leaf.legalOrderId !== undefined) return [];
  const [column = '', basis = ''] = leaf.rule.split('.');
  const sent = leaf.action === 'messages.deliver';
  const work = sent ? undefined : workOf(profile, basis);
  return [
    {
      id: leaf.id,
      how: sent ? 'sent' : 'shown',
      ...at(new Date(leaf.at)),
      department: departmentOf(profile, leaf.role === 'department' ? column : leaf.role),
      ...(leaf.purpose === '' ? {} : { purpose: purposeOf(profile, leaf.purpose) }),
      ...(work === undefined ? {} : { work }),
      full: leaf.full,
      masked: leaf.masked,
    },
  ];
}

const isLegal = (role: string): boolean => role === 'legal_registrar' || role === 'legal_approver';

function readLeaf(vault: Vault, row: SeenLeaf): AuditLeaf | undefined {
  try {
    const leaf = decodeLeaf(row.leaf);
    if (leaf.id === row.id && leafHash(row.leaf).equals(row.leafHash)) return leaf;
  } catch {
    // Told below, like one that is not what it says.
  }
  vault.notice('integrity_failure', 'audit_leaf');
  return undefined;
}

const at = (time: Date): Pick<Access, 'at' | 'atJalali'> => timeView('at', time) as Pick<Access, 'at' | 'atJalali'>;

/** Who is no department of the profile. */
const others: Readonly<Record<string, string>> = {
  subject: 'خود شما',
  system_admin: 'مدیریت سامانه',
  department: 'بخش دیگر',
  legal: 'مراجع قانونی',
};

function departmentOf({ departments, processors }: Profile, id: string): Named {
  const firms: Readonly<Record<string, { readonly title: { readonly fa: string } }>> = processors;
  return { id, title: departments[id]?.title.fa ?? firms[id]?.title.fa ?? others[id] ?? id };
}

const purposeOf = ({ purposes }: Profile, id: string): Named => ({ id, title: purposes[id]?.title.fa ?? id });

function workOf({ grantKinds }: Profile, id: string): Named | undefined {
  const kinds: Readonly<Record<string, { readonly title: { readonly fa: string } } | undefined>> = grantKinds;
  const kind = kinds[id];
  return kind === undefined ? undefined : { id, title: kind.title.fa };
}

async function disclosed(
  vault: Vault,
  keys: TenantKeys,
  policy: Policy,
  customerId: string,
  after: string | undefined,
  limit: number,
): Promise<Access[]> {
  const { tenantId } = keys;
  const now = new Date(vault.now());
  const [rows] = await load(vault, tenantId, [selectToldDisclosures(tenantId, customerId, after, now, limit)]);
  const told = rows.filter((row) => believes(vault, keys, 'notices', row));
  const [orders] = await load(vault, tenantId, [
    selectLegalOrders(
      tenantId,
      told.map(({ legalOrderId }) => legalOrderId),
    ),
  ]);
  const authorities = new Map(
    orders.flatMap((order) => {
      const file = openOrder(keys, order);
      const secret = secrecyOf(file);
      const hidden =
        secret?.fromSubject === true && (secret.until === undefined || now < new Date(endOfDay(secret.until)));
      return hidden ? [] : [[order.id, file.record.authority?.name ?? others['legal'] ?? ''] as const];
    }),
  );
  return told.flatMap((row) => disclosureIn(policy.profile, row, authorities.get(row.legalOrderId)));
}

function disclosureIn(profile: Profile, row: ToldDisclosure, authority: string | undefined): Access[] {
  if (authority === undefined) return [];
  return [
    {
      id: row.id,
      how: 'disclosed',
      ...at(row.createdAt),
      department: { id: 'legal', title: authority },
      ...(profile.purposes['legal'] === undefined ? {} : { purpose: purposeOf(profile, 'legal') }),
      full: row.fields,
      masked: [],
    },
  ];
}
