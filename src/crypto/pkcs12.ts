import { createHash, createHmac, createPrivateKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import forge from 'node-forge';

/**
 * The private key in a PKCS#12 file (RFC 7292), as OpenSSL 3 writes it. node-forge reads the ASN.1; node:crypto does everything
 * that touches the passphrase, because node-forge takes 16 s for 600,000 iterations and knows no passphrase beyond Latin-1.
 *
 * | part         | accepted                                                                                               |
 * | ------------ | ------------------------------------------------------------------------------------------------------ |
 * | integrity    | by passphrase: HMAC with SHA-256, SHA-384 or SHA-512 and the key derivation of appendix B               |
 * | key          | one pkcs8ShroudedKeyBag in a content of type data, under PBES2 (RFC 8018 section 6.2) with AES-CBC       |
 * | certificates | passed over, encrypted or not                                                                          |
 */
export type Pkcs12FaultCode =
  | 'not_pkcs12'
  | 'no_mac'
  | 'pbmac1'
  | 'legacy_mac'
  | 'iterations'
  | 'wrong_passphrase'
  | 'legacy_cipher'
  | 'unprotected_key'
  | 'no_key'
  | 'several_keys';

export class Pkcs12Fault extends Error {
  readonly code: Pkcs12FaultCode;

  constructor(code: Pkcs12FaultCode) {
    super(code);
    this.name = 'Pkcs12Fault';
    this.code = code;
  }
}

const oids = {
  data: '1.2.840.113549.1.7.1',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  pbes2: '1.2.840.113549.1.5.13',
  pbmac1: '1.2.840.113549.1.5.14',
} as const;
const macs: Readonly<Record<string, { readonly name: string; readonly block: number }>> = {
  '2.16.840.1.101.3.4.2.1': { name: 'sha256', block: 64 },
  '2.16.840.1.101.3.4.2.2': { name: 'sha384', block: 128 },
  '2.16.840.1.101.3.4.2.3': { name: 'sha512', block: 128 },
};
/** AES in CBC mode with 128, 192 and 256 bits (RFC 8018 appendix B.2.5). */
const aes = /^2\.16\.840\.1\.101\.3\.4\.1\.(?:2|22|42)$/;
/** More would keep a start waiting for minutes. */
const mostIterations = 10_000_000;

/** Throws `Pkcs12Fault`. */
export function openPkcs12(file: Buffer, passphrase: string): KeyObject {
  const pfx = parsed(file);
  const [version, authSafe, macData] = children(pfx);
  if (version === undefined || authSafe === undefined || octets(version)[0] !== 3) throw new Pkcs12Fault('not_pkcs12');
  if (macData === undefined) throw new Pkcs12Fault('no_mac');
  const content = contentOf(authSafe);
  if (content === undefined) throw new Pkcs12Fault('not_pkcs12');
  checkMac(macData, content, passphrase);
  const bags = children(parsed(content)).flatMap(bagsOf);
  const keys = bags.filter(({ type }) => type === oids.shroudedKeyBag || type === oids.keyBag);
  const [key] = keys;
  if (key === undefined) throw new Pkcs12Fault('no_key');
  if (keys.length > 1) throw new Pkcs12Fault('several_keys');
  if (key.type === oids.keyBag) throw new Pkcs12Fault('unprotected_key');
  return privateKey(key.value, passphrase);
}

interface Bag {
  readonly type: string;
  readonly value: forge.asn1.Asn1;
}

/** Of a ContentInfo that is not encrypted as a whole; what else there may be is certificates. */
function bagsOf(info: forge.asn1.Asn1): Bag[] {
  const content = contentOf(info);
  if (content === undefined) return [];
  return children(parsed(content)).map((bag) => {
    const [type, wrapper] = children(bag);
    const [value] = wrapper === undefined ? [] : children(wrapper);
    if (type === undefined || value === undefined) throw new Pkcs12Fault('not_pkcs12');
    return { type: oidOf(type), value };
  });
}

/** RFC 7292 section 4: DigestInfo, salt, iterations (1 when absent). */
function checkMac(macData: forge.asn1.Asn1, content: Buffer, passphrase: string): void {
  const [info, salt, count] = children(macData);
  const [algorithm, digest] = info === undefined ? [] : children(info);
  const [oid] = algorithm === undefined ? [] : children(algorithm);
  if (salt === undefined || digest === undefined || oid === undefined) throw new Pkcs12Fault('not_pkcs12');
  if (oidOf(oid) === oids.pbmac1) throw new Pkcs12Fault('pbmac1');
  const mac = macs[oidOf(oid)];
  if (mac === undefined) throw new Pkcs12Fault('legacy_mac');
  const iterations = count === undefined ? 1 : integerOf(count);
  if (iterations > mostIterations) throw new Pkcs12Fault('iterations');
  const key = macKey(mac, passphrase, octets(salt), iterations);
  const own = createHmac(mac.name, key).update(content).digest();
  const theirs = octets(digest);
  if (own.length !== theirs.length || !timingSafeEqual(own, theirs)) throw new Pkcs12Fault('wrong_passphrase');
}

/** RFC 7292 appendix B.2 with ID 3 and as many bytes as the hash has: one block, so that I is never added to. */
function macKey(
  { name, block }: { name: string; block: number },
  passphrase: string,
  salt: Buffer,
  iterations: number,
): Buffer {
  // Appendix B.1: BMPString, big-endian, with two bytes of zero at the end.
  const password = Buffer.from(`${passphrase}\0`, 'utf16le').swap16();
  const start = Buffer.concat([Buffer.alloc(block, 3), filled(salt, block), filled(password, block)]);
  let key = createHash(name).update(start).digest();
  for (let i = 1; i < iterations; i += 1) key = createHash(name).update(key).digest();
  return key;
}

/** Copies of `bytes`, one after the other, to a multiple of the hash's block. */
function filled(bytes: Buffer, block: number): Buffer {
  return Buffer.alloc(block * Math.ceil(bytes.length / block), bytes);
}

/** EncryptedPrivateKeyInfo (RFC 5958 section 3). */
function privateKey(encrypted: forge.asn1.Asn1, passphrase: string): KeyObject {
  const [algorithm] = children(encrypted);
  const [oid, parameters] = algorithm === undefined ? [] : children(algorithm);
  if (oid === undefined || oidOf(oid) !== oids.pbes2 || parameters === undefined)
    throw new Pkcs12Fault('legacy_cipher');
  const [derivation, scheme] = children(parameters);
  const [cipher] = scheme === undefined ? [] : children(scheme);
  if (derivation === undefined || cipher === undefined || !aes.test(oidOf(cipher)))
    throw new Pkcs12Fault('legacy_cipher');
  // PBKDF2's parameters: salt, iterations and more.
  const [, pbkdf2] = children(derivation);
  const [, count] = pbkdf2 === undefined ? [] : children(pbkdf2);
  if (count === undefined || integerOf(count) > mostIterations) throw new Pkcs12Fault('iterations');
  const key = Buffer.from(forge.asn1.toDer(encrypted).getBytes(), 'latin1');
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8', passphrase: Buffer.from(passphrase) });
  } catch {
    throw new Pkcs12Fault('wrong_passphrase');
  }
}

/** The octets of a ContentInfo of type data; `undefined` for any other type. */
function contentOf(info: forge.asn1.Asn1): Buffer | undefined {
  const [type, wrapper] = children(info);
  const [content] = wrapper === undefined ? [] : children(wrapper);
  if (type === undefined || oidOf(type) !== oids.data || content === undefined) return undefined;
  return octets(content);
}

function parsed(bytes: Buffer): forge.asn1.Asn1 {
  try {
    return forge.asn1.fromDer(forge.util.createBuffer(bytes.toString('latin1')), true);
  } catch {
    throw new Pkcs12Fault('not_pkcs12');
  }
}

function children({ value }: forge.asn1.Asn1): readonly forge.asn1.Asn1[] {
  if (!Array.isArray(value)) throw new Pkcs12Fault('not_pkcs12');
  return value;
}

function octets({ value }: forge.asn1.Asn1): Buffer {
  if (typeof value !== 'string') throw new Pkcs12Fault('not_pkcs12');
  return Buffer.from(value, 'latin1');
}

function oidOf(node: forge.asn1.Asn1): string {
  if (node.type !== forge.asn1.Type.OID) throw new Pkcs12Fault('not_pkcs12');
  return forge.asn1.derToOid(octets(node).toString('latin1'));
}

function integerOf(node: forge.asn1.Asn1): number {
  const bytes = octets(node);
  if (node.type !== forge.asn1.Type.INTEGER || bytes.length === 0 || bytes.length > 6)
    throw new Pkcs12Fault('iterations');
  return bytes.readUIntBE(0, bytes.length);
}
