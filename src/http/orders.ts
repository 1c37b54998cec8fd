import * as z from 'zod';
import { cancelOrder, createOrder, listOrders, patchOrder, readOrder } from '../vault/orders.ts';
import { parsePage } from '../vault/page.ts';
import { createShipment, readShipment } from '../vault/shipments.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { address, location } from './customers.ts';
import { requireVersion } from './ifMatch.ts';
import { parseBody } from './parse.ts';
import { grantInQuery, idInQuery } from './queryId.ts';
import { id, instant, nothing, readCount } from './shapes.ts';

const delivery = z.discriminatedUnion('to', [
  z.strictObject({ to: z.literal('customer'), addressId: id }),
  z.strictObject({
    to: z.literal('recipient'),
    recipient: z.strictObject({
      name: z.string(),
      phone: z.string(),
      address,
      postalCode: z.string().optional(),
      location: location.optional(),
    }),
  }),
]);
const newOrder = z.strictObject({ customerId: id, externalRef: z.string(), delivery });
const correction = z.strictObject({ delivery });
const newShipment = z.strictObject({
  courierClientId: id,
  opensAt: instant.optional(),
  closesAt: instant.optional(),
  maxReads: readCount.optional(),
  notify: z.boolean().optional(),
});

export function orders(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/orders', 'orders.create', { body: 'json' }, (request, caller, act) =>
    createOrder(vault, caller, act, parseBody(newOrder, request.body)),
  );
  declare('get', '/v1/orders/:id', 'orders.read', { query: ['grant'] }, (request, caller, act) =>
    readOrder(vault, caller, act, idOf(request), grantInQuery(request.query.grant)),
  );
  declare('patch', '/v1/orders/:id', 'orders.patch', { body: 'mergePatch' }, (request, caller, act) => {
    const version = requireVersion(request.headers);
    return patchOrder(vault, caller, act, idOf(request), version, parseBody(correction, request.body).delivery);
  });
  declare('get', '/v1/orders', 'orders.list', { query: ['customerId', 'limit', 'cursor'] }, (request, caller, act) => {
    const { customerId, limit, cursor } = request.query;
    return listOrders(vault, caller, act, idInQuery('customerId', customerId), parsePage(limit, cursor));
  });
  declare('post', '/v1/orders/:id/cancel', 'orders.cancel', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return cancelOrder(vault, caller, act, idOf(request));
  });
  declare('post', '/v1/orders/:id/shipments', 'shipments.create', { body: 'json' }, (request, caller, act) =>
    createShipment(vault, caller, act, idOf(request), parseBody(newShipment, request.body)),
  );
  declare('get', '/v1/shipments/:id', 'shipments.read', {}, (request, caller, act) =>
    readShipment(vault, caller, act, idOf(request)),
  );
}
