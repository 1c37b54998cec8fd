import type { Fault } from '../errors.ts';
import { citations, decided, escapeToken } from './citation.ts';
import type { Profile } from './profile.ts';
import { ceilingMembers } from './readCeiling.ts';
import { grantKinds, parties, processorKinds } from './vocabulary.ts';
import type { Field, GrantKind, Role } from './vocabulary.ts';

/**
 * What a schema cannot say: every name a rule uses is declared, and no rule opens a personal value without work. A profile
 * that fails here cannot be loaded; contradictions that a policy may contain are check.ts's business.
 */
export function faultsOfReference(profile: Profile): readonly Fault[] {
  return rules.flatMap((rule) => rule(profile));
}

const rules: readonly ((profile: Profile) => readonly Fault[])[] = [
  unreasoned,
  misnamedDepartments,
  unknownPurposes,
  unknownReaders,
  unknownKinds,
  openCells,
  unsearchable,
  strayStandIns,
  strayAsks,
  carriersWithoutDefault,
  keysElsewhere,
  extractsOfNothing,
  glassWithoutGrant,
  feedbackForSale,
];

/** Can this field be shown without a grant? Only if no party's item calls it personal, and somebody declares it. */
export function isImpersonal(profile: Profile, field: Field): boolean {
  const declared = parties.flatMap((party) => profile.items[party][field] ?? []);
  return declared.length > 0 && declared.every((item) => !item.personal);
}

function unreasoned(profile: Profile): readonly Fault[] {
  return citations(profile)
    .filter(({ clauses, why }) => why === undefined && clauses.every((id) => id === decided))
    .map(({ pointer }) => ({ pointer: `${pointer}/why`, code: 'decided_without_reason' }));
}

/** The work and the rule that allows it come together, and it is the system's administration alone that has it. */
function glassWithoutGrant(profile: Profile): readonly Fault[] {
  const rule = profile.grantKinds.break_glass;
  const others = rule?.grantees.some((reader) => reader !== 'system_admin') === true;
  const alone = (rule !== undefined) !== (profile.breakGlass?.allowed === true);
  return alone || others ? [{ pointer: '/breakGlass/allowed', code: 'break_glass_without_grant' }] : [];
}

/** What people said to be heard is read for nothing that they would have to say yes to, offers say (B5). */
function feedbackForSale(profile: Profile): readonly Fault[] {
  return entries(profile.feedback?.readers ?? {})
    .filter(([, { purpose }]) => profile.consent.purposes?.includes(purpose) === true)
    .map(([reader]) => ({ pointer: `/feedback/readers/${reader}/purpose`, code: 'feedback_for_sending' }));
}

/** Processors, the person and the umbrella `department` are not departments. */
function misnamedDepartments(profile: Profile): readonly Fault[] {
  const refused = [...processorKinds, 'subject', 'department'] as const satisfies readonly Role[];
  return refused
    .filter((role) => Object.hasOwn(profile.departments, role))
    .map((role) => ({ pointer: `/departments/${role}`, code: 'not_a_department' }));
}

function unknownPurposes(profile: Profile): readonly Fault[] {
  const used = [
    ...parties.flatMap((party) =>
      entries(profile.items[party]).map(([field, item]) => [`/items/${party}/${field}`, item.purposes] as const),
    ),
    ...entries(profile.departments).map(([id, { purposes }]) => [`/departments/${id}`, purposes] as const),
    ...entries(profile.processors).map(([id, { purposes }]) => [`/processors/${id}`, purposes] as const),
    ...entries(profile.grantKinds).map(([id, { purpose }]) => [`/grantKinds/${id}`, [purpose]] as const),
    ...entries(profile.feedback?.readers ?? {}).map(
      ([id, { purpose }]) => [`/feedback/readers/${id}`, [purpose]] as const,
    ),
    ['/consent/purposes', profile.consent.purposes ?? []] as const,
    ['/consent/optOut', profile.consent.optOut ?? []] as const,
    ['/statistics/purpose', profile.statistics === undefined ? [] : [profile.statistics.purpose]] as const,
    ...entries(profile.tells ?? {}).map(([id, { purpose }]) => [`/tells/${id}`, [purpose]] as const),
    ['/supplementary/purpose', profile.supplementary?.allowed === true ? [profile.supplementary.purpose] : []] as const,
    ['/assurance/demanded', Object.keys(profile.assurance?.demanded ?? {})] as const,
    ['/rights/object', Object.keys(profile.rights.object?.refused ?? {})] as const,
  ];
  return used
    .filter(([, purposes]) => purposes.some((purpose) => !Object.hasOwn(profile.purposes, purpose)))
    .map(([pointer]) => ({ pointer, code: 'unknown_purpose' }));
}

function unknownReaders(profile: Profile): readonly Fault[] {
  const known = new Set<string>([...Object.keys(profile.departments), ...processorKinds]);
  const withSubject = new Set([...known, 'subject']);
  const used = [
    ...cells(profile).map(({ pointer, reader }) => ({ pointer, reader, among: withSubject })),
    ...entries(profile.grantKinds).flatMap(([kind, { grantees }]) =>
      grantees.map((reader) => ({ pointer: `/grantKinds/${kind}/grantees`, reader, among: known })),
    ),
    ...Object.keys(profile.feedback?.readers ?? {}).map((reader) => ({
      pointer: `/feedback/readers/${reader}`,
      reader,
      among: known,
    })),
    ...(['search', 'match', 'write'] as const).flatMap((list) =>
      Object.keys(profile[list]).map((reader) => ({ pointer: `/${list}/${reader}`, reader, among: withSubject })),
    ),
    ...Object.keys(profile.statistics?.readers ?? {}).map((reader) => ({
      pointer: `/statistics/readers/${reader}`,
      reader,
      among: new Set(Object.keys(profile.departments)),
    })),
    ...Object.values(ceilingMembers).flatMap((member) =>
      Object.keys(profile.readCeilings[member] ?? {}).map((reader) => ({
        pointer: `/readCeilings/${member}/${reader}`,
        reader,
        among: known,
      })),
    ),
  ];
  return used
    .filter(({ reader, among }) => !among.has(reader))
    .map(({ pointer }) => ({ pointer, code: 'unknown_reader' }));
}

function unknownKinds(profile: Profile): readonly Fault[] {
  return cells(profile).flatMap(({ pointer, cell }) => {
    const undeclared = cell.full.some((kind) => profile.grantKinds[kind] === undefined);
    const narrowed = [...(cell.onlyWithOrder ?? []), ...(cell.onlyUndelivered ?? [])];
    const stray = narrowed.some((kind) => !cell.full.includes(kind));
    return [
      ...(undeclared ? [{ pointer: `${pointer}/full`, code: 'unknown_kind' }] : []),
      ...(stray ? [{ pointer, code: 'condition_without_kind' }] : []),
    ];
  });
}

/** Nothing personal is open without work, and a firm that acts for the shop sees not even masks without it. */
function openCells(profile: Profile): readonly Fault[] {
  return cells(profile).flatMap(({ pointer, reader, field, cell }) => {
    const open = cell.base === 'full' && reader !== 'subject' && !isImpersonal(profile, field);
    const processor = cell.base !== 'none' && processorKinds.some((kind) => kind === reader);
    return [
      ...(open ? [{ pointer: `${pointer}/base`, code: 'full_without_grant' }] : []),
      ...(processor ? [{ pointer: `${pointer}/base`, code: 'processor_without_grant' }] : []),
    ];
  });
}

function unsearchable(profile: Profile): readonly Fault[] {
  const found = (field: Field): boolean => parties.some((party) => profile.items[party][field]?.searchable === true);
  return (['search', 'match'] as const).flatMap((list) =>
    entries(profile[list])
      .filter(([, rule]) => !rule.fields.every(found))
      .map(([reader]) => ({ pointer: `/${list}/${reader}/fields`, code: 'not_searchable' })),
  );
}

/** What stands in for another item stands in for a mandatory one, which it then is not itself. */
function strayStandIns(profile: Profile): readonly Fault[] {
  return parties.flatMap((party) =>
    entries(profile.items[party])
      .filter(([, { standsInFor, mandatory }]) => {
        if (standsInFor === undefined) return false;
        return mandatory || profile.items[party][standsInFor]?.mandatory !== true;
      })
      .map(([field]) => ({ pointer: `/items/${party}/${field}/standsInFor`, code: 'not_mandatory' })),
  );
}

/** Nobody is asked for an item that the policy does not collect of a customer. */
function strayAsks({ supplementary, items }: Profile): readonly Fault[] {
  if (supplementary?.allowed !== true) return [];
  return Object.entries(supplementary.asks)
    .filter(
      ([, { field }]) => field !== undefined && items.natural[field] === undefined && items.legal[field] === undefined,
    )
    .map(([name]) => ({ pointer: `/supplementary/asks/${name}/field`, code: 'field_not_declared' }));
}

/** A courier's client that names no carrier profile has the default one. Where no courier works there is none to have. */
function carriersWithoutDefault(profile: Profile): readonly Fault[] {
  if (!profile.processors.courier.allowed || Object.hasOwn(profile.carriers, 'default')) return [];
  return [{ pointer: '/carriers/default', code: 'field_required' }];
}

/** Sealed values may lie with a provider; what opens them stays with the company. */
function keysElsewhere(profile: Profile): readonly Fault[] {
  return profile.storage.flatMap(({ place, holdsKeys }, i) =>
    place === 'provider' && holdsKeys ? [{ pointer: `/storage/${i}/holdsKeys`, code: 'keys_at_provider' }] : [],
  );
}

/** Rows that name nobody are for a purpose without values, of which nobody is asked, and as many to a class as a figure. */
function extractsOfNothing({ extracts, statistics, purposes, consent, departments }: Profile): readonly Fault[] {
  if (extracts?.allowed !== true) return [];
  const { purpose, readers } = extracts;
  const asked = [...(consent.purposes ?? []), ...(consent.optOut ?? [])].includes(purpose);
  const wrong = [
    ['/extracts/purpose', purposes[purpose]?.values !== 'none' || asked, 'purpose_with_values'],
    ['/extracts/allowed', statistics === undefined, 'statistics_required'],
    ['/extracts/readers', !readers.every((reader) => Object.hasOwn(departments, reader)), 'unknown_reader'],
  ] as const;
  return wrong.filter(([, is]) => is).map(([pointer, , code]) => ({ pointer, code }));
}

/** Every written cell of the matrix. */
export function cells(profile: Profile) {
  return entries(profile.access).flatMap(([field, row]) =>
    entries(row).map(([reader, cell]) => ({
      pointer: `/access/${field}/${escapeToken(reader)}`,
      field,
      reader,
      cell,
    })),
  );
}

/** The kinds the profile declares, in the closed list's order. */
export function declaredKinds(profile: Profile): readonly GrantKind[] {
  return grantKinds.filter((kind) => profile.grantKinds[kind] !== undefined);
}

/** Own entries of a possibly partial table, with their keys' type. */
function entries<K extends string, V>(table: { readonly [key in K]?: V }): readonly (readonly [K, NonNullable<V>])[] {
  return Object.entries(table).filter((entry): entry is [string, NonNullable<V>] => entry[1] !== undefined) as [
    K,
    NonNullable<V>,
  ][];
}
