import * as z from 'zod';
import { refuse } from '../errors.ts';
import { fields, grantKinds } from '../policy/profile.ts';
import { actorPattern } from '../vault/accessToken.ts';
import { clientRoles } from '../vault/clients.ts';
import type { PolicyArchive } from '../vault/policyArchive.ts';
import { explainedActs, explainPolicy, type Question } from '../vault/policyExplanation.ts';
import type { Vault } from '../vault/vault.ts';
import type { DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { id } from './shapes.ts';

const field = z.enum(fields);

const question = z.strictObject({
  act: z.enum(explainedActs),
  clientId: id.optional(),
  role: z.enum(clientRoles).optional(),
  department: z.string().min(1).max(40).optional(),
  carrierProfile: z.string().min(1).max(40).optional(),
  actor: z.string().regex(actorPattern).optional(),
  customerId: id.optional(),
  fields: z.array(field).min(1).max(fields.length).optional(),
  grantId: id.optional(),
  work: z
    .strictObject({
      kind: z.enum(grantKinds),
      hasOrder: z.boolean().default(false),
      delivered: z.boolean().optional(),
      fields: z.array(field).optional(),
    })
    .optional(),
  legalOrderId: id.optional(),
});

export function explanations(declare: DeclareAct, vault: Vault, archive: PolicyArchive): void {
  declare('post', '/v1/policy/explain', 'policies.explain', { body: 'json' }, (request, caller, act) =>
    explainPolicy(vault, archive, caller, act, questionOf(request.body)),
  );
}

/** One reader, and one kind of work: what is there, or what is supposed. */
function questionOf(body: unknown): Question {
  const { work, ...asked } = parseBody(question, body);
  if (asked.clientId !== undefined && (asked.role ?? asked.department ?? asked.carrierProfile) !== undefined)
    throw refuse('invalid_body', '/clientId', 'role_or_client');
  if ((asked.role === 'department') !== (asked.department !== undefined))
    throw refuse('invalid_body', '/department', 'role_and_department');
  if (asked.grantId !== undefined && (work !== undefined || asked.customerId === undefined))
    throw refuse('invalid_body', '/grantId', work === undefined ? 'needs_customer' : 'grant_or_work');
  if (asked.act !== 'read' && (asked.grantId !== undefined || work !== undefined))
    throw refuse('invalid_body', asked.grantId === undefined ? '/work' : '/grantId', 'not_for_act');
  if (asked.act !== 'export' && asked.legalOrderId !== undefined)
    throw refuse('invalid_body', '/legalOrderId', 'not_for_act');
  if (asked.act === 'export' && asked.customerId !== undefined)
    throw refuse('invalid_body', '/customerId', 'not_for_act');
  return {
    ...asked,
    ...(work === undefined ? {} : { work: { ...work, fields: work.fields, delivered: work.delivered } }),
  };
}
