import {
  selectPolicyHistory,
  selectPolicyNotices,
  type PolicyNoticeRow,
  type StoredVersionRow,
} from '../db/policies.ts';
import { selectPolicyHead } from '../db/policyHeads.ts';
import { VaultError } from '../errors.ts';
import type { Turn } from '../policy/inForce.ts';
import { parseProfile, type Profile } from '../policy/profile.ts';
import { load } from './act.ts';
import { headOfVersions } from './policyHead.ts';
import { givenNotice, readVersion, turnsOn, type PolicyVersion } from './policyVersions.ts';
import { believes } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** A version as it was published. */
export interface ArchivedVersion extends PolicyVersion {
  readonly row: StoredVersionRow;
}

/** Every version of a tenant's policy, ascending; what people were told of them; which was in force when. */
export interface PolicyHistory {
  readonly versions: readonly ArchivedVersion[];
  readonly notices: readonly PolicyNoticeRow[];
  readonly turns: readonly Turn[];
}

export interface PolicyArchive {
  /** As it stands now. Throws `integrity_failure` when a version is not as it was published. */
  history(tenantId: string): Promise<PolicyHistory>;
  /** At most a second old: for the public, whose number nobody knows. */
  recent(tenantId: string): Promise<PolicyHistory>;
  /** What this process has just added shows at once. */
  renew(tenantId: string): void;
}

const recentMs = 1_000;
/** Texts read and tenants remembered; the oldest goes out. */
const mostTexts = 128;
const mostTenants = 32;

export function policyArchive(vault: Vault): PolicyArchive {
  const texts = new Map<string, Profile>();
  const known = new Map<string, { readonly at: number; readonly history: Promise<PolicyHistory> }>();
  // The row's MAC names tenant, number and text.
  const read = ({ mac, source }: StoredVersionRow): Profile => {
    const key = mac.toString('base64');
    const profile = texts.get(key) ?? parseProfile(source);
    return remember(texts, key, profile, mostTexts);
  };
  return {
    history: (tenantId) => readHistory(vault, tenantId, read),
    renew: (tenantId) => void known.delete(tenantId),
    recent(tenantId) {
      const last = known.get(tenantId);
      const age = last === undefined ? Infinity : vault.now() - last.at;
      if (last !== undefined && age >= 0 && age < recentMs) return last.history;
      const history = readHistory(vault, tenantId, read);
      history.catch(() => known.delete(tenantId));
      return remember(known, tenantId, { at: vault.now(), history }, mostTenants).history;
    },
  };
}

async function readHistory(
  vault: Vault,
  tenantId: string,
  read: (row: StoredVersionRow) => Profile,
): Promise<PolicyHistory> {
  const keys = await vault.keyring.tenant(tenantId);
  const [[head], rows, told] = await load(vault, tenantId, [
    selectPolicyHead(tenantId),
    selectPolicyHistory(tenantId),
    selectPolicyNotices(tenantId),
  ]);
  if (headOfVersions(keys, head, rows) === 'missing') throw new VaultError('integrity_failure');
  const versions = rows.map((row) => ({ ...readVersion(keys, row, () => read(row)), row }));
  const notices = told.filter((row) => believes(vault, keys, 'policy_notices', row));
  return { versions, notices, turns: turnsOn(versions, notices.map(givenNotice)) };
}

function remember<V>(map: Map<string, V>, key: string, value: V, most: number): V {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > most && oldest.done !== true) map.delete(oldest.value);
  return value;
}
