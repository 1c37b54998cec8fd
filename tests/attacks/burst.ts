import type { Synthetic } from '../../src/cli/synthetic.ts';
import { decodeLeaf } from '../../src/crypto/leaf.ts';
import { digestOf } from '../../src/crypto/digest.ts';
import { withClient } from '../support/postgres.ts';
import type { Answer, TestClient } from '../support/vault.ts';

/** A customer as a client knows it: what was answered, and what it was asking for when the answer stopped coming. */
export interface Known {
  readonly sent: ReturnType<Synthetic['naturalCustomer']>;
  /** Idempotency-Key of its create, if it had one. */
  readonly key: string | undefined;
  id: string | undefined;
  version: number;
  email: string;
  /** The e-mail of a patch, or the whole create, that was not answered. */
  pending: string | undefined;
}

const connections = 8;

/**
 * Creates and patches from eight connections until nothing is answered any more. `strike` is called once so many writes
 * have been answered, in the middle of the others.
 */
export async function burst(
  shop: TestClient,
  people: Synthetic,
  strikeAt: number,
  strike: () => void,
): Promise<Known[]> {
  const known: Known[] = [];
  let answered = 0;
  const count = (): void => {
    answered += 1;
    if (answered === strikeAt) strike();
  };
  const work = async (): Promise<void> => {
    for (;;) {
      // A strike that stops nothing does not keep them for ever.
      if (answered > strikeAt + 20 * connections) return;
      const customer = begin(people, known.length % 3 === 0);
      known.push(customer);
      if (!(await create(shop, customer, count))) return;
      for (let patches = 0; patches < 2; patches += 1) if (!(await patch(shop, people, customer, count))) return;
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
  return known;
}

function begin(people: Synthetic, keyless: boolean): Known {
  const sent = people.naturalCustomer();
  const key = keyless ? undefined : `create ${sent.externalRef}`.replace(' ', '-');
  return { sent, key, id: undefined, version: 0, email: sent.fields.email, pending: sent.fields.email };
}

/** What may be said of a record that a crash has taken back; whether it may, `lost` judges. */
const gone = new Set([404, 409, 412]);

/** A write's answer, or undefined where the client cannot know. */
async function answerOf(call: Promise<Answer>): Promise<Answer | undefined> {
  const answer = await call.catch(() => undefined);
  if (answer === undefined || answer.status >= 500 || gone.has(answer.status)) return undefined;
  if (answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`);
  return answer;
}

export function sendCreate(shop: TestClient, { sent, key }: Known): Promise<Answer> {
  return shop.post('/v1/customers', sent, key === undefined ? {} : { 'idempotency-key': key });
}

async function create(shop: TestClient, customer: Known, count: () => void): Promise<boolean> {
  const answer = await answerOf(sendCreate(shop, customer));
  if (answer === undefined) return false;
  Object.assign(customer, { id: answer.body.id, version: 1, pending: undefined });
  count();
  return true;
}

async function patch(shop: TestClient, people: Synthetic, customer: Known, count: () => void): Promise<boolean> {
  customer.pending = people.email();
  const { id, version, pending } = customer;
  const answer = await answerOf(shop.patch(`/v1/customers/${id}`, { fields: { email: pending } }, version));
  if (answer === undefined) return false;
  Object.assign(customer, { version: answer.body.version, email: pending, pending: undefined });
  count();
  return true;
}

/** Who holds the e-mail. */
export async function findBy(shop: TestClient, email: string): Promise<string[]> {
  const { body } = await shop.post('/v1/customers/search', { by: 'email', value: email });
  return body.matches.map((match: { id: string }) => match.id);
}

/** Answered writes that are not there, in words. */
export async function lost(shop: TestClient, known: readonly Known[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { id, version, email, pending } of known) {
    if (id === undefined) continue;
    const read = await shop.get(`/v1/customers/${id}`);
    const patched = pending !== undefined && read.body.version === version + 1;
    if (read.status !== 200 || (read.body.version !== version && !patched)) {
      faults.push(`${id}: ${read.status}, version ${read.body.version} for ${version}`);
      continue;
    }
    const [held, free] = patched ? [pending, email] : [email, pending];
    if ((await findBy(shop, held)).join() !== id) faults.push(`${id}: not found`);
    if (free !== undefined && (await findBy(shop, free)).length > 0)
      faults.push(`${id}: found by what it does not hold`);
  }
  return faults;
}

interface Row {
  readonly id: string;
  readonly version: number;
  readonly sealed: Buffer;
  readonly tags: number;
}

/** Writes that are there in part: a row, its tags and the leaf of each of its versions come together. */
export async function torn(ownerUrl: string): Promise<string[]> {
  const [rows, written, orphans] = await withClient(ownerUrl, async (owner) => {
    const customers = await owner.query<Row>(
      `select c.id, c.version, c.sealed, (select count(*)::integer from amanat.index_tags t where t.customer_id = c.id) as tags
         from amanat.customers c`,
    );
    const leaves = await owner.query<{ leaf: Buffer }>(`select leaf from amanat.audit_leaves order by id`);
    const lone = await owner.query<{ id: string }>(
      `select distinct customer_id as id from amanat.index_tags where customer_id not in (select id from amanat.customers)`,
    );
    return [customers.rows, leaves.rows.map(({ leaf }) => decodeLeaf(leaf)), lone.rows] as const;
  });
  const faults = orphans.map(({ id }) => `${id}: tags and no row`);
  const digests = new Map<string, Map<number, Buffer>>();
  for (const { subjectId, digest, recordVersion, action, outcome } of written) {
    if (digest === undefined || recordVersion === undefined || !action.startsWith('customers.')) continue;
    const versions = digests.get(subjectId ?? '') ?? new Map<number, Buffer>();
    if (outcome !== 'allowed' || versions.has(recordVersion))
      faults.push(`${subjectId}: two leaves of ${recordVersion}`);
    digests.set(subjectId ?? '', versions.set(recordVersion, digest));
  }
  for (const { id, version, sealed, tags } of rows) {
    const versions = digests.get(id) ?? new Map<number, Buffer>();
    // Names and one address are not searched by: reference, national ID, e-mail, IBAN, mobile.
    if (tags !== 5) faults.push(`${id}: ${tags} tags`);
    if (versions.size !== version) faults.push(`${id}: ${versions.size} leaves for version ${version}`);
    if (versions.get(version)?.equals(digestOf(sealed)) !== true) faults.push(`${id}: the last leaf is of other bytes`);
    digests.delete(id);
  }
  return [...faults, ...[...digests.keys()].map((id) => `${id}: leaves and no row`)];
}
