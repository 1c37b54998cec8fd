import { citations, decided } from './citation.ts';
import { contradictions } from './contradictions.ts';
import type { Finding } from './finding.ts';
import { demandedItems } from './items.ts';
import { forms, parties } from './profile.ts';
import type { Profile } from './profile.ts';
import { cells, declaredKinds } from './references.ts';
import { tellingsOutOfReach } from './tellingChecks.ts';
import { deliveryFields, processorKinds } from './vocabulary.ts';
import type { GrantKind } from './vocabulary.ts';

export type { Finding } from './finding.ts';

export interface CheckOptions {
  /** The clauses of the policy that somebody has to make true; each then needs a rule, and no rule may cite another. */
  readonly clauseIds?: readonly string[] | undefined;
}

/**
 * Contradictions and holes of a profile that can be loaded. `error`: the profile cannot do what it says. `contradiction`: the
 * policy's own sentences collide; accepted, printed, never relaxed. `note`: worth a reader's eye.
 */
export function checkProfile(profile: Profile, options: CheckOptions = {}): readonly Finding[] {
  const holes = [
    fieldsWithoutPurpose,
    demandsUndeclared,
    departmentsWithoutCell,
    kindsWithoutHolder,
    cellsOutOfReach,
    granteesWithoutPurpose,
    masksMissing,
    carriersOverreaching,
    cellsOfUndeclared,
    purposesUnused,
    fieldsNobodyNeeds,
    tellingsOutOfReach,
  ];
  return [
    ...holes.flatMap((hole) => hole(profile)),
    ...contradictions(profile),
    ...clausesUnanswered(profile, options.clauseIds),
  ];
}

function fieldsWithoutPurpose(profile: Profile): readonly Finding[] {
  return parties.flatMap((party) =>
    Object.entries(profile.items[party])
      .filter(([, item]) => item.purposes.length === 0)
      .map(([field]) => ({
        severity: 'error',
        code: 'field_without_purpose',
        pointer: `/items/${party}/${field}/purposes`,
        message: `${party}.${field} has no purpose, so it cannot be collected (ECA 59 a)`,
        messageFa: `قلم ${field} هدفی ندارد و گردآوری نمی‌شود (مادهٔ ۵۹ قانون تجارت الکترونیکی)`,
      })),
  );
}

function demandsUndeclared(profile: Profile): readonly Finding[] {
  return parties.flatMap((party) =>
    forms.flatMap((form) =>
      demandedItems(profile, party, form)
        .filter((choice) => choice.every((field) => profile.items[party][field] === undefined))
        .map(([field]) => ({
          severity: 'error',
          code: 'mandatory_not_declared',
          pointer: `/forms/${form}/${party}`,
          message: `The form ${form} demands ${field} of ${party}, which the profile does not declare`,
          messageFa: `فرم ${form} قلم ${field} را می‌خواهد که در این سیاست اعلام نشده است`,
        })),
    ),
  );
}

function departmentsWithoutCell(profile: Profile): readonly Finding[] {
  const seen = new Set(cells(profile).map(({ reader }) => reader));
  return Object.entries(profile.departments).flatMap(([id, { seesValues, title }]): readonly Finding[] => {
    if (seesValues === seen.has(id)) return [];
    return [
      seesValues
        ? {
            severity: 'error',
            code: 'department_without_cell',
            pointer: `/departments/${id}/seesValues`,
            message: `The department ${id} is to see values, but no cell of the access matrix is its own`,
            messageFa: `بخش «${title.fa}» باید داده ببیند ولی در ماتریس دسترسی هیچ خانه‌ای ندارد`,
          }
        : {
            severity: 'error',
            code: 'department_with_cell',
            pointer: `/departments/${id}/seesValues`,
            message: `The department ${id} is to see no value, but the access matrix gives it one`,
            messageFa: `بخش «${title.fa}» نباید داده ببیند ولی ماتریس دسترسی به آن خانه داده است`,
          },
    ];
  });
}

function kindsWithoutHolder(profile: Profile): readonly Finding[] {
  return declaredKinds(profile)
    .filter((kind) => !isHeld(profile, kind))
    .map((kind) => ({
      severity: 'error',
      code: 'grant_kind_without_holder',
      pointer: `/grantKinds/${kind}`,
      message: `No reader can see anything under a grant of the kind ${kind}`,
      messageFa: `هیچ‌کس با مجوز نوع «${profile.grantKinds[kind]?.title.fa ?? kind}» چیزی نمی‌بیند`,
    }));
}

/** A cell that lists a kind which its reader cannot hold, or which does not cover the field, never opens. */
function cellsOutOfReach(profile: Profile): readonly Finding[] {
  return cells(profile).flatMap(({ field, reader, cell }) =>
    cell.full
      .filter((kind) => {
        const rule = profile.grantKinds[kind];
        return rule === undefined || !rule.grantees.includes(reader) || !rule.fields.includes(field);
      })
      .map((kind) => ({
        severity: 'error',
        code: 'cell_out_of_reach',
        pointer: `/access/${field}/${reader}/full`,
        message: `${field} is to open for ${reader} under ${kind}, but that kind is not granted to it or lacks the field`,
        messageFa: `خانهٔ ${field} برای ${reader} با مجوز ${kind} هرگز باز نمی‌شود`,
      })),
  );
}

/** Whoever may hold a kind of work works for its purpose: the token says what its reads are for. */
function granteesWithoutPurpose(profile: Profile): readonly Finding[] {
  return declaredKinds(profile).flatMap((kind) => {
    const { grantees = [], purpose = '' } = profile.grantKinds[kind] ?? {};
    return grantees
      .filter((reader) => !purposesOf(profile, reader).includes(purpose))
      .map((reader) => ({
        severity: 'error',
        code: 'grantee_without_purpose',
        pointer: `/grantKinds/${kind}/grantees`,
        message: `${reader} may hold work of the kind ${kind}, but does not work for its purpose ${purpose}`,
        messageFa: `${reader} می‌تواند کار ${kind} را داشته باشد ولی هدف ${purpose} از کارهای او نیست`,
      }));
  });
}

function purposesOf(profile: Profile, reader: string): readonly string[] {
  const processor = processorKinds.find((kind) => kind === reader);
  return (processor === undefined ? profile.departments[reader] : profile.processors[processor])?.purposes ?? [];
}

function masksMissing(profile: Profile): readonly Finding[] {
  const masked = new Set(cells(profile).flatMap(({ field, cell }) => (cell.base === 'masked' ? [field] : [])));
  return [...masked]
    .filter((field) => profile.masks[field] === undefined)
    .map((field) => ({
      severity: 'error',
      code: 'mask_missing',
      pointer: `/masks/${field}`,
      message: `${field} is to be shown masked, but has no mask and will be withheld`,
      messageFa: `قلم ${field} باید پوشیده نشان داده شود ولی پوششی برای آن تعریف نشده است`,
    }));
}

function carriersOverreaching(profile: Profile): readonly Finding[] {
  return Object.entries(profile.carriers).flatMap(([id, { shows, title }]) =>
    shows
      .filter((item) => !deliveryFields[item].some((field) => profile.access[field]?.['courier'] !== undefined))
      .map((item) => ({
        severity: 'error',
        code: 'carrier_item_without_cell',
        pointer: `/carriers/${id}/shows`,
        message: `The carrier ${id} is to see ${item}, but the access matrix gives couriers nothing of it`,
        messageFa: `شرکت حمل «${title.fa}» باید ${item} را ببیند ولی ماتریس دسترسی آن را به پیک نمی‌دهد`,
      })),
  );
}

function cellsOfUndeclared(profile: Profile): readonly Finding[] {
  return Object.keys(profile.access)
    .filter((field) => !parties.some((party) => Object.hasOwn(profile.items[party], field)))
    .map((field) => ({
      severity: 'note',
      code: 'cell_of_undeclared_field',
      message: `The access matrix speaks of ${field}, which is never collected`,
      messageFa: `ماتریس دسترسی از ${field} نام می‌برد که هرگز گردآوری نمی‌شود`,
    }));
}

function purposesUnused(profile: Profile): readonly Finding[] {
  const used = new Set([
    ...parties.flatMap((party) => Object.values(profile.items[party]).flatMap(({ purposes }) => purposes)),
    ...Object.values(profile.departments).flatMap(({ purposes }) => purposes),
    ...Object.values(profile.processors).flatMap(({ purposes }) => purposes),
    ...Object.values(profile.grantKinds).map(({ purpose }) => purpose),
    ...(profile.statistics === undefined ? [] : [profile.statistics.purpose]),
  ]);
  return Object.entries(profile.purposes)
    .filter(([id]) => !used.has(id))
    .map(([id, { title }]) => ({
      severity: 'note',
      code: 'purpose_unused',
      message: `Nothing is collected, read or sent for the purpose ${id}`,
      messageFa: `برای هدف «${title.fa}» چیزی گردآوری یا خوانده نمی‌شود`,
    }));
}

/** What no open work can show need not be collected (ECA 59 b). */
function fieldsNobodyNeeds(profile: Profile): readonly Finding[] {
  const declared = new Set(parties.flatMap((party) => Object.keys(profile.items[party])));
  const needed = new Set<string>(cells(profile).flatMap(({ field, cell }) => (cell.full.length > 0 ? [field] : [])));
  return [...declared]
    .filter((field) => !needed.has(field))
    .map((field) => ({
      severity: 'note',
      code: 'field_without_reader',
      message: `${field} is collected, but no work ever shows it in full`,
      messageFa: `قلم ${field} گردآوری می‌شود ولی در هیچ کاری دیده نمی‌شود`,
    }));
}

function clausesUnanswered(profile: Profile, clauseIds: readonly string[] | undefined): readonly Finding[] {
  if (clauseIds === undefined) return [];
  const cited = new Set(citations(profile).flatMap(({ clauses }) => clauses));
  const unknown = [...cited].filter((id) => id !== decided && !clauseIds.includes(id));
  return [
    ...clauseIds
      .filter((id) => !cited.has(id))
      .map((id) => ({
        severity: 'error' as const,
        code: 'clause_without_rule',
        message: `No rule answers the clause ${id}`,
        messageFa: `هیچ قاعده‌ای به بند ${id} پاسخ نمی‌دهد`,
      })),
    ...unknown.map((id) => ({
      severity: 'error' as const,
      code: 'clause_unknown',
      message: `A rule cites ${id}, which is not a clause in scope`,
      messageFa: `قاعده‌ای به بند ${id} استناد می‌کند که در فهرست بندها نیست`,
    })),
  ];
}

/** Can anybody who exists under this profile see anything under such a grant? */
function isHeld(profile: Profile, kind: GrantKind): boolean {
  const holders = new Set<string>(profile.grantKinds[kind]?.grantees);
  for (const processor of processorKinds) if (!profile.processors[processor].allowed) holders.delete(processor);
  return cells(profile).some(({ reader, cell }) => holders.has(reader) && cell.full.includes(kind));
}
