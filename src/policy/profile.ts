import { parseDocument } from 'yaml';
import * as z from 'zod';
import { VaultError } from '../errors.ts';
import type { Fault } from '../errors.ts';
import * as access from './accessRules.ts';
import { cited, escapeToken, title } from './citation.ts';
import * as duties from './duties.ts';
import * as figures from './figures.ts';
import { faultsOfReference } from './references.ts';
import * as submissions from './submissionRules.ts';
import * as watching from './watching.ts';

export {
  fields,
  forms,
  grantKinds,
  parties,
  reasons,
  roles,
  searchKeys,
  channels,
  consentMethods,
  deliveryFields,
  deliveryItems,
} from './vocabulary.ts';
export type {
  Channel,
  ConsentMethod,
  DeliveryItem,
  Field,
  Form,
  GrantKind,
  GroundKind,
  MaskKind,
  Party,
  Reason,
  RetentionClass,
  Role,
  SearchKey,
  Telling,
} from './vocabulary.ts';

/** A published privacy policy as data. Members are in the order in which the file is read by people. */
const schema = z.strictObject({
  /** Version of this file's shape. */
  format: z.literal(1),
  id: z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/),
  controller: duties.controller,
  /** Gregorian, as the policy's own text dates it; shown in Jalali. */
  version: z.strictObject({ date: z.iso.date(), effectiveFrom: z.iso.date(), ...cited }),
  title,
  contact: duties.contact,
  /** Where somebody says that the policy was not kept. Versions from before there was such a rule have none. */
  complaintContact: duties.contact.optional(),
  legalBasis: duties.legalBasis,
  sources: submissions.sources,
  storage: duties.storage,
  purposes: access.purposes,
  items: access.items,
  forms: access.demandForms,
  departments: access.departments,
  processors: access.processors,
  grounds: access.grounds,
  grantKinds: access.grants,
  access: access.access,
  carriers: access.carriers,
  masks: access.masks,
  search: access.search,
  match: access.match,
  write: access.write,
  readCeilings: access.readCeilings,
  /** Versions from before there was such a rule count nothing for anybody. */
  statistics: figures.statistics.optional(),
  /** The same: nobody gets any. */
  extracts: figures.extracts.optional(),
  attestation: submissions.attestation,
  /** Versions that were published before there was such a rule have none: nothing is confirmed by entering it. */
  assurance: submissions.assurance.optional(),
  /** Versions that were published before there was such a rule have none, and ask for nothing more. */
  supplementary: submissions.supplementary.optional(),
  states: duties.states,
  recipients: duties.recipients.optional(),
  staffUndertaking: duties.staffUndertaking.optional(),
  /** Versions from before there was such a rule take none. */
  feedback: duties.feedback.optional(),
  misuse: duties.misuse,
  /** Versions from before there were such rules have none, and answer as they answer requests about one's own data. */
  complaints: duties.complaints.optional(),
  inquiries: duties.inquiries.optional(),
  rights: duties.rights,
  consent: duties.consent,
  notice: duties.notice,
  /** Versions that were published before there was such a rule have none, and tell nobody. */
  disclosureNotice: duties.disclosureNotice.optional(),
  /** Versions from before there was such a rule tell nobody anything by themselves. */
  tells: duties.tells.optional(),
  acceptance: duties.acceptance,
  incident: duties.incident,
  /** Versions from before there were such rules have none: nothing is watched, broken or laid out by them. */
  monitoring: watching.monitoring.optional(),
  breakGlass: watching.breakGlass.optional(),
  decoys: watching.decoys.optional(),
  refusals: duties.refusals,
  retention: duties.retention,
});

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;
export type Profile = Frozen<z.output<typeof schema>>;
export type Cell = Frozen<access.Cell>;

/**
 * Reads a profile and checks it whole: shape, closed lists, references between its parts. The answer is frozen.
 * Throws `invalid_body` with every fault: RFC 6901 pointers, or `#line=n` (RFC 5147) where the YAML itself is broken.
 */
export function parseProfile(yamlText: string): Profile {
  return profileOf(readYaml(yamlText));
}

/** Texts that are remembered: tenants share the few that ship, and a text of its own is read once all the same. */
const mostTexts = 50;

/** `parseProfile` that reads a text once, however many tenants have it: a tenth of a second each. */
export function profileReader(): typeof parseProfile {
  const read = new Map<string, Profile>();
  return (text) => {
    const known = read.get(text);
    if (known !== undefined) return known;
    const profile = parseProfile(text);
    if (read.size >= mostTexts) read.clear();
    read.set(text, profile);
    return profile;
  };
}

/** The same for data that is already read. */
export function profileOf(data: unknown): Profile {
  const parsed = schema.safeParse(data);
  if (!parsed.success) throw new VaultError('invalid_body', parsed.error.issues.flatMap(faultsOfIssue));
  const faults = faultsOfReference(parsed.data);
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
  return freeze(parsed.data);
}

/** YAML 1.2 core with merge keys: no custom tags, no duplicate keys, a bound on aliases. */
function readYaml(text: string): unknown {
  const document = parseDocument(text, {
    schema: 'core',
    merge: true,
    uniqueKeys: true,
    strict: true,
    prettyErrors: false,
    logLevel: 'error',
  });
  const wrong = [...document.errors, ...document.warnings];
  if (wrong.length > 0) {
    throw new VaultError(
      'invalid_body',
      wrong.map(({ code, pos }) => ({ pointer: `#line=${lineAt(text, pos[0])}`, code: code.toLowerCase() })),
    );
  }
  try {
    return document.toJS({ maxAliasCount: 200 });
  } catch {
    throw new VaultError('invalid_body', [{ pointer: '', code: 'aliases' }]);
  }
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

function faultsOfIssue(issue: z.core.$ZodIssue): readonly Fault[] {
  const pointer = issue.path.map((key) => `/${escapeToken(key)}`).join('');
  if (issue.code !== 'unrecognized_keys') return [{ pointer, code: issue.code }];
  return issue.keys.map((key) => ({ pointer: `${pointer}/${escapeToken(key)}`, code: 'unknown_field' }));
}

function freeze<T>(value: T): Frozen<T> {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value as Frozen<T>;
}
