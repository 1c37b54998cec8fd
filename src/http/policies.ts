import * as z from 'zod';
import { VaultError } from '../errors.ts';
import {
  listPolicies,
  printedPolicies,
  printedPolicy,
  publicPolicies,
  publicPolicy,
  readPolicy,
} from '../vault/policies.ts';
import { mailPolicy, readMailing } from '../vault/policyMailing.ts';
import { policyArchive } from '../vault/policyArchive.ts';
import { mostPolicyText, policyChannels, publishPolicy, recordPolicyNotice } from '../vault/policyPublication.ts';
import { parseNumberedPage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import type { Declarations, DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { explanations } from './policyExplanations.ts';
import { formatOf, pageAnswer, printable } from './printed.ts';
import { tenantOf } from './publicPath.ts';
import type { Incoming } from './route.ts';
import { instant, nothing } from './shapes.ts';

const publication = z.strictObject({
  policy: z.union([z.string().min(1).max(mostPolicyText), z.record(z.string(), z.unknown())]),
  material: z.boolean(),
  effectiveFrom: instant.optional(),
  follows: z.int().positive().optional(),
});

const notice = z.strictObject({
  channel: z.enum(policyChannels),
  givenAt: instant.optional(),
  audience: z.int().min(0).max(2_000_000_000).optional(),
});

/** A text with every character escaped, and its frame. */
const maxBytes = 2 * mostPolicyText;
const list = ['limit', 'cursor'] as const;

export function policies(declare: DeclareAct, api: Declarations, vault: Vault): void {
  const archive = policyArchive(vault);
  // A policy is the controller's published text; nothing in it is anybody's card.
  const options = { body: 'json', maxBytes, cardExempt: ['/policy'] } as const;
  declare('post', '/v1/policies', 'policies.publish', options, (request, caller, act) => {
    const { policy, ...rest } = parseBody(publication, request.body);
    const text = typeof policy === 'string' ? policy : JSON.stringify(policy, null, 2);
    return publishPolicy(vault, archive, caller, act, { ...rest, text });
  });
  explanations(declare, vault, archive);
  declare('get', '/v1/policies', 'policies.list', { query: list }, ({ query }, caller, act) =>
    listPolicies(vault, archive, caller, act, parseNumberedPage(query.limit, query.cursor)),
  );
  declare('get', '/v1/policies/:number', 'policies.read', {}, (request, caller, act) =>
    readPolicy(vault, archive, caller, act, numberOf(request)),
  );
  declare('post', '/v1/policies/:number/notices', 'policies.notice', { body: 'json' }, (request, caller, act) =>
    recordPolicyNotice(vault, archive, caller, act, numberOf(request), parseBody(notice, request.body)),
  );
  declare('post', '/v1/policies/:number/mailing', 'policies.mail', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return mailPolicy(vault, archive, caller, act, numberOf(request));
  });
  declare('get', '/v1/policies/:number/mailing', 'policies.mailing', {}, (request, caller, act) =>
    readMailing(vault, caller, act, numberOf(request)),
  );
  const printableList = { ...printable, query: [...list, ...printable.query] } as const;
  api.get('/v1/tenants/:tenantId/policies', { auth: false, ...printableList }, async (request) => {
    const page = parseNumberedPage(request.query.limit, request.query.cursor);
    if (formatOf(request.query.format) === 'json')
      return { status: 200, body: await publicPolicies(vault, archive, tenantOf(request), page) };
    return pageAnswer(await printedPolicies(vault, archive, tenantOf(request), page));
  });
  api.get('/v1/tenants/:tenantId/policies/:number', { auth: false, ...printable }, async (request) => {
    const [tenantId, number] = [tenantOf(request), numberOf(request)];
    if (formatOf(request.query.format) === 'json')
      return { status: 200, body: await publicPolicy(vault, archive, tenantId, number) };
    return pageAnswer(await printedPolicy(vault, archive, tenantId, number));
  });
}

type Named = Pick<Incoming, 'params'>;

/** A number that cannot be one is answered as an unknown one is. */
function numberOf({ params }: Named): number {
  const text = params['number'] ?? '';
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new VaultError('not_found');
  return Number(text);
}
