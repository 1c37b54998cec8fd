import * as z from 'zod';
import { actorPattern } from '../vault/accessToken.ts';
import { countComplaints } from '../vault/complaintCounts.ts';
import {
  acknowledgeComplaint,
  assignComplaint,
  closeComplaint,
  complaintOutcomes,
  complaintOwners,
  fileComplaint,
  listComplaints,
  readComplaint,
} from '../vault/complaints.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { caseFilter, caseQuery } from './caseQuery.ts';
import { parseBody } from './parse.ts';
import { id } from './shapes.ts';
import { timeInQuery } from './timeInQuery.ts';

const mostClauses = 20;

const clauses = z.array(z.string()).min(1).max(mostClauses).optional();
const actor = z.string().regex(actorPattern);
const newComplaint = z.strictObject({
  customerId: id,
  text: z.string(),
  clauses,
  about: z.strictObject({ actor }).optional(),
});
const acknowledgement = z.strictObject({ clauses });
const owner = z
  .strictObject({ role: z.enum(complaintOwners), department: z.string().optional(), actor })
  .refine(({ role, department }) => (role === 'department') === (department !== undefined), {
    params: { reason: 'role_and_department' },
  });
const finding = z.strictObject({
  outcome: z.enum(complaintOutcomes),
  finding: z.string(),
  remedy: z.string(),
  clauses,
});

export function complaints(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/complaints', 'complaints.create', { body: 'json' }, (request, caller, act) =>
    fileComplaint(vault, caller, act, parseBody(newComplaint, request.body)),
  );
  declare('get', '/v1/complaints', 'complaints.list', { query: caseQuery }, ({ query }, caller, act) =>
    listComplaints(vault, caller, act, caseFilter(query), parsePage(query.limit, query.cursor)),
  );
  declare('get', '/v1/complaint-counts', 'complaints.count', { query: ['from', 'to'] }, ({ query }, caller, act) =>
    countComplaints(vault, caller, act, { from: timeInQuery('from', query.from), to: timeInQuery('to', query.to) }),
  );
  declare('get', '/v1/complaints/:id', 'complaints.read', {}, (request, caller, act) =>
    readComplaint(vault, caller, act, idOf(request)),
  );
  const step = { body: 'json' } as const;
  declare('post', '/v1/complaints/:id/acknowledge', 'complaints.acknowledge', step, (request, caller, act) =>
    acknowledgeComplaint(vault, caller, act, idOf(request), parseBody(acknowledgement, request.body).clauses),
  );
  declare('post', '/v1/complaints/:id/assign', 'complaints.assign', step, (request, caller, act) =>
    assignComplaint(vault, caller, act, idOf(request), parseBody(owner, request.body)),
  );
  declare('post', '/v1/complaints/:id/close', 'complaints.close', step, (request, caller, act) =>
    closeComplaint(vault, caller, act, idOf(request), parseBody(finding, request.body)),
  );
}
