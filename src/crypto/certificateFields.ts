import { contextConstructed, dottedOf, elementsOf, onlyElement, tags, type Element } from './der.ts';

/**
 * What node:crypto does not tell of an X.509 certificate (RFC 5280 section 4.1), read from its DER:
 *
 * | Certificate SEQUENCE     | here                                                        |
 * | ------------------------ | ----------------------------------------------------------- |
 * | tbsCertificate SEQUENCE  |                                                             |
 * |   version [0], optional  | absent means v1                                             |
 * |   serialNumber INTEGER   | `serial`, as encoded                                        |
 * |   signature SEQUENCE     |                                                             |
 * |   issuer SEQUENCE        | `issuer`, as encoded                                        |
 * |   validity, subject, key | by node:crypto                                              |
 * |   unique ids [1] [2]     |                                                             |
 * |   extensions [3]         | `extensions`; SEQUENCE of { OID, BOOLEAN default FALSE, OCTET STRING } |
 * | signatureAlgorithm       |                                                             |
 * | signature BIT STRING     |                                                             |
 */
export interface CertificateFields {
  readonly serial: Buffer;
  readonly issuer: Buffer;
  /** By object identifier; each at most once (RFC 5280 section 4.2). */
  readonly extensions: ReadonlyMap<string, Extension>;
}

export interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

const explicitVersion = contextConstructed(0);
const explicitExtensions = contextConstructed(3);
const boolean = 0x01;

/** `undefined` for bytes that are no certificate. */
export function certificateFields(der: Buffer): CertificateFields | undefined {
  const [tbs] = childrenOf(onlyElement(der, tags.sequence)) ?? [];
  const members = tbs?.tag === tags.sequence ? childrenOf(tbs) : undefined;
  if (members === undefined) return undefined;
  const [serial, signature, issuer, ...rest] = members[0]?.tag === explicitVersion ? members.slice(1) : members;
  if (serial?.tag !== tags.integer || signature?.tag !== tags.sequence || issuer?.tag !== tags.sequence) {
    return undefined;
  }
  const listed = rest.find(({ tag }) => tag === explicitExtensions);
  const extensions = listed === undefined ? new Map<string, Extension>() : extensionsOf(listed);
  return extensions === undefined ? undefined : { serial: serial.whole, issuer: issuer.whole, extensions };
}

function extensionsOf(listed: Element): ReadonlyMap<string, Extension> | undefined {
  const members = childrenOf(onlyElement(listed.content, tags.sequence));
  if (members === undefined) return undefined;
  const found = new Map<string, Extension>();
  for (const member of members) {
    const [name, ...rest] = childrenOf(member) ?? [];
    const [flag, value] = rest.length === 2 ? rest : [undefined, rest[0]];
    const id = name?.tag === tags.oid ? dottedOf(name.content) : undefined;
    if (id === undefined || value?.tag !== tags.octetString || rest.length > 2 || found.has(id)) return undefined;
    if (flag !== undefined && flag.tag !== boolean) return undefined;
    // A default that is written out is not DER, and common: only what says yes is critical.
    found.set(id, { critical: flag !== undefined && flag.content[0] !== 0, value: value.content });
  }
  return found;
}

function childrenOf(element: Element | undefined): readonly Element[] | undefined {
  return element === undefined ? undefined : elementsOf(element.content);
}

/** The bits of a KeyUsage (RFC 5280 section 4.2.1.3), first bit first in the first byte; `undefined` for what is none. */
export function keyUsageBits(value: Buffer): number | undefined {
  const bits = onlyElement(value, tags.bitString)?.content;
  return bits === undefined || bits.length < 1 || bits.length > 3 ? undefined : (bits[1] ?? 0);
}

/** The purposes of an ExtKeyUsage (RFC 5280 section 4.2.1.12), dotted; `undefined` for what is none. */
export function purposesOf(value: Buffer): readonly string[] | undefined {
  const purposes = childrenOf(onlyElement(value, tags.sequence));
  const names = purposes?.map(({ tag, content }) => (tag === tags.oid ? dottedOf(content) : undefined));
  const known = names?.filter((name) => name !== undefined);
  return known?.length === names?.length && known?.length !== 0 ? known : undefined;
}
