import * as z from 'zod';
import { confirmContactPoint } from '../vault/assurance.ts';
import { readContactPoints } from '../vault/contactPointList.ts';
import { proveContactPoint, startVerification } from '../vault/verification.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { grantInQuery } from './queryId.ts';
import { id } from './shapes.ts';

/** `email`, or the id of a phone or an address. */
const contactPoint = z.union([z.literal('email'), id]);
const named = z.strictObject({ contactPoint });
const proof = z.strictObject({ contactPoint, code: z.string() });
const confirmation = z.strictObject({ contactPoint, callReference: z.string().optional() });

export function contactPoints(declare: DeclareAct, vault: Vault): void {
  const path = '/v1/customers/:id/contact-points';
  declare('get', path, 'contact_points.read', { query: ['grant'] }, (request, caller, act) =>
    readContactPoints(vault, caller, act, idOf(request), grantInQuery(request.query.grant)),
  );
  declare('post', `${path}/confirm`, 'contact_points.confirm', { body: 'json' }, (request, caller, act) =>
    confirmContactPoint(vault, caller, act, idOf(request), parseBody(confirmation, request.body)),
  );
  declare('post', `${path}/verification`, 'contact_points.send_code', { body: 'json' }, (request, caller, act) =>
    startVerification(vault, caller, act, idOf(request), parseBody(named, request.body).contactPoint),
  );
  declare(
    'post',
    `${path}/verification/confirm`,
    'contact_points.take_code',
    { body: 'json' },
    (request, caller, act) => proveContactPoint(vault, caller, act, idOf(request), parseBody(proof, request.body)),
  );
}
