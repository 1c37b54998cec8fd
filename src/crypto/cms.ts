/**
 * Packages for an authority that has a certificate: Cryptographic Message Syntax (RFC 5652), DER, one ContentInfo inside
 * the other:
 *
 * | layer             | by                        | opened with                                       |
 * | ----------------- | ------------------------- | ------------------------------------------------- |
 * | AuthEnvelopedData | `envelopedFor` (RFC 5083) | `openssl cms -decrypt`, the authority's key       |
 * | SignedData        | `signedContent`           | `openssl cms -verify`, our export certificate     |
 * | content           | JSON or HTML              |                                                   |
 *
 * The signature is inside: who handles the package on the way learns neither its content nor who signed it.
 *
 * OpenSSL's command writes what it deciphers before it has checked the tag. A package with a changed byte ends in exit
 * code 4, and the file named by -out holds what came out until then. So a reader's instructions have to write to a
 * temporary name and keep it only after exit code 0: docs/opening-a-package.md.
 */
export { envelopedFor } from './authEnvelopedData.ts';
export { signedContent, type Signer } from './signedData.ts';
