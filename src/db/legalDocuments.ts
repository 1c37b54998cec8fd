import { statement, type Statement } from './statement.ts';

export interface NewDocumentChunk {
  readonly tenantId: string;
  readonly documentId: string;
  /** From 0. */
  readonly number: number;
  readonly storedAt: Date;
  readonly sealed: Buffer;
}

export function insertDocumentChunk(chunk: NewDocumentChunk): Statement {
  return statement(
    'insert_document_chunk',
    `insert into amanat.legal_document_chunks (tenant_id, document_id, number, stored_at, sealed)
     values ($1::uuid, $2::uuid, $3::integer, $4::timestamptz, $5::bytea)`,
    [chunk.tenantId, chunk.documentId, chunk.number, chunk.storedAt, chunk.sealed],
  );
}

export interface NewLegalDocument {
  readonly tenantId: string;
  readonly id: string;
  readonly legalOrderId: string;
  readonly chunks: number;
  readonly storedAt: Date;
}

/** Guarded: conflict unless all its chunks are there. Fails with legal_documents_one_per_order beside another one. */
export function insertLegalDocument(document: NewLegalDocument): Statement {
  return statement(
    'insert_legal_document',
    `with inserted as (
       insert into amanat.legal_documents (tenant_id, id, legal_order_id, chunks, stored_at)
       values ($1::uuid, $2::uuid, $3::uuid, $4::integer, $5::timestamptz)
       returning 1
     )
     select amanat.require(count(*) = $4::integer, 'conflict')
       from amanat.legal_document_chunks c
      where c.tenant_id = $1::uuid and c.document_id = $2::uuid`,
    [document.tenantId, document.id, document.legalOrderId, document.chunks, document.storedAt],
  );
}

/** The order's scan and its chunks. */
export function deleteLegalDocument(tenantId: string, legalOrderId: string): Statement {
  return statement(
    'delete_legal_document',
    `with gone as (
       delete from amanat.legal_documents
        where tenant_id = $1::uuid and legal_order_id = $2::uuid
        returning id
     )
     delete from amanat.legal_document_chunks c
      using gone g
      where c.tenant_id = $1::uuid and c.document_id = g.id`,
    [tenantId, legalOrderId],
  );
}

/** The chunks of an upload that came to nothing; those of a document stay. */
export function deleteUploadedChunks(tenantId: string, documentId: string): Statement {
  return statement(
    'delete_uploaded_chunks',
    `delete from amanat.legal_document_chunks c
      where c.tenant_id = $1::uuid and c.document_id = $2::uuid
        and not exists (select from amanat.legal_documents d where d.tenant_id = $1::uuid and d.id = $2::uuid)`,
    [tenantId, documentId],
  );
}

/** Chunks that no document has wanted since `before`, which must be longer ago than an upload can last. */
export function deleteOrphanChunks(tenantId: string, before: Date): Statement {
  return statement(
    'delete_orphan_chunks',
    `delete from amanat.legal_document_chunks c
      where c.tenant_id = $1::uuid and c.stored_at < $2::timestamptz
        and not exists (
          select from amanat.legal_documents d where d.tenant_id = $1::uuid and d.id = c.document_id)`,
    [tenantId, before],
  );
}

export function selectDocumentChunk(
  tenantId: string,
  documentId: string,
  number: number,
): Statement<{ readonly sealed: Buffer }> {
  return statement(
    'select_document_chunk',
    `select c.sealed
       from amanat.legal_document_chunks c
      where c.tenant_id = $1::uuid and c.document_id = $2::uuid and c.number = $3::integer`,
    [tenantId, documentId, number],
  );
}
