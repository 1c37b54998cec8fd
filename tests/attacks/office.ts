import { synthetic } from '../../src/cli/synthetic.ts';
import { legalDesk, type LegalDesk } from '../http/legalDesk.ts';
import { textPdf } from '../support/scans.ts';
import { type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { day, made, newOrder, newParcel, newPerson, subjectOf, type Person } from '../support/work.ts';

/** Everybody who works with a vault, and what they call: each call as it is made when the vault is in trouble. */
export interface Office {
  readonly desk: LegalDesk;
  readonly dpo: TestClient;
  readonly courier: TestClient;
  /** A customer with everything open about it, for one attack. */
  newCase(): Promise<Case>;
}

export interface Call {
  readonly name: string;
  readonly make: () => Promise<Answer>;
  /** What the answer shows when the audit works. */
  readonly shows: string;
  /** Its answer is given once. */
  readonly once?: true;
}

export interface Refusal {
  readonly name: string;
  readonly make: () => Promise<Answer>;
  readonly code: string;
  /** The database is asked first, so without one nobody knows. */
  readonly looksUp?: true;
}

export interface Case {
  readonly person: Person;
  readonly calls: readonly Call[];
  /** Refused whatever state the audit is in. */
  readonly refusals: readonly Refusal[];
  /** Values of the person that no refusal may hold. */
  readonly canaries: readonly string[];
}

export async function openOffice(vault: TestVault, seed: number): Promise<Office> {
  const people = synthetic(seed);
  const desk = await legalDesk(vault, seed + 1);
  const [support, dpo, courier, rival] = await Promise.all([
    vault.client('support', { actor: 'staff-7' }),
    vault.client('dpo', { actor: 'staff-9' }),
    vault.client('courier'),
    vault.client('courier'),
  ]);
  const { shop, registrar } = desk;
  const staff = { shop, registrar, support, dpo, courier, rival };
  return {
    desk,
    dpo,
    courier,
    async newCase() {
      const person = await newPerson(shop, people.naturalCustomer());
      const facts = { ...(await openEverything(vault, desk, courier, person)), newcomer: people.naturalCustomer() };
      const canaries = [...canariesOf(person, facts.newcomer), facts.scan.text];
      return { person, calls: callsOf(staff, person, facts), refusals: refusalsOf(staff, facts), canaries };
    },
  };
}

async function openEverything(vault: TestVault, desk: LegalDesk, courier: TestClient, person: Person) {
  const { shop, registrar } = desk;
  const grant = { kind: 'ticket', customerId: person.id, grantee: { role: 'support' } };
  const closesAt = new Date(vault.vault.now() + day).toISOString();
  const open = async (terms = {}) => made(await shop.post('/v1/grants', { ...grant, closesAt, ...terms })).id as string;
  const [grantId, countedId] = [await open(), await open({ maxReads: 1 })];
  const orderId = await newOrder(shop, person);
  const parcel = await newParcel(shop, orderId, courier);
  const subjects = [{ customerId: person.id }];
  const executed = await desk.approve(subjects);
  const exportId = made(await registrar.post('/v1/exports', { legalOrderId: executed })).id as string;
  const approved = await desk.approve(subjects);
  const scan = { path: `/v1/legal-orders/${await desk.register(subjects)}/document`, text: `SCAN-${person.id}` };
  made(await registrar.call('POST', scan.path, textPdf(scan.text), { 'content-type': 'application/pdf' }));
  const subject = await subjectOf(vault, shop, person.id);
  return { grantId, countedId, orderId, parcel, exportId, approved, scan, subject };
}

type Facts = Awaited<ReturnType<typeof openEverything>> & { readonly newcomer: Person['sent'] };
type Staff = Readonly<Record<'shop' | 'registrar' | 'support' | 'dpo' | 'courier' | 'rival', TestClient>>;

function callsOf({ shop, registrar, support, dpo, courier }: Staff, { id, sent }: Person, facts: Facts): Call[] {
  const email = String(sent.fields['email']);
  const mobile = `+98${sent.phones[0]?.number.slice(1)}`;
  const path = `/v1/customers/${id}`;
  const city = String(sent.addresses[0]?.address.city);
  const find = { by: 'nationalId', value: sent.fields['nationalId'] };
  return [
    { name: 'a granted read', make: () => support.get(`${path}?grant=${facts.grantId}`), shows: email },
    {
      name: 'the one read of a grant',
      make: () => support.get(`${path}?grant=${facts.countedId}`),
      shows: email,
      once: true,
    },
    { name: 'a masked read', make: () => support.get(path), shows: city },
    { name: 'the subject’s own view', make: () => facts.subject.get(path), shows: email },
    { name: 'a courier’s read', make: () => courier.get(`/v1/deliveries/${facts.parcel.id}`), shows: mobile },
    { name: 'a courier’s list', make: () => courier.get('/v1/deliveries'), shows: city },
    { name: 'an order read', make: () => facts.subject.get(`/v1/orders/${facts.orderId}`), shows: mobile },
    { name: 'a search', make: () => shop.post('/v1/customers/search', find), shows: id },
    {
      name: 'a match',
      make: () => support.post('/v1/customers/match', { id, field: find.by, value: find.value }),
      shows: 'true',
    },
    { name: 'a list', make: () => shop.get('/v1/customers'), shows: id },
    { name: 'the audit', make: () => dpo.get(`/v1/audit?subject=${id}`), shows: facts.grantId },
    {
      name: 'a create',
      make: () => shop.post('/v1/customers', facts.newcomer, { 'idempotency-key': `new-${id}` }),
      shows: '"version":1',
    },
    { name: 'a patch', make: () => shop.patch(path, { fields: { iban: null } }, 1), shows: '"version":2', once: true },
    {
      name: 'an export',
      make: () => registrar.post('/v1/exports', { legalOrderId: facts.approved }),
      shows: '"records":1',
      once: true,
    },
    {
      name: 'the fetch of a package',
      make: () => registrar.get(`/v1/exports/${facts.exportId}/package`),
      shows: String(sent.fields['nationalId']),
      once: true,
    },
    { name: 'an opened scan', make: () => registrar.get(facts.scan.path), shows: facts.scan.text },
  ];
}

function refusalsOf({ shop, registrar, support, rival }: Staff, facts: Facts): Case['refusals'] {
  return [
    { name: 'an export without an order', make: () => registrar.post('/v1/exports', {}), code: 'legal_order_required' },
    { name: 'the shop’s export', make: () => shop.post('/v1/exports', {}), code: 'legal_order_required' },
    {
      name: 'another courier’s parcel',
      make: () => rival.get(`/v1/deliveries/${facts.parcel.id}`),
      code: 'not_found',
      looksUp: true,
    },
    { name: 'a role’s limit', make: () => support.post('/v1/customers', facts.newcomer), code: 'not_permitted' },
  ];
}

/** Every value as it was sent and as it is shown. */
function canariesOf({ sent }: Person, newcomer: Person['sent']): string[] {
  return [sent, newcomer].flatMap(({ fields, phones, addresses }) => [
    ...Object.values(fields),
    ...phones.map(({ number }) => number.slice(1)),
    ...addresses.flatMap(({ address, postalCode }) => [address.city, address.street, address.alley, postalCode]),
  ]);
}
