import { countGlassOf, selectOpenGlass } from '../db/breakGlass.ts';
import {
  explainBreakGlass,
  explainCeiling,
  type ExplainedBreakGlass,
  type ExplainedCeiling,
} from '../policy/explainBounds.ts';
import type { CountedBy } from '../policy/readCeiling.ts';
import { columnOf } from '../policy/reader.ts';
import { load, refusalOf } from './act.ts';
import { countedBy } from './ceilings.ts';
import { isOpen, type Asked, type KnownGrant } from './explainedRead.ts';
import { checkMac } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { dayOf, endOfDay } from './tehranDay.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** With what of today is left, and when it is whole again, for those who may know how much somebody has read. */
export type CeilingNow = ExplainedCeiling & { readonly left?: number; readonly wholeAgainAt?: string };

/**
 * The ceilings that hold for this reader: of the member of staff, of the client where nobody is named, or, of a role alone, both.
 * What is left is somebody's activity: `known` is false for whoever asks about others and is not the officer.
 */
export async function explainCeilings(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  reader: Asked,
  known: boolean,
): Promise<readonly CeilingNow[]> {
  const one = reader.actor !== undefined || reader.clientId !== '';
  const counted: readonly CountedBy[] = one ? [countedBy(reader)] : ['actor', 'client'];
  const left = one && known ? await leftOf(vault, policy, tenantId, reader) : undefined;
  return counted.flatMap((by) => {
    const ceiling = explainCeiling(policy.profile, reader, by, left);
    if (ceiling === undefined) return [];
    if (left === undefined) return [ceiling];
    return [{ ...ceiling, left, ...timeView('wholeAgainAt', new Date(endOfDay(dayOf(vault.now())))) }];
  });
}

async function leftOf(vault: Vault, policy: Policy, tenantId: string, reader: Asked): Promise<number | undefined> {
  const ceiling = explainCeiling(policy.profile, reader, countedBy(reader));
  if (ceiling === undefined) return undefined;
  const taken = await vault.ceilings.taken(policy, { ...reader, tenantId }).catch((error: unknown) => {
    throw refusalOf(vault, error);
  });
  return Math.max(0, ceiling.perDay - taken);
}

/** An emergency of this person that is open now, and its grant, under which the reader reads. */
export interface OpenGlass {
  readonly id: string;
  readonly actor: string;
  readonly closesAt: Date;
}

export type BreakGlassNow = ExplainedBreakGlass & {
  readonly leftToday?: number;
  readonly open?: { readonly id: string; readonly actor: string; readonly closesAt?: string };
};

/** The policy's rule; and for the officer how many emergencies the day has left, and the one that is open about this person. */
export async function explainEmergency(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  open: OpenGlass | undefined,
  known: boolean,
): Promise<BreakGlassNow> {
  const rule = explainBreakGlass(policy.profile);
  if (!known || rule.perDay === undefined) return rule;
  const [[counted]] = await load(vault, tenantId, [countGlassOf(tenantId, dayOf(vault.now()))]);
  const leftToday = Math.max(0, rule.perDay - (counted?.count ?? 0));
  const spent = leftToday === 0 ? ([{ step: 'wait_for_next_day' }] as const) : [];
  if (open === undefined) return { ...rule, leftToday, wouldHaveToChange: [...spent, ...rule.wouldHaveToChange] };
  const { id, actor, closesAt } = open;
  return { ...rule, leftToday, open: { id, actor, ...timeView('closesAt', closesAt) }, wouldHaveToChange: [] };
}

/** The newest emergency that this reader, or any of its role where no client is named, may read this person under now. */
export async function openGlassFor(
  vault: Vault,
  policy: Policy,
  tenantId: string,
  reader: Asked,
  customerId: string | undefined,
  grantOf: (id: string) => Promise<KnownGrant | undefined>,
): Promise<OpenGlass | undefined> {
  const column = columnOf(policy.profile, reader);
  const grantees = explainBreakGlass(policy.profile).grantees ?? [];
  if (customerId === undefined || column === undefined || !grantees.includes(column)) return undefined;
  const { clientId, actor } = reader;
  const now = new Date(vault.now());
  const named = { clientId: clientId === '' ? undefined : clientId, actor };
  const [rows] = await load(vault, tenantId, [selectOpenGlass(tenantId, customerId, named, now)]);
  const keys = await vault.keyring.tenant(tenantId);
  for (const row of rows) {
    checkMac(keys, 'break_glass', row);
    const grant = await grantOf(row.id);
    // Its reads may be used up, or its grant closed before its time.
    if (grant !== undefined && isOpen(grant, now.getTime()))
      return { id: row.id, actor: row.openedActor, closesAt: row.closesAt };
  }
  return undefined;
}
