import { digestOf } from '../crypto/digest.ts';
import type { Statement } from '../db/statement.ts';
import { insertPolicyVersion, insertTenant } from '../db/tenants.ts';
import { VaultError } from '../errors.ts';
import type { RootKey } from '../keys/folder.ts';
import { parseProfile } from '../policy/profile.ts';
import { enrolClient } from './clients.ts';
import { newId } from './ids.ts';
import { newTenantKeys } from './keyring.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import { macOf } from './rowMac.ts';

/** A tenant to be: what was made for it, and the statements that make it stand, all in one commit. */
export interface NewTenant {
  readonly tenantId: string;
  readonly clientId: string;
  /** Shown once; only its hash is stored. */
  readonly clientSecret: string;
  readonly statements: readonly Statement[];
}

/** A tenant with its keys, the first version of its policy and one `system_admin` client. */
export async function newTenant(root: RootKey, name: string, profileSource: string, now: number): Promise<NewTenant> {
  const profile = parseProfile(profileSource);
  const at = new Date(now);
  const tenantId = newId(now);
  const { keys, statements: keyStatements } = await newTenantKeys(root, tenantId, at);
  const policy = {
    tenantId,
    number: 1,
    profile: profile.id,
    source: profileSource,
    publishedAt: at,
    effectiveFrom: at,
  };
  const sourceSha256 = digestOf(Buffer.from(profileSource));
  const administrator = {
    name: 'first system administrator',
    role: 'system_admin',
    authMethod: 'client_secret',
  } as const;
  const { id: clientId, secret, statements: clientStatements } = enrolClient(profile, keys, administrator, now);
  if (secret === undefined) throw new VaultError('internal');
  return {
    tenantId,
    clientId,
    clientSecret: secret,
    statements: [
      insertTenant({ id: tenantId, name, createdAt: at }),
      ...keyStatements,
      insertPolicyVersion({ ...policy, sourceSha256, mac: macOf(keys, 'policy_versions', policy) }),
      ...clientStatements,
      firstLeaf(tenantId, clientId, `${profile.id}/1`, now),
    ],
  };
}

/** The log begins with the tenant itself. */
function firstLeaf(tenantId: string, clientId: string, policyVersion: string, now: number): Statement {
  const object = { kind: 'tenant', id: tenantId };
  return operatorLeaf({ tenantId, clientId, policyVersion, action: 'tenants.create', object }, now);
}
