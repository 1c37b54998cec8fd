import * as z from 'zod';
import { refuse, VaultError } from '../errors.ts';
import { addressParts } from '../vault/addressParts.ts';
import { createBatch, type BatchItem } from '../vault/customerBatch.ts';
import { readBatch } from '../vault/customerBatchRead.ts';
import { searchable } from '../vault/customerFields.ts';
import { readableFields } from '../vault/customerView.ts';
import { createCustomer, listCustomers, patchCustomer, readCustomer, type NewCustomer } from '../vault/customers.ts';
import { newId } from '../vault/ids.ts';
import { parsePage } from '../vault/page.ts';
import { matchCustomer, searchCustomers } from '../vault/search.ts';
import type { Vault } from '../vault/vault.ts';
import { idOf, type DeclareAct } from './acts.ts';
import { refuseCardData } from './cardData.ts';
import { importAnswers } from './customerImport.ts';
import { requireVersion } from './ifMatch.ts';
import { parseBody } from './parse.ts';
import { grantInQuery } from './queryId.ts';
import { attestation, source, sources } from './shapes.ts';

const phoneKind = z.enum(['mobile', 'landline']);
export const address = z.strictObject(Object.fromEntries(addressParts.map((part) => [part, z.string().optional()])));
export const location = z.strictObject({ lat: z.number(), lng: z.number() });
const mostPhones = 10;
const mostAddresses = 20;

const newCustomer = z.strictObject({
  kind: z.enum(['natural', 'legal']),
  externalRef: z.string().optional(),
  source,
  attestation,
  guest: z.boolean().optional(),
  fields: z.record(z.string(), z.string()),
  phones: z
    .array(
      z.strictObject({
        kind: phoneKind,
        number: z.string(),
        extension: z.string().optional(),
        primary: z.boolean().optional(),
      }),
    )
    .max(mostPhones)
    .default([]),
  addresses: z
    .array(
      z.strictObject({ address: address.optional(), postalCode: z.string().optional(), location: location.optional() }),
    )
    .max(mostAddresses)
    .default([]),
});

/** What a person asks to have corrected, and what a shop changes. */
export const correction = z.strictObject({
  attestation,
  externalRef: z.string().nullable().optional(),
  fields: z.record(z.string(), z.string().nullable()).optional(),
  phones: z
    .array(
      z.strictObject({
        id: z.string().optional(),
        kind: phoneKind.optional(),
        number: z.string().optional(),
        extension: z.string().nullable().optional(),
        primary: z.boolean().optional(),
      }),
    )
    .max(mostPhones)
    .nullable()
    .optional(),
  addresses: z
    .array(
      z.strictObject({
        id: z.string().optional(),
        address: address.optional(),
        postalCode: z.string().nullable().optional(),
        location: location.nullable().optional(),
      }),
    )
    .max(mostAddresses)
    .nullable()
    .optional(),
});

const patch = correction.extend({ source: sources.optional(), guest: z.boolean().optional() });

/** The reference of the shop stands among the fields everywhere but in bodies. */
export function changeOf<Sent extends z.output<typeof correction>>({ externalRef, ...rest }: Sent) {
  return { ...rest, fields: externalRef === undefined ? rest.fields : { ...rest.fields, externalRef } };
}

const search = z.strictObject({ by: z.enum(searchable), value: z.string() });
const match = z.strictObject({ id: z.uuid(), field: z.enum(searchable), value: z.string() });
const batch = z.strictObject({ customers: z.array(z.unknown()).min(1).max(500) });
const batchMaxBytes = 2 * 1024 * 1024;
const batchRead = z.strictObject({
  customers: z
    .array(z.strictObject({ id: z.uuid(), grant: z.uuid().optional() }))
    .min(1)
    .max(100),
  fields: z.array(z.string().max(64)).min(1).max(100).optional(),
});

/** Paths with a fixed word come before `:id`: the router takes the first that fits. */
export function customers(declare: DeclareAct, vault: Vault): void {
  searches(declare, vault);
  batches(declare, vault);
  declare('post', '/v1/customers', 'customers.create', { body: 'json' }, (request, caller, act) =>
    createCustomer(vault, caller, act, newCustomerOf(vault, request.body)),
  );
  declare('get', '/v1/customers', 'customers.list', { query: ['limit', 'cursor'] }, (request, caller, act) =>
    listCustomers(vault, caller, act, parsePage(request.query.limit, request.query.cursor)),
  );
  declare('get', '/v1/customers/:id', 'customers.read', { query: ['grant', 'fields'] }, (request, caller, act) =>
    readCustomer(vault, caller, act, {
      id: idOf(request),
      grantId: grantInQuery(request.query.grant),
      fields: request.query.fields === undefined ? undefined : fieldsInQuery(request.query.fields),
    }),
  );
  declare('patch', '/v1/customers/:id', 'customers.patch', { body: 'mergePatch' }, (request, caller, act) => {
    const version = requireVersion(request.headers);
    const change = changeOf(parseBody(patch, request.body));
    return patchCustomer(vault, caller, act, idOf(request), version, change);
  });
}

function searches(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/customers/search', 'customers.search', { body: 'json' }, (request, caller, act) => {
    const { by, value } = parseBody(search, request.body);
    return searchCustomers(vault, caller, act, by, value);
  });
  declare('post', '/v1/customers/match', 'customers.match', { body: 'json' }, (request, caller, act) => {
    const { id, field, value } = parseBody(match, request.body);
    return matchCustomer(vault, caller, act, id.toLowerCase(), field, value);
  });
}

function batches(declare: DeclareAct, vault: Vault): void {
  declare(
    'post',
    '/v1/customers/batch',
    'customers.create',
    { body: 'json', maxBytes: batchMaxBytes, cardExempt: ['/customers'] },
    (request, caller, act) => {
      const items = parseBody(batch, request.body).customers.map((item) => itemOf(vault, item));
      return createBatch(vault, caller, act, items);
    },
  );
  declare('post', '/v1/customers/batch-read', 'customers.read', { body: 'json' }, (request, caller, act) => {
    const { customers: items, fields: names } = parseBody(batchRead, request.body);
    const fields = names === undefined ? undefined : readableFields(names, unknownName);
    const asked = items.map(({ id, grant }) => ({ id: id.toLowerCase(), grantId: grant?.toLowerCase(), fields }));
    return readBatch(vault, caller, act, asked);
  });
  declare(
    'post',
    '/v1/customers/import',
    'customers.import',
    { body: 'lines', query: ['firstLine'], produces: 'application/x-ndjson' },
    (request, caller, act) => importAnswers(vault, caller, act, request, (value) => itemOf(vault, value)),
  );
}

const unknownName = (at: number): VaultError => refuse('invalid_body', `/fields/${at}`, 'unknown_name');

function fieldsInQuery(text: string) {
  return readableFields(text.split(','), () => refuse('invalid_query', '?fields', 'unknown_name'));
}

function newCustomerOf(vault: Vault, body: unknown): NewCustomer {
  const { externalRef, fields, phones, addresses, ...rest } = parseBody(newCustomer, body);
  if (fields['externalRef'] !== undefined) throw refuse('field_not_declared', '/fields/externalRef');
  const id = () => newId(vault.now());
  return {
    ...rest,
    fields: externalRef === undefined ? fields : { ...fields, externalRef },
    phones: phones.map((phone) => ({ ...phone, id: id() })),
    addresses: addresses.map((place) => ({ ...place, id: id() })),
  };
}

/** A faulty item is told at its place and does not spoil the others. */
function itemOf(vault: Vault, value: unknown): BatchItem {
  try {
    refuseCardData(value);
    return newCustomerOf(vault, value);
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw error;
  }
}
