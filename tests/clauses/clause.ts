import { afterAll, test } from 'vitest';
import { synthetic, type Synthetic } from '../../src/cli/synthetic.ts';
import type { Profile } from '../../src/policy/profile.ts';
import type { Outgoing, Sender } from '../../src/sending/sender.ts';
import { customerUnder } from '../support/profiles.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { newPerson, type Person } from '../support/work.ts';
import { shipped, type ShippedName } from '../unit/policy/shipped.ts';

/** A vault that runs the policy whose clause is shown, with what most tests need of it. */
export interface Stage {
  readonly vault: TestVault;
  readonly profile: Profile;
  readonly people: Synthetic;
  /** What went out so far, by channel: each message that `sendDue` handed over. */
  readonly sent: { readonly sms: readonly Outgoing[]; readonly email: readonly Outgoing[] };
  /** The client of a role, the same one each time; `actor` is a staff member. */
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

/** One vault for each policy that a file shows something of, started when its first clause asks. */
const stages = new Map<ShippedName, Promise<Stage>>();

afterAll(async () => {
  for (const stage of stages.values()) await (await stage).vault.stop();
});

/**
 * The test of one clause, through HTTP, on a vault that runs the clause's own policy. Several clauses of a file share the
 * vault: make your own people, and leave the clock where others can live with it.
 *
 * docs/clauses.md and the register read `id`, `shows` and `in` from the source, so write them as plain literals.
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

async function openStage(name: ShippedName): Promise<Stage> {
  const sent = { sms: [] as Outgoing[], email: [] as Outgoing[] };
  const senders = { sms: keeping(sent.sms), email: keeping(sent.email) };
  const vault = await startVault({ profile: name, senders });
  const profile = shipped[name];
  const people = synthetic(Buffer.from(name).readUInt16BE());
  const clients = new Map<string, Promise<TestClient>>();
  const client: Stage['client'] = (role, actor) => {
    const key = `${role}/${actor ?? ''}`;
    const known = clients.get(key) ?? vault.client(role, actor === undefined ? {} : { actor });
    clients.set(key, known);
    return known;
  };
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

function keeping(messages: Outgoing[]): Sender {
  return {
    send(message) {
      messages.push(message);
      return Promise.resolve({ outcome: 'taken' });
    },
    close: () => undefined,
  };
}
