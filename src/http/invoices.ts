import { createInvoice, readInvoice } from '../vault/invoices.ts';
import { readVatCertificate, requestVatCertificate } from '../vault/vatCertificates.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';
import { nothing } from './shapes.ts';

export function invoices(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/orders/:id/invoices', 'invoices.create', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return createInvoice(vault, caller, act, idOf(request));
  });
  declare('get', '/v1/invoices/:id', 'invoices.read', {}, (request, caller, act) =>
    readInvoice(vault, caller, act, idOf(request)),
  );
  const path = '/v1/invoices/:id/vat-certificate';
  declare('post', path, 'vat_certificates.request', { body: 'jsonIfAny' }, (request, caller, act) => {
    parseBody(nothing, request.body);
    return requestVatCertificate(vault, caller, act, idOf(request));
  });
  declare('get', path, 'vat_certificates.read', {}, (request, caller, act) =>
    readVatCertificate(vault, caller, act, idOf(request)),
  );
}
