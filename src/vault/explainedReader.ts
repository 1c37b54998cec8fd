import { selectClientsInService } from '../db/clients.ts';
import { refuse } from '../errors.ts';
import type { Role } from '../policy/profile.ts';
import { load } from './act.ts';
import type { Caller } from './caller.ts';
import type { Asked } from './explainedRead.ts';
import { checkMac } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** Of whom is asked. The reader is the caller where none is named. */
export interface AskedReader {
  readonly clientId?: string | undefined;
  readonly role?: Role | undefined;
  readonly department?: string | undefined;
  readonly carrierProfile?: string | undefined;
  readonly actor?: string | undefined;
}

/** Does somebody ask what they themselves may do? A system whose token names nobody may ask for whoever sits before it. */
export function isAboutSelf({ role, clientId, department, actor }: Caller, asked: AskedReader): boolean {
  return (
    (asked.clientId ?? clientId) === clientId &&
    (asked.role ?? role) === role &&
    (asked.department ?? department) === department &&
    (actor === undefined || (asked.actor ?? actor).toLowerCase() === actor.toLowerCase())
  );
}

export async function readerOf(vault: Vault, caller: Caller, asked: AskedReader): Promise<Asked> {
  const { clientId, role, actor } = asked;
  if (clientId !== undefined && clientId !== caller.clientId)
    return clientReader(vault, caller.tenantId, clientId, actor);
  if (role === undefined || role === caller.role) return { ...selfOf(caller), actor: actor ?? caller.actor };
  return nobodysClient(role, asked);
}

/** Nobody's client: a grant for one client alone is not this reader's. */
export function nobodysClient(role: Role, { actor, department, carrierProfile }: AskedReader): Asked {
  return { clientId: '', actor, role, department, carrierProfile };
}

/** Throws `invalid_body` for a client that is not there. */
export async function clientReader(
  vault: Vault,
  tenantId: string,
  clientId: string,
  actor: string | undefined,
): Promise<Asked> {
  const [[client]] = await load(vault, tenantId, [selectClientsInService(tenantId, [clientId])]);
  if (client === undefined) throw refuse('invalid_body', '/clientId', 'unknown_id');
  checkMac(await vault.keyring.tenant(tenantId), 'clients', client);
  const { role, department, carrierProfile } = client;
  return {
    clientId,
    actor,
    role: role as Role,
    department: department ?? undefined,
    carrierProfile: carrierProfile ?? undefined,
  };
}

function selfOf({ clientId, role, department, carrierProfile }: Caller) {
  return { clientId, role, department, carrierProfile };
}
