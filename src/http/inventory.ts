import { publicInventory } from '../vault/inventory.ts';
import { inventoryDocument } from '../vault/inventoryDocument.ts';
import { statementDocument } from '../vault/statementDocument.ts';
import { readStatement } from '../vault/statements.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type Declarations, type DeclareAct } from './acts.ts';
import { formatOf, pageAnswer, printable } from './printed.ts';
import { tenantOf } from './publicPath.ts';

export function inventory(declare: DeclareAct, api: Declarations, vault: Vault): void {
  declare('get', '/v1/customers/:id/statement', 'statements.read', printable, async (request, caller, act) => {
    const format = formatOf(request.query.format);
    const statement = await readStatement(vault, caller, act, idOf(request));
    return format === 'json' ? { status: 200, body: statement } : pageAnswer(statementDocument(statement));
  });
  api.get('/v1/tenants/:tenantId/inventory', { auth: false, ...printable }, async (request) => {
    const format = formatOf(request.query.format);
    const body = await publicInventory(vault, tenantOf(request));
    return format === 'json' ? { status: 200, body } : pageAnswer(inventoryDocument(body));
  });
}
