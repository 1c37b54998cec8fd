import { hashClientSecret, newClientSecret } from '../crypto/clientSecret.ts';
import { digestOf } from '../crypto/digest.ts';
import { insertClient, insertClientSecret } from '../db/clients.ts';
import type { Statement } from '../db/statement.ts';
import { insertPolicyVersion, insertTenant } from '../db/tenants.ts';
import type { RootKey } from '../keys/folder.ts';
import { parseProfile } from '../policy/profile.ts';
import { newId } from './ids.ts';
import { newTenantKeys } from './keyring.ts';
import { operatorLeaf } from './operatorLeaf.ts';

/** A tenant to be: what was made for it, and the statements that make it stand, all in one commit. */
export interface NewTenant {
  readonly tenantId: string;
  readonly clientId: string;
  /** Shown once; only its hash is stored. */
  readonly clientSecret: string;
  readonly statements: readonly Statement[];
}

/** A tenant with its keys, the first version of its policy and one `system_admin` client. */
export function newTenant(root: RootKey, name: string, profileSource: string, now: number): NewTenant {
  const profile = parseProfile(profileSource);
  const at = new Date(now);
  const tenantId = newId(now);
  const clientId = newId(now);
  const clientSecret = newClientSecret();
  return {
    tenantId,
    clientId,
    clientSecret,
    statements: [
      insertTenant({ id: tenantId, name, createdAt: at }),
      ...newTenantKeys(root, tenantId, at),
      insertPolicyVersion({
        tenantId,
        number: 1,
        profile: profile.id,
        source: profileSource,
        sourceSha256: digestOf(Buffer.from(profileSource)),
        publishedAt: at,
        effectiveFrom: at,
      }),
      insertClient({
        tenantId,
        id: clientId,
        name: 'first system administrator',
        role: 'system_admin',
        authMethod: 'client_secret',
        jwk: null,
        department: null,
        carrierProfile: null,
        version: 1,
        createdAt: at,
        disabledAt: null,
      }),
      insertClientSecret(
        { tenantId, clientId, id: newId(now), hash: hashClientSecret(clientSecret), createdAt: at },
        1,
      ),
      firstLeaf(tenantId, clientId, `${profile.id}/1`, now),
    ],
  };
}

/** The log begins with the tenant itself. */
function firstLeaf(tenantId: string, clientId: string, policyVersion: string, now: number): Statement {
  const object = { kind: 'tenant', id: tenantId };
  return operatorLeaf({ tenantId, clientId, policyVersion, action: 'tenants.create', object }, now);
}
