import { selectClientsInService } from '../db/clients.ts';
import { freezeCustomer, selectContained, takeCustomer, thawContained as thawStatement } from '../db/freezes.ts';
import { closeGrantsFor, selectGrantsFor } from '../db/grantsOfReader.ts';
import { selectCustomersForRights } from '../db/rightsCustomers.ts';
import type { Statement } from '../db/statement.ts';
import { insertRevocation } from '../db/tokens.ts';
import { refuse, VaultError, type Fault } from '../errors.ts';
import { clockMarginMs, maxLifetimeSeconds } from './accessToken.ts';
import { load, type Act, type Answer } from './act.ts';
import { leafStatement } from './audit.ts';
import type { Caller } from './caller.ts';
import { personOf } from './fourEyes.ts';
import { newId, timeOf } from './ids.ts';
import type { Containment } from './incidentRecord.ts';
import { incidentOf, takeStep, type OpenedIncident } from './incidents.ts';
import { permit } from './permit.ts';
import { freezing, type FrozenReader } from './readerFreezes.ts';
import type { Vault } from './vault.ts';

/** Grants closed by one call; where there are more, the answer says so, and the same call closes the next. */
const mostGrants = 1_000;

export interface AskedContainment {
  /** Ids (`jti`) of access tokens. */
  readonly tokens: readonly string[];
  readonly clients: readonly string[];
  readonly actors: readonly string[];
  /** Of those clients and members of staff: the open work that was theirs by name. */
  readonly closeGrants: boolean;
  readonly customers: readonly string[];
}

/**
 * Stops what is going on, in one commit: tokens are revoked, clients and members of staff frozen, their work closed, accounts
 * frozen. Holds on every process within five seconds. What was done can be done again without harm.
 */
export async function containIncident(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  asked: AskedContainment,
): Promise<Answer> {
  permit(caller, 'incidents.contain');
  const person = personOf(caller);
  const { tenantId } = caller;
  const incident = await incidentOf(vault, tenantId, id);
  if (incident.file.state === 'closed') throw refuse('conflict', '', 'closed');
  await checkAsked(vault, caller, asked);
  const at = new Date(vault.now());
  const found = await targetsOf(vault, tenantId, id, asked);
  const statements = stopping(vault, caller, act, incident, asked, found, at);
  const done: Containment = {
    id: newId(at.getTime()),
    at: at.toISOString(),
    clientId: person.clientId,
    actor: person.actor,
    tokens: asked.tokens,
    clients: asked.clients,
    actors: asked.actors,
    customers: found.customers,
    grants: found.grants.length,
    moreGrants: found.moreGrants,
  };
  const answer = await takeStep(vault, caller, act, incident, contained(incident, done), 'contained', statements);
  for (const jti of asked.tokens) vault.watch.revokeToken(jti, expiryOf(jti).getTime());
  await vault.watch.lookAnew();
  return answer;
}

interface Targets {
  /** That this incident did not hold before. */
  readonly customers: readonly string[];
  readonly grants: readonly { readonly id: string; readonly customerId: string }[];
  readonly moreGrants: boolean;
}

async function targetsOf(
  vault: Vault,
  tenantId: string,
  incidentId: string,
  asked: AskedContainment,
): Promise<Targets> {
  const { clients, actors, customers, closeGrants } = asked;
  const lower = actors.map((actor) => actor.toLowerCase());
  const [held, grants] = await load(vault, tenantId, [
    selectContained(tenantId, customers, incidentId),
    selectGrantsFor(tenantId, closeGrants ? clients : [], closeGrants ? lower : [], mostGrants + 1),
  ]);
  const before = new Set(held.map(({ id }) => id));
  return {
    customers: [...new Set(customers)].filter((id) => !before.has(id)),
    grants: grants.slice(0, mostGrants),
    moreGrants: grants.length > mostGrants,
  };
}

function stopping(
  vault: Vault,
  caller: Caller,
  act: Act,
  { keys, row }: OpenedIncident,
  { tokens, clients, actors }: AskedContainment,
  { customers, grants }: Targets,
  at: Date,
): Statement[] {
  const { tenantId } = caller;
  const { freezes } = vault.watch.policy(tenantId).profile.misuse;
  const readers: FrozenReader[] = [...clients.map((clientId) => ({ clientId })), ...actors.map((actor) => ({ actor }))];
  const leafAbout = (subjectId: string, object: { kind: string; id: string }, grantId?: string) =>
    leafStatement(vault, caller, act, { subjectId, object, grantId, rule: 'incident' });
  return [
    ...tokens.map((tokenId) => insertRevocation(tenantId, { tokenId, expiresAt: expiryOf(tokenId) }, at)),
    ...freezing(keys, readers, at, personOf(caller), row.id),
    ...customers.map((id) => freezeCustomer(tenantId, id, freezes, row.id)),
    ...customers.map((id) => leafAbout(id, { kind: 'incidents', id: row.id })),
    closeGrantsFor(
      tenantId,
      grants.map(({ id }) => id),
      at,
    ),
    ...grants.map(({ id, customerId }) => leafAbout(customerId, { kind: 'grants', id }, id)),
  ];
}

/** By then no token of that id can live, whenever in its own millisecond it was made. */
const expiryOf = (tokenId: string): Date => new Date(timeOf(tokenId) + maxLifetimeSeconds * 1000 + clockMarginMs);

const contained = ({ file }: OpenedIncident, done: Containment) =>
  ({ ...file, state: 'contained', contained: [...(file.contained ?? []), done] }) as const;

/** Throws `invalid_body` with every place. Nobody stops themselves: who then would lift it? */
async function checkAsked(vault: Vault, caller: Caller, asked: AskedContainment): Promise<void> {
  const { tenantId, clientId, actor } = caller;
  const { tokens, clients, actors, customers } = asked;
  const [known, persons] = await load(vault, tenantId, [
    selectClientsInService(tenantId, clients),
    selectCustomersForRights(tenantId, customers),
  ]);
  const inService = new Set(known.map((client) => client.id));
  const standing = new Set(persons.filter((customer) => customer.standing).map((customer) => customer.id));
  const own = (one: string): boolean => one.toLowerCase() === actor?.toLowerCase();
  const faults: Fault[] = [
    ...clients.flatMap((one, i) => (inService.has(one) ? [] : [fault('clients', i, 'unknown_id')])),
    ...clients.flatMap((one, i) => (one === clientId ? [fault('clients', i, 'oneself')] : [])),
    ...actors.flatMap((one, i) => (own(one) ? [fault('actors', i, 'oneself')] : [])),
    ...customers.flatMap((one, i) => (standing.has(one) ? [] : [fault('customers', i, 'unknown_id')])),
    ...(tokens.length + clients.length + actors.length + customers.length === 0
      ? [{ pointer: '', code: 'empty' }]
      : []),
  ];
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
}

const fault = (member: string, i: number, code: string): Fault => ({ pointer: `/${member}/${i}`, code });

/** Lets a customer's account go that this incident holds; another incident, or an open report of misuse, keeps it frozen. A reader is let in by lifting the freeze, a token by asking for one. */
export async function thawContained(
  vault: Vault,
  caller: Caller,
  act: Act,
  id: string,
  customerId: string,
): Promise<Answer> {
  permit(caller, 'incidents.thaw');
  personOf(caller);
  const incident = await incidentOf(vault, caller.tenantId, id);
  const { contained: all = [] } = incident.file;
  if (!all.some(({ customers }) => customers.includes(customerId))) throw refuse('conflict', '', 'not_frozen');
  const left = all.map((done) => ({ ...done, customers: done.customers.filter((one) => one !== customerId) }));
  const thawed = [...(incident.file.thawed ?? []), customerId];
  return takeStep(vault, caller, act, incident, { ...incident.file, contained: left, thawed }, 'thawed', [
    takeCustomer(caller.tenantId, customerId),
    thawStatement(caller.tenantId, customerId, id),
    leafStatement(vault, caller, act, { subjectId: customerId, object: { kind: 'incidents', id } }),
  ]);
}
