import * as z from 'zod';
import { checkText } from '../formats/text.ts';
import { disableClient, renewSecret } from '../vault/clientChange.ts';
import { clientRoles, createClient, listClients, readClient } from '../vault/clients.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { versionIfAny } from './ifMatch.ts';
import { parseBody } from './parse.ts';
import { disabling, renewal } from './shapes.ts';

/** Canonical base64url without padding (RFC 7515 section 2). */
const base64url = z
  .string()
  .max(2048)
  .regex(/^[\w-]+$/);
const word = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/);

/** What a JWK may say beside the key; none of it is kept. */
const use = { use: z.literal('sig').optional(), key_ops: z.tuple([z.literal('verify')]).optional() };
const kid = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/)
  .optional();
/** A private member means that the private key has left its owner: refused by name, whatever else is right. */
const noPrivateKey = z.custom((jwk) => !isObject(jwk) || !privateMembers.some((name) => Object.hasOwn(jwk, name)), {
  params: { reason: 'private_key' },
  abort: true,
});
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const jwk = noPrivateKey.pipe(
  z.discriminatedUnion('kty', [
    z.strictObject({
      kty: z.literal('EC'),
      crv: z.literal('P-256'),
      x: base64url,
      y: base64url,
      alg: z.literal('ES256').default('ES256'),
      kid,
      ...use,
    }),
    z.strictObject({
      kty: z.literal('RSA'),
      n: base64url,
      e: base64url,
      alg: z.enum(['RS256', 'PS256']).default('RS256'),
      kid,
      ...use,
    }),
  ]),
);

const newClient = z.strictObject({
  name: z.string().check((context) => {
    const reason = checkText(context.value, { max: 100, kind: 'name' });
    if (reason !== undefined) context.issues.push({ code: 'custom', input: context.value, params: { reason } });
  }),
  role: z.enum(clientRoles),
  authMethod: z.enum(['client_secret', 'private_key_jwt']),
  jwk: jwk.optional(),
  department: word.optional(),
  carrierProfile: word.optional(),
});

/** Clients of the tenant and their secrets, for its administrator. */
export function clients(declare: DeclareAct, vault: Vault): void {
  // A modulus may well hold sixteen digits in a row.
  declare('post', '/v1/clients', 'clients.create', { body: 'json', cardExempt: ['/jwk'] }, (request, caller, act) => {
    const { jwk: sent, ...client } = parseBody(newClient, request.body);
    return createClient(vault, caller, act, { ...client, jwk: sent === undefined ? undefined : keyOf(sent) });
  });
  declare('get', '/v1/clients', 'clients.list', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    listClients(vault, caller, act, parsePage(request.query.limit, request.query.cursor)),
  );
  declare('get', '/v1/clients/:id', 'clients.read', {}, (request, caller, act) =>
    readClient(vault, caller, act, idOf(request)),
  );
  declare('patch', '/v1/clients/:id', 'clients.patch', { body: 'mergePatch' }, (request, caller, act) => {
    parseBody(disabling, request.body);
    // Whoever must be cut off is cut off at once: the version is checked only when one is given.
    return disableClient(vault, caller, act, idOf(request), versionIfAny(request.headers));
  });
  declare('post', '/v1/clients/:id/secret', 'clients.renew_secret', { body: 'jsonIfAny' }, (request, caller, act) => {
    const { overlapSeconds } = parseBody(renewal, request.body === undefined ? {} : request.body);
    return renewSecret(vault, caller, act, idOf(request), overlapSeconds);
  });
}

/** The key without what else the JWK said. */
function keyOf({ use: _use, key_ops: _operations, ...key }: z.output<typeof jwk>) {
  return key;
}
