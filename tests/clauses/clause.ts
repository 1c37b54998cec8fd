import { afterAll, test } from 'vitest';
import { synthetic, type Synthetic } from '../../src/cli/synthetic.ts';
import type { Profile } from '../../src/policy/profile.ts';
import type { Outgoing, Sender } from '../../src/sending/sender.ts';
import { webhookSender } from '../../src/sending/webhookSender.ts';
import { customerUnder } from '../support/profiles.ts';
import { login, startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { isFirm, linkedFirm, undertaken, undertakes } from '../support/undertakings.ts';
import { made, newPerson, type Person } from '../support/work.ts';
import { shipped, type ShippedName } from '../unit/policy/shipped.ts';

/** A vault that runs the policy whose clause is shown, with what most tests need of it. */
export interface Stage {
  readonly vault: TestVault;
  readonly profile: Profile;
  readonly people: Synthetic;
  /** What went out so far, by channel: each message that `sendDue` handed over, of any tenant. */
  readonly sent: { readonly sms: readonly Outgoing[]; readonly email: readonly Outgoing[] };
  /** The client of a role, the same one each time, with a token that is still good; `actor` is a staff member. */
  readonly client: (role: string, actor?: string) => Promise<TestClient>;
  /** A new natural person with all that the policy collects, stored by the shop. */
  readonly person: () => Promise<Person>;
  readonly company: () => Promise<Person>;
}

export interface ClauseFacts {
  /** One line, without the id: what the vault does and what it refuses. */
  readonly shows: string;
  /** The sources that make it true, from the project's root. */
  readonly in: readonly string[];
  /** Of what the clause asks for, what is not there yet: the clause is listed as open, whatever its test shows. */
  readonly missing?: string;
}

declare module 'vitest' {
  interface TaskMeta {
    clause?: ClauseFacts & { readonly id: string };
  }
}

const profileOf: Readonly<Record<string, ShippedName>> = {
  A: 'imo',
  B: 'ito',
  C: 'citra',
  D: 'khakriz',
  E: 'kalak',
};

/**
 * One vault a file, started when its first clause asks, and in it a tenant for each policy that the file shows something
 * of: the policies share the process and the clock, and nothing else.
 */
let house: Promise<House> | undefined;
const stages = new Map<ShippedName, Promise<Stage>>();

interface House {
  readonly vault: TestVault;
  readonly first: ShippedName;
  readonly sent: { readonly sms: Outgoing[]; readonly email: Outgoing[] };
}

afterAll(async () => (await house)?.vault.stop());

/**
 * The test of one clause, through HTTP, on a vault that runs the clause's own policy. Several clauses of a file share the
 * vault and its clock: make your own people, and let each `client` be asked for anew after the clock has moved.
 *
 * docs/clauses.md and the register read the facts from the source, so write them as plain
 * literals, in their order.
 */
export function clause(id: string, facts: ClauseFacts, show: (stage: Stage) => Promise<void>): void {
  test(`${id}: ${facts.shows}`, async ({ task }) => {
    task.meta.clause = { id, ...facts };
    const name = profileOf[id[0] ?? ''];
    if (name === undefined) throw new Error(`no policy has a clause ${id}`);
    const stage = stages.get(name) ?? openStage(name);
    stages.set(name, stage);
    await show(await stage);
  });
}

async function openHouse(first: ShippedName): Promise<House> {
  const sent = { sms: [] as Outgoing[], email: [] as Outgoing[] };
  const senders = { sms: keeping(sent.sms), email: keeping(sent.email), webhook: webhookSender([]) };
  return { vault: await startVault({ profile: first, senders }), first, sent };
}

async function openStage(name: ShippedName): Promise<Stage> {
  const { vault: base, first, sent } = await (house ??= openHouse(name));
  const vault = name === first ? base : { ...base, ...(await base.secondTenant(name)) };
  const profile = shipped[name];
  const people = synthetic(Buffer.from(name).readUInt16BE());
  const client = clientsOf(vault, profile);
  const stored = async (drawn: Parameters<typeof newPerson>[1]) => newPerson(await client('shop_backend'), drawn);
  return {
    vault,
    profile,
    people,
    sent,
    client,
    person: () => stored(customerUnder(profile, people.naturalCustomer())),
    company: () => stored(customerUnder(profile, people.legalCustomer())),
  };
}

/** Longer than any test takes, shorter than a token lasts: whoever moves the clock finds good tokens all the same. */
const fresh = 4 * 60_000;

/** Of a policy that demands it, staff and firms come with their undertakings of confidentiality. */
function clientsOf(vault: TestVault, profile: Profile): Stage['client'] {
  const clients = new Map<string, { readonly since: number; readonly client: Promise<TestClient> }>();
  const get: Stage['client'] = (role, named) => {
    const actor = named ?? (undertakes(profile, role) ? 'staff-1' : undefined);
    const key = `${role}/${actor ?? ''}`;
    const now = vault.vault.now();
    const known = clients.get(key);
    if (known !== undefined && Math.abs(now - known.since) < fresh) return known.client;
    const client = known === undefined ? admitted(role, actor) : known.client.then((old) => old.as(actor));
    clients.set(key, { since: now, client });
    return client;
  };
  const undertook = new Set<string>();
  async function admitted(role: string, actor: string | undefined): Promise<TestClient> {
    const client = await hired(vault, role, actor);
    const terms = { kind: 'courier', purpose: profile.grantKinds.shipment?.purpose };
    if (isFirm(profile, role)) await linkedFirm(await get('dpo', 'staff-9'), client.id, terms, vault.vault.now());
    if (!undertakes(profile, role) || actor === undefined || undertook.has(actor)) return client;
    undertook.add(actor);
    await undertaken(await get('dpo', 'staff-9'), actor);
    return client;
  }
  return get;
}

async function hired(vault: TestVault, role: string, actor: string | undefined): Promise<TestClient> {
  const admin = await vault.admin.as(undefined);
  const { id, secret } = made(
    await admin.post('/v1/clients', { name: `${role} system`, role, authMethod: 'client_secret' }),
  );
  return login(vault.url, id, secret, actor);
}

function keeping(messages: Outgoing[]): Sender {
  return {
    send(message) {
      messages.push(message);
      return Promise.resolve({ outcome: 'taken' });
    },
    close: () => undefined,
  };
}
