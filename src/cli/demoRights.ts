/** The second half of `npm run demo`: why something is masked, and what a person may do about their own data. */
import { textOf, type Actor, type Json, type Stage } from './demoStage.ts';
import type { Cast, Stored } from './demoStory.ts';
import { ServiceFault } from './service.ts';

/** Which rule masks it, and what would show it: told without a value being opened. */
export async function explainMask(stage: Stage, { support }: Cast, { customerId }: Stored): Promise<void> {
  stage.chapter('Why did support not see the address? The vault says by which rule, and what would show it');
  const question = { act: 'read', customerId, fields: ['address'] };
  const { body } = await stage.ask(support, 'POST /v1/policy/explain', question, 200);
  const [field] = body['fields'] as Explained[];
  if (field === undefined) throw new ServiceFault('software', 'unexpected answer: nothing explained');
  const { state, reason, text, rules, wouldHaveToChange } = field;
  const [rule] = rules;
  stage.rows(
    [],
    [
      ['address', `${state}  ${reason}: ${text.en}`],
      ['rule', `${rule?.pointer ?? ''}  clauses ${rule?.clauses.join(', ') ?? ''}`],
      ...wouldHaveToChange.map(({ step, kind = '' }) => ['what would show it', `${step} ${kind}`.trim()]),
    ],
  );
}

interface Explained {
  readonly state: string;
  readonly reason: string;
  readonly text: { readonly en: string };
  readonly rules: readonly { readonly pointer: string; readonly clauses: readonly string[] }[];
  readonly wouldHaveToChange: readonly { readonly step: string; readonly kind?: string }[];
}

/** What only the person decides, and what only the person is shown. */
export async function useRights(stage: Stage, cast: Cast, person: Actor, { customerId }: Stored): Promise<void> {
  stage.chapter('The customer agrees to offers by SMS, and changes their mind: nothing goes out any more');
  const consents = `POST /v1/customers/${customerId}/consents`;
  const agreed = { purpose: 'marketing', channels: ['sms'], method: 'agree_button', textVersion: 'newsletter-2' };
  const given = await stage.ask(cast.shop, consents, agreed, 201);
  const withdrawn = await stage.ask(person, `${consents}/withdraw`, { purpose: 'marketing' }, 200);
  stage.rows(
    ['', 'purpose', 'channel', 'state', 'may be sent'],
    [consentRow('agreed', given.body), consentRow('withdrew', withdrawn.body)],
  );

  stage.chapter('With a token for nobody else, the customer asks who saw what');
  const seen = await stage.ask(person, `GET /v1/customers/${customerId}/accesses`, undefined, 200);
  stage.rows(
    ['time', 'department', 'how', 'in full', 'masked'],
    (seen.body['items'] as Access[]).map(({ at, department, how, full, masked }) => [
      at.slice(11, 19),
      department?.id ?? '',
      how,
      full.length < 4 ? full.join(' ') : `${full[0]} and ${full.length - 1} more`,
      masked.length === 0 ? '' : String(masked.length),
    ]),
  );
}

interface Access {
  readonly at: string;
  readonly department?: { readonly id: string };
  readonly how: string;
  readonly full: readonly string[];
  readonly masked: readonly string[];
}

function consentRow(what: string, body: Json): string[] {
  const [first] = body['states'] as { purpose: string; channel: string; state: string; sends: boolean }[];
  if (first === undefined) throw new ServiceFault('software', 'unexpected answer: no consent');
  return [what, first.purpose, first.channel, first.state, first.sends ? 'yes' : 'no'];
}

/** Out of everybody's reach at once; answered on its day. */
export async function erase(stage: Stage, { shop, support }: Cast, { leavingId }: Stored): Promise<void> {
  stage.chapter('Somebody else asks to be erased; another person than entered it grants it');
  const asked = { customerId: leavingId, kind: 'erase', asker: 'subject', checked: 'call_back' };
  const request = textOf((await stage.ask(shop, 'POST /v1/requests', asked, 201)).body, 'id');
  const granted = await stage.ask(support, `POST /v1/requests/${request}/decide`, { outcome: 'done' }, 200);
  await stage.ask(shop, `GET /v1/customers/${leavingId}`, undefined, [404, 'not_found']);
  await stage.ask(shop, `GET /v1/requests/${request}/certificate`, undefined, [409, 'conflict']);
  stage.say(
    'Nobody reads or finds them any more, and a sweep destroys their key within half a minute.',
    `The signed certificate comes with the answer, on ${textOf(granted.body, 'dueAt').slice(0, 10)} and no day sooner:`,
    'an earlier one would tell whom the law had the shop keep.',
  );
}
