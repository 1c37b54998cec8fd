import { digestOf } from '../../src/crypto/digest.ts';
import { commit } from '../../src/db/commit.ts';
import { selectGrantFacts } from '../../src/db/grantFacts.ts';
import { insertPolicyNotice } from '../../src/db/policies.ts';
import { insertPolicyVersion } from '../../src/db/tenants.ts';
import { newId } from '../../src/vault/ids.ts';
import { headStatement } from '../../src/vault/policyHead.ts';
import { macOf } from '../../src/vault/rowMac.ts';
import type { Vault } from '../../src/vault/vault.ts';
import type { TestVault } from './vault.ts';
import { atDatabase } from './work.ts';

/** Publishes a further version of a tenant's policy as the vault's own, told of and so in force at once; the text is not looked at. */
export async function publish(
  { db, keyring, now }: Vault,
  tenantId: string,
  number: number,
  source: string,
  profile = 'kalak',
): Promise<void> {
  const at = new Date(now());
  const policy = { tenantId, number, profile, source, publishedAt: at, effectiveFrom: at };
  const keys = await keyring.tenant(tenantId);
  const notice = {
    tenantId,
    id: newId(at.getTime()),
    number,
    channel: 'site',
    givenAt: at,
    audience: null,
    recordedAt: at,
    recordedBy: tenantId,
    recordedActor: null,
  };
  const mac = macOf(keys, 'policy_versions', policy);
  await commit(db, { tenantIds: [tenantId] }, [
    insertPolicyVersion({ ...policy, sourceSha256: digestOf(Buffer.from(source)), mac }),
    headStatement(keys, { number, mac }),
    insertPolicyNotice({ ...notice, mac: macOf(keys, 'policy_notices', notice) }),
  ]);
}

/** Gives grants that a test has written itself the MAC that the vault would have given them. */
export async function signGrants(vault: TestVault, ids: readonly string[]): Promise<void> {
  const { db, keyring } = vault.vault;
  const { tenantId } = vault;
  const scope = { tenantIds: [tenantId] };
  const [rows] = await commit(db, scope, [selectGrantFacts(ids.map((id) => ({ tenantId, id })))]);
  const keys = await keyring.tenant(tenantId);
  await atDatabase(
    vault,
    `update amanat.grants g set mac = s.mac from unnest($1::uuid[], $2::bytea[]) as s (id, mac) where g.id = s.id`,
    [rows.map(({ id }) => id), rows.map((row) => macOf(keys, 'grants', row))],
  );
}
