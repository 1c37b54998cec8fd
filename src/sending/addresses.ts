import { BlockList, isIP } from 'node:net';

/** What is not the public net, by IANA's registries of special-purpose addresses (RFC 6890 and its updates). */
const special = new BlockList();
for (const [address, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  special.addSubnet(address, bits, 'ipv4');
// Of IPv6 only global unicast is the public net at all; these are parts of it that are not.
for (const [address, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  special.addSubnet(address, bits, 'ipv6');
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** Nobody's host, whatever the operator allows: this network, multicast, and link-local, where clouds keep their metadata. */
const never = new BlockList();
never.addSubnet('0.0.0.0', 8, 'ipv4');
never.addSubnet('169.254.0.0', 16, 'ipv4');
never.addSubnet('224.0.0.0', 3, 'ipv4');
const ownNet = new BlockList();
ownNet.addSubnet('::1', 128, 'ipv6');
ownNet.addSubnet('fc00::', 7, 'ipv6');

/** Is it an address of the public net? */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !special.check(address, 'ipv4');
  // A zone, a mapped or a translated IPv4 address is none.
  return family === 6 && globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

/** May it be reached where the operator allows the host? A private address, or this machine itself. */
export function isAllowableAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !never.check(address, 'ipv4');
  return isPublicAddress(address) || (family === 6 && ownNet.check(address, 'ipv6'));
}
