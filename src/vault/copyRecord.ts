import type { CustomerRow } from '../db/customers.ts';
import type { Decision, Verdict } from '../policy/judge.ts';
import type { Field, Party } from '../policy/profile.ts';
import { fullReadersOf } from '../policy/seenBy.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import type { TenantKeys } from './keyring.ts';
import { reveal, type OpenRecord } from './record.ts';
import { jalaliDayOf } from './tehranDay.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** One value that is held: why, who may come to see it, and for how long it is kept. */
export interface CopiedItem {
  readonly field: Field;
  readonly title: string;
  readonly value: unknown;
  readonly purposes: readonly string[];
  readonly recipients: readonly string[];
  readonly retention: { readonly class: RetentionClass; readonly keep: string; readonly clock: string };
}

/** One fact about what was done with the data: as programs read it and, where that is not Persian, in words. */
export interface CopiedFact {
  readonly name: string;
  readonly title: string;
  readonly value: string | number | boolean | readonly string[];
  readonly text?: string | undefined;
}

/** Something that is held of a person: values of theirs, facts about them, or both. */
export interface CopiedRecord {
  readonly id: string;
  readonly createdAt: string;
  readonly createdAtJalali: string;
  readonly items: readonly CopiedItem[];
  readonly facts: readonly CopiedFact[];
}

/** What a part of a copy is made from. */
export interface Copying {
  readonly vault: Vault;
  readonly keys: TenantKeys;
  readonly policy: Policy;
  readonly customer: CustomerRow;
  /** What the judge releases to the person. */
  readonly make: MakeItem;
  readonly at: Date;
  /** Records that a part may give; the newest. */
  readonly limit: number;
}

export type MakeItem = (record: OpenRecord, label: string, field: Field, kept: RetentionClass) => CopiedItem[];

export function copiedRecord(
  { id, createdAt }: { readonly id: string; readonly createdAt: Date },
  { items = [], facts = [] }: Partial<Pick<CopiedRecord, 'items' | 'facts'>>,
): CopiedRecord {
  return { id, createdAt: createdAt.toISOString(), createdAtJalali: jalaliDayOf(createdAt), items, facts };
}

/** Nothing where there is nothing to say. */
export function fact(name: string, title: string, value: CopiedFact['value'] | null, text?: string): CopiedFact[] {
  return value === null ? [] : [{ name, title, value, ...(text === undefined ? {} : { text }) }];
}

/** Nothing where the judge does not release the field to the person. */
export function itemMaker({ profile }: Policy, party: Party, { verdicts }: Decision): MakeItem {
  return (record, label, field, kept) => {
    const verdict: Verdict = verdicts[field];
    if (verdict.state !== 'full') return [];
    const rule = profile.items[party][field] ?? profile.items.recipient[field];
    const { keep, clock } = profile.retention[kept];
    return [
      {
        field,
        title: rule?.title.fa ?? field,
        value: reveal(verdict, record.value(label)),
        purposes: (rule?.purposes ?? []).map((purpose) => profile.purposes[purpose]?.title.fa ?? purpose),
        recipients: fullReadersOf(profile, field).map(({ title }) => title.fa),
        retention: { class: kept, keep, clock },
      },
    ];
  };
}
