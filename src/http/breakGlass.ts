import * as z from 'zod';
import { openGlass, reviewOutcomes } from '../vault/breakGlass.ts';
import { listGlass, readGlass, readUnderGlass, reviewGlass } from '../vault/breakGlassReview.ts';
import { parsePage } from '../vault/page.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { id } from './shapes.ts';

const newGlass = z.strictObject({
  customerId: id,
  reason: z.string(),
  fields: z.array(z.string()).min(1).max(20),
  minutes: z.int().min(1).max(1_440),
});
const review = z.strictObject({ outcome: z.enum(reviewOutcomes), reason: z.string() });

/** Emergencies: whoever runs the system reads one person's data for minutes, and somebody looks at it afterwards. */
export function breakGlass(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/break-glass', 'break_glass.open', { body: 'json' }, (request, caller, act) =>
    openGlass(vault, caller, act, parseBody(newGlass, request.body)),
  );
  declare('get', '/v1/break-glass', 'break_glass.list', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    listGlass(vault, caller, act, parsePage(request.query.limit, request.query.cursor)),
  );
  declare('get', '/v1/break-glass/:id', 'break_glass.read', {}, (request, caller, act) =>
    readGlass(vault, caller, act, idOf(request)),
  );
  declare('get', '/v1/break-glass/:id/customer', 'break_glass.use', {}, (request, caller, act) =>
    readUnderGlass(vault, caller, act, idOf(request)),
  );
  declare('post', '/v1/break-glass/:id/review', 'break_glass.review', { body: 'json' }, (request, caller, act) =>
    reviewGlass(vault, caller, act, idOf(request), parseBody(review, request.body)),
  );
}
