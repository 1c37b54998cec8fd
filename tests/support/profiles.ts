import type { Field, Party, Profile } from '../../src/policy/profile.ts';

interface Drawn {
  readonly kind: 'natural' | 'legal';
  readonly fields: object;
  readonly phones: readonly { readonly kind: 'mobile' | 'landline' }[];
  readonly addresses: readonly object[];
}

/** What of an invented customer a profile collects: the rest would be refused with the whole body. */
export function customerUnder<T extends Drawn>(profile: Profile, drawn: T): T {
  const declared = (field: string) => isCollected(profile, drawn.kind, field);
  return {
    ...drawn,
    fields: kept(drawn.fields, declared),
    phones: drawn.phones.filter(({ kind }) => declared(kind)),
    addresses: drawn.addresses
      .map((address) => kept(address, declared))
      .filter((address) => Object.keys(address).length > 0),
  };
}

export function isCollected(profile: Profile, party: Party, field: string): boolean {
  return Object.hasOwn(profile.items[party], field) && profile.items[party][field as Field] !== undefined;
}

function kept(values: object, declared: (field: string) => boolean): object {
  return Object.fromEntries(Object.entries(values).filter(([field]) => declared(field)));
}
