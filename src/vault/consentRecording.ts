import { digestOf } from '../crypto/digest.ts';
import {
  deleteSuppressions,
  insertConsents,
  insertSuppressions,
  moveConsentHead,
  type ConsentRow,
  type SuppressionRow,
} from '../db/consents.ts';
import type { Statement } from '../db/statement.ts';
import { afterGiving } from '../policy/consent.ts';
import { channels as allChannels, type Channel } from '../policy/profile.ts';
import type { Deed } from './audit.ts';
import type { Doer } from './caller.ts';
import { headOf, signedHead, standingKey, type Head, type Standings } from './consentHead.ts';
import { contactHash, type ContactPoints } from './contactPoints.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { macOf } from './rowMac.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export type Line = Pick<ConsentRow, 'purpose' | 'source' | 'explicit'> & {
  readonly kind: 'given' | 'withdrawn';
  readonly channel: Channel;
  readonly method: string | null;
  readonly textVersion: string | null;
};

export interface Recording {
  readonly lines: readonly Line[];
  readonly suppress: readonly SuppressionRow[];
  readonly lift: readonly SuppressionRow[];
  /** What the leaf says of it, where that is more than the act. */
  readonly rule?: string;
}

/**
 * Events of one commit, on the head as it stands now, in the name of whoever brings them. Aborts with `conflict` when another
 * came first.
 */
export async function recorded(
  vault: Vault,
  keys: TenantKeys,
  doer: Doer,
  policy: Policy,
  customerId: string,
  { lines, suppress, lift, rule }: Recording,
): Promise<{ readonly deed: Deed; readonly statements: readonly Statement[]; readonly standings: Standings }> {
  const { tenantId } = keys;
  const at = new Date(vault.now());
  const before = await headOf(vault, keys, customerId);
  const head = after(policy, before, lines, at);
  const signed = signedHead(keys, customerId, head);
  const rows = lines.map((line, i) => signedLine(vault, keys, doer, policy, customerId, before.number + i + 1, line));
  const deed = {
    subjectId: customerId,
    object: { kind: 'consents', id: rows[0]?.id ?? customerId },
    purpose: lines.length === 1 ? lines[0]?.purpose : undefined,
    digest: digestOf(signed.mac),
    recordVersion: head.number,
    rule,
  };
  const statements = [
    moveConsentHead(tenantId, signed, before.number),
    insertConsents(tenantId, rows),
    deleteSuppressions(tenantId, lift),
    insertSuppressions(tenantId, suppress, keys.hashVersion, at),
  ];
  return { deed, statements, standings: head.standings };
}

/** By which channels a leaf says that somebody wants no more of it: its rule names them after its last dot, or it was all of them. */
export function channelsOf(rule: string): readonly Channel[] {
  const named = rule.slice(rule.lastIndexOf('.') + 1).split('+');
  const known = allChannels.filter((channel) => named.includes(channel));
  return known.length === named.length ? known : allChannels;
}

/** The person wants no more of it: of these purposes, by these channels. */
export function withdrawing(
  keys: TenantKeys,
  contacts: ContactPoints,
  purposes: readonly string[],
  channels: readonly Channel[],
  source: string,
): Recording {
  return {
    lines: purposes.flatMap((purpose) =>
      channels.map((channel) => ({
        kind: 'withdrawn' as const,
        purpose,
        channel,
        source,
        explicit: null,
        method: null,
        textVersion: null,
      })),
    ),
    suppress: hashesOf(keys, contacts, purposes, channels),
    lift: [],
    ...(channels.length === allChannels.length ? {} : { rule: `consents.withdraw.${channels.join('+')}` }),
  };
}

/** Every contact point of these channels: an opt-out is of the person, whichever number is the official one tomorrow. */
export function hashesOf(
  keys: TenantKeys,
  contacts: ContactPoints,
  purposes: readonly string[],
  channels: readonly Channel[],
): SuppressionRow[] {
  return channels.flatMap((channel) =>
    contacts.points[channel].flatMap((point) => {
      const contact = contactHash(keys, channel, point);
      return purposes.map((purpose) => ({ purpose, channel, contact }));
    }),
  );
}

function after({ profile }: Policy, before: Head, lines: readonly Line[], at: Date): Head {
  const standings: Record<string, Standings[string]> = { ...before.standings };
  for (const { kind, purpose, channel, explicit } of lines) {
    const key = standingKey(purpose, channel);
    const was = standings[key]?.state ?? 'none';
    const state = kind === 'withdrawn' ? 'withdrawn' : afterGiving(profile, was, explicit === true);
    // A later consent by use changes nothing of when the person last decided.
    if (state !== was || kind === 'withdrawn' || explicit === true) standings[key] = { state, at: at.toISOString() };
  }
  return { number: before.number + lines.length, standings };
}

function signedLine(
  vault: Vault,
  keys: TenantKeys,
  { clientId, role, actor }: Doer,
  policy: Policy,
  customerId: string,
  number: number,
  { purpose, channel, kind, explicit, method, source, textVersion }: Line,
): ConsentRow {
  const now = vault.now();
  const row = {
    customerId,
    number,
    id: newId(now),
    purpose,
    channel,
    kind,
    explicit,
    method,
    source,
    textVersion,
    policyVersion: policy.label,
    recordedBy: clientId,
    recordedRole: role,
    actor: actor ?? null,
    createdAt: new Date(now),
  };
  return { ...row, mac: macOf(keys, 'consents', row) };
}
