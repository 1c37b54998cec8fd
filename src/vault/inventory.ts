import { demandedItems } from '../policy/items.ts';
import { fields, forms, parties, type Field, type Party, type Profile } from '../policy/profile.ts';
import { seenBy } from '../policy/seenBy.ts';
import { retentionClasses } from '../policy/vocabulary.ts';
import { placesOf } from './heldItems.ts';
import { basisView } from './policyView.ts';
import { requirePublicTenant } from './publicTenant.ts';
import { jalaliDayOf, jalaliOf } from './tehranDay.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** What the vault of a tenant may hold, by the policy in force: for anybody, because the policy is published. */
export async function publicInventory(vault: Vault, tenantId: string): Promise<Inventory> {
  await requirePublicTenant(vault, tenantId);
  return inventoryOf(vault.watch.policy(tenantId));
}

export type Inventory = ReturnType<typeof inventoryOf>;

/** The whole of it follows from the profile, and from where the vault puts what. */
function inventoryOf({ profile, label, number, from }: Policy) {
  const { controller, title, version, contact, complaintContact } = profile;
  return {
    format: 'amanat-inventory-1' as const,
    controller,
    title,
    policyVersion: label,
    number,
    versionDate: version.date,
    versionDateJalali: jalaliOf(version.date),
    inForceFrom: new Date(from).toISOString(),
    inForceFromJalali: jalaliDayOf(new Date(from)),
    contact: { email: contact.email, phone: contact.phone },
    ...(complaintContact === undefined
      ? {}
      : { complaintContact: { email: complaintContact.email, phone: complaintContact.phone } }),
    items: parties.flatMap((party) =>
      fields
        .filter((field) => profile.items[party][field] !== undefined)
        .flatMap((field) => itemView(profile, party, field)),
    ),
    purposes: named(profile.purposes, ({ values }) => ({ values })),
    departments: named(profile.departments, ({ seesValues, purposes }) => ({ seesValues, purposes })),
    processors: named(profile.processors, ({ allowed, purposes }) => ({ allowed, purposes })),
    work: named(profile.grantKinds, ({ purpose, grantees, longest, requiresOrder }) => ({
      purpose,
      grantees,
      longest,
      requiresOrder,
    })),
    disclosure: named(profile.grounds, ({ allowed, demands }) => ({ allowed, demands })),
    retention: retentionView(profile),
    storage: profile.storage.map((place) => ({
      place: place.place,
      title: place.title,
      // Values lie sealed wherever they lie; what opens them lies in fewer places.
      holds: place.holdsKeys ? (['sealed_values', 'keys'] as const) : (['sealed_values'] as const),
      ...citedBy(place),
    })),
    sources: named(profile.sources, ({ covered }) => ({ covered })),
    refusals: named(profile.refusals, ({ refused }) => ({ refused })),
    legalBasis: basisView(profile),
  };
}

function itemView(profile: Profile, party: Party, field: Field) {
  const item = profile.items[party][field];
  if (item === undefined) return [];
  const demandedBy = forms.filter((form) =>
    demandedItems(profile, party, form).some((choice) => choice.some((one) => one === field)),
  );
  return [
    {
      party,
      field,
      title: item.title,
      class: item.class,
      personal: item.personal,
      mandatory: item.mandatory,
      ...(item.standsInFor === undefined ? {} : { standsInFor: item.standsInFor }),
      demandedBy,
      searchable: item.searchable,
      purposes: item.purposes,
      seenBy: seenBy(profile, field),
      keptAs: placesOf(party, field),
      ...citedBy(item),
    },
  ];
}

function retentionView({ retention }: Profile) {
  return retentionClasses.map((name) => {
    const { keep, clock, after, most, renewable, cases, ...rule } = retention[name];
    return {
      class: name,
      keep,
      clock,
      after,
      ...(most === undefined ? {} : { most }),
      ...(renewable === undefined ? {} : { renewable }),
      ...(cases === undefined ? {} : { cases }),
      ...citedBy(rule),
    };
  });
}

interface Rule {
  readonly clauses: readonly string[];
  readonly why?: string | undefined;
}

/** The sentences of the policy that a rule answers; where it was decided here, why. */
function citedBy({ clauses, why }: Rule) {
  return { clauses, ...(why === undefined ? {} : { why }) };
}

type Titled = Rule & { readonly title: { readonly fa: string; readonly en: string } };

function named<R extends Titled, More extends object>(
  rules: Readonly<Record<string, R | undefined>>,
  more: (rule: R) => More,
) {
  return Object.entries(rules).flatMap(([id, rule]) =>
    rule === undefined ? [] : [{ id, title: rule.title, ...more(rule), ...citedBy(rule) }],
  );
}
