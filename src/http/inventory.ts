import { publicInventory } from '../vault/inventory.ts';
import { inventoryDocument } from '../vault/inventoryDocument.ts';
import type { Vault } from '../vault/vault.ts';
import type { Declarations } from './acts.ts';
import { formatOf, pageAnswer, printable } from './printed.ts';
import { tenantOf } from './publicPath.ts';

export function inventory(api: Declarations, vault: Vault): void {
  api.get('/v1/tenants/:tenantId/inventory', { auth: false, ...printable }, async (request) => {
    const format = formatOf(request.query.format);
    const body = await publicInventory(vault, tenantOf(request));
    return format === 'json' ? { status: 200, body } : pageAnswer(inventoryDocument(body));
  });
}
