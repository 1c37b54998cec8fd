import * as z from 'zod';
import { cited, title } from './citation.ts';
import { durationPattern } from './duration.ts';
import { channels, consentMethods, retentionClasses, tellings } from './vocabulary.ts';

/** The rest of what a policy promises: validated whole with the profile, enforced where the work is done. */

const duration = z.string().regex(durationPattern);
const date = z.iso.date();

export const controller = title;

export const contact = z.strictObject({ email: z.email(), phone: z.string().min(1), ...cited });

export const legalBasis = z
  .array(
    z.strictObject({
      instrument: title,
      articles: z.array(z.string().min(1)).min(1),
      /** The instrument's own number, where it has one. */
      number: z
        .string()
        .regex(/^\d{1,12}$/)
        .optional(),
      /** Gregorian; shown in Jalali. */
      date,
      about: z.string().min(1),
      ...cited,
    }),
  )
  .min(1);

export const storage = z
  .array(
    z.strictObject({
      place: z.enum(['company', 'own_server', 'provider']),
      title,
      /** Keys never leave the company, wherever the sealed values stand. */
      holdsKeys: z.boolean(),
      ...cited,
    }),
  )
  .min(1);

const length = z.union([duration, z.enum(['while_active', 'until_opt_in', 'as_ordered', 'never'])]);
const retentionRule = z.strictObject({
  keep: length,
  clock: z.enum([
    'fiscal_year_end',
    'last_activity',
    'erasure',
    'delivery',
    'dispatch',
    'issue',
    'settlement',
    'close',
    'answer',
    'relation_end',
    'opt_out',
    'order',
    'receipt',
    'event',
    'creation',
    'none',
  ]),
  after: z.enum(['erase', 'close', 'detach', 'notify_and_deactivate', 'lapse', 'not_stored']),
  /** The longest a setting may make it, and from when. */
  most: z.strictObject({ length: duration, clock: z.enum(['order', 'erasure', 'receipt']) }).optional(),
  renewable: z.boolean().optional(),
  /** Between telling the person and deactivating the account. */
  noticeTime: duration.optional(),
  /** Shorter or other times in named cases. */
  cases: z
    .array(
      z.strictObject({
        when: z.enum(['on_request', 'cancelled', 'delivered', 'used', 'saved']),
        keep: z.union([length, z.literal('at_once')]),
      }),
    )
    .optional(),
  ...cited,
});
export const retention = z.record(z.enum(retentionClasses), retentionRule);

export const consent = z.strictObject({
  channels: z.array(z.enum(channels)).min(1),
  /** What goes out only to whom has agreed, and to members only; absent: whatever the marketing department is for. */
  purposes: z.array(z.string()).optional(),
  /** What goes out to whoever has not said no. */
  optOut: z.array(z.string()).optional(),
  /** How a person can be said to have agreed; an implied one is recorded as such. */
  methods: z.record(z.enum(consentMethods), z.strictObject({ title, explicit: z.boolean(), ...cited })),
  impliedOpensSending: z.boolean(),
  withdrawal: z.strictObject({
    perChannel: z.boolean(),
    effective: z.enum(['at_once']),
    suppression: z.enum(['keyed_hash']),
    impliedConsentOverrides: z.boolean(),
    ...cited,
  }),
  ...cited,
});

export const notice = z.strictObject({
  requiredBeforeEffect: z.boolean(),
  /** A change that its publisher calls immaterial needs none (C15 «تغییرات مهم»). */
  onlyIfMaterial: z.boolean().default(false),
  /** Ways, of those that count, by which people are to be told. */
  atLeast: z.int().positive(),
  channels: z.record(
    z.enum(['site', 'email', 'version_date']),
    z.strictObject({ title, counts: z.boolean(), ...cited }),
  ),
  ...cited,
});

/** What the vault tells people by itself, for which purpose and by which channels: each of them that reaches the person. */
export const tells = z.partialRecord(
  z.enum(tellings),
  z.strictObject({
    purpose: z.string(),
    channels: z.array(z.enum(channels)).min(1),
    /** on_request: only where whoever does the act asks for it. */
    when: z.enum(['always', 'on_request']),
    ...cited,
  }),
);

/** Whether a person is told that their data was disclosed; where the order is secret, once the secrecy has ended. */
export const disclosureNotice = z.strictObject({ default: z.boolean(), ...cited });

export const acceptance = z.strictObject({
  version: z.enum(['newest']),
  methods: z.array(z.enum(consentMethods)).min(1),
  ...cited,
});

const state = z.strictObject({
  ordinaryReads: z.boolean(),
  marketing: z.boolean(),
  rights: z.boolean(),
  ...cited,
});
export const states = z.record(z.enum(['active', 'deactivated', 'erased']), state);

export const misuse = z.strictObject({
  freezes: z.array(z.enum(['edits', 'reveals'])).min(1),
  opensIncident: z.boolean(),
  /** By when somebody has to say what was found. */
  resolveWithin: duration.default('P3D'),
  ...cited,
});

/** Whom data may be handed to who acts for the shop or is trusted by it, and what they undertake before anything is. */
export const recipients = z.strictObject({
  kinds: z.array(z.enum(['courier', 'payment_processor', 'trusted_body'])),
  /** demanded: nothing for a firm without one that stands. recorded: where a client belongs to a recipient, the same. */
  undertaking: z.enum(['demanded', 'recorded']),
  ...cited,
});

/** Whether a member of staff has to have undertaken confidentiality before a value is shown in full. */
export const staffUndertaking = z.strictObject({ demanded: z.boolean(), ...cited });

/** Answers to surveys, and opinions: what each department reads them for, and whether whose they are belongs to that. */
export const feedback = z.strictObject({
  readers: z.record(
    z.string().regex(/^[a-z][a-z0-9_]{0,39}$/),
    z.strictObject({ purpose: z.string(), identity: z.boolean() }),
  ),
  ...cited,
});

/** By when somebody hears that their complaint was taken in, and from then on what was found and done. */
export const complaints = z.strictObject({ acknowledgeWithin: duration, answerWithin: duration, ...cited });

export const inquiries = z.strictObject({ answerWithin: duration, ...cited });

export const rights = z.strictObject({
  copy: z.strictObject({
    formats: z.array(z.enum(['json', 'readable_persian'])).min(1),
    oneTimeLink: z.boolean(),
    linkExpires: duration,
    ...cited,
  }),
  correct: z.strictObject({ bySelf: z.boolean(), keepsHistory: z.boolean(), ...cited }),
  erase: z.strictObject({
    answers: z.array(z.enum(['done', 'partly', 'refused'])).min(1),
    deadline: duration,
    refusalNeedsLegalReason: z.boolean(),
    ...cited,
  }),
  /** Absent in versions from before there was such a rule: somebody decides every objection. */
  object: z
    .strictObject({
      /** Purposes that nobody can object to, and the legal reason. */
      refused: z.record(z.string(), z.enum(['required_by_law', 'needed_for_contract'])),
      ...cited,
    })
    .optional(),
});

export const incident = z.strictObject({
  parts: z.array(z.enum(['source', 'extent', 'recovery', 'legal_follow_up'])).length(4),
  extentFromAudit: z.boolean(),
  ...cited,
});

/** What nobody may store or hand on, whatever a form asks. */
export const refusals = z.record(
  z.enum(['card_data', 'plain_transport', 'sale_or_rent', 'third_party_tracking', 'personal_data_in_references']),
  z.strictObject({ title, refused: z.boolean(), ...cited }),
);
