import type { Signer } from '../../../src/crypto/cms.ts';
import { elementsOf, encode, octetString, onlyElement, sequence, tagged, tags } from '../../../src/crypto/der.ts';
import type { Element } from '../../../src/crypto/der.ts';
import { selfSignedCertificate } from '../../../src/crypto/x509.ts';
import { newKeyPair } from '../../support/keyPair.ts';

/** An export key with its certificate, as src/keys/keyCreation.ts makes them. */
export function exportKey(commonName: string): Signer {
  const { privateKey, publicKey } = newKeyPair('rsa', 3072);
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const terms = { commonName, days: 30, serial: '80' };
  return { privateKey, certificatePem: selfSignedCertificate(privatePem, publicPem, terms) };
}

export function changed(bytes: Buffer, at: number, mask = 1): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

/** Where the parts of an AuthEnvelopedData stand in its file. */
export function partsOf(sealed: Buffer) {
  const [, outer] = childrenOf(onlyElement(sealed, tags.sequence));
  const [version, recipients, info, mac] = childrenOf(childrenOf(outer)[0]);
  const [keyVersion, rid, oaep, encryptedKey] = childrenOf(childrenOf(recipients)[0]);
  const [contentType, cipher, encrypted] = childrenOf(info);
  const [cipherOid, gcm] = childrenOf(cipher);
  const [nonce, icvLength] = childrenOf(gcm);
  const nulls = childrenOf(childrenOf(oaep)[1]).flatMap((hash, i) =>
    childrenOf(i === 0 ? childrenOf(hash)[0] : childrenOf(childrenOf(hash)[0])[1]).slice(1),
  );
  const whole = { version, keyVersion, rid, encryptedKey, contentType, cipherOid, nonce, icvLength, encrypted, mac };
  const places = Object.fromEntries(Object.entries(whole).map(([name, part]) => [name, contentOf(sealed, part)]));
  return {
    ...(places as Record<keyof typeof whole, Place>),
    nulls: nulls.map((part) => contentOf(sealed, part).at - 2),
  };
}

/** The signed attributes of a SignedData file with one signer. */
export function signedAttributesOf(signed: Buffer): readonly Element[] {
  const [, outer] = childrenOf(onlyElement(signed, tags.sequence));
  const signerInfos = childrenOf(childrenOf(outer)[0]).at(-1);
  return childrenOf(childrenOf(childrenOf(signerInfos)[0])[3]);
}

interface Place {
  readonly at: number;
  readonly length: number;
}

function childrenOf(element: Element | undefined): readonly Element[] {
  return elementsOf(element?.content ?? Buffer.alloc(0)) ?? [];
}

function contentOf(sealed: Buffer, element: Element | undefined): Place {
  if (element === undefined) throw new Error('no such part');
  return { at: element.content.byteOffset - sealed.byteOffset, length: element.content.length };
}

/** The same package with another tag, of any length below 128. */
export function withTag(sealed: Buffer, tag: Buffer): Buffer {
  const [contentType, outer] = childrenOf(onlyElement(sealed, tags.sequence));
  const parts = childrenOf(childrenOf(outer)[0]).slice(0, -1);
  const content = tagged(outer?.tag ?? 0, sequence(...parts.map(({ whole }) => [whole]), octetString(tag)));
  return encode(sequence([contentType?.whole ?? Buffer.alloc(0)], content));
}

/** Bytes that OpenSSL 3.0 reads past: versions, the tags of parameters that are NULL, the inner type, the tag's length. */
export function bytesWithoutMeaning(sealed: Buffer): ReadonlySet<number> {
  const { version, keyVersion, contentType, icvLength, nulls } = partsOf(sealed);
  const all = [version, keyVersion, contentType, icvLength];
  return new Set([...nulls, ...all.flatMap(({ at, length }) => Array.from({ length }, (_, i) => at + i))]);
}
