import type { Field } from '../../../src/policy/profile.ts';

/** Which item of a carrier's view a field is part of (domain/delivery.md), written down once more for the oracles. */
export const deliveredAs: Readonly<Partial<Record<Field, string>>> = {
  givenName: 'recipientName',
  familyName: 'recipientName',
  contactGivenName: 'recipientName',
  contactFamilyName: 'recipientName',
  legalName: 'recipientName',
  recipientName: 'recipientName',
  mobile: 'phone',
  landline: 'phone',
  recipientPhone: 'phone',
  address: 'address',
  recipientAddress: 'address',
  postalCode: 'postalCode',
  location: 'location',
  nationalId: 'nationalId',
};
