import { contextConstructed, encode, oid, sequence, tagged, type Der } from './der.ts';

/** Bytes without a structure of their own (RFC 5652 section 4). */
export const idData: Der = oid('1.2.840.113549.1.7.1');

/** The outermost value of every CMS file: SEQUENCE { contentType OID, content [0] } (RFC 5652 section 3). */
export function contentInfo(contentType: Der, content: Der): Buffer {
  return encode(sequence(contentType, tagged(contextConstructed(0), content)));
}
