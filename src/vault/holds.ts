import { insertLeaves } from '../db/audit.ts';
import {
  changeHolds,
  insertHolds,
  requireNoOfficersHold,
  selectHoldsOn,
  takeCustomersForHold,
  type HoldChange,
  type HoldKind,
  type HoldRow,
} from '../db/holds.ts';
import type { Statement } from '../db/statement.ts';
import { load, type Act } from './act.ts';
import { leafOf, type Deed } from './audit.ts';
import type { Doer } from './caller.ts';
import { holdKindOf, lapseOf, officersPauseMs, termOf, undecidedUntil, type HoldingRecord } from './holdTerm.ts';
import { newId } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { believes, hashOfMac, isGenuine, macOf } from './rowMac.ts';
import type { Vault } from './vault.ts';

/**
 * The life of a hold, as statements for the commit of the act that moves it: an order's registration, approval, rejection or
 * revocation. A hold that somebody has changed in its table is moved by none of these; it goes on to block, and the operator
 * is told.
 */
export interface HoldStep {
  readonly statements: readonly Statement[];
  /** What the audit is to tell of it, one leaf a hold: `holdLeaves`. */
  readonly deeds: readonly Deed[];
}

const nothing: HoldStep = { statements: [], deeds: [] };

/** Puts steps of one commit together, in their order. */
export function stepsOf(...steps: readonly HoldStep[]): HoldStep {
  return { statements: steps.flatMap((s) => s.statements), deeds: steps.flatMap((s) => s.deeds) };
}

/** The leaves of a step, for the same commit. */
export function holdLeaves(vault: Vault, caller: Doer, act: Act, { deeds }: HoldStep): Statement[] {
  return deeds.length === 0 ? [] : [insertLeaves(deeds.map((deed) => leafOf(vault, caller, act, deed)))];
}

/** What moves holds needs no more of the vault than where to tell of a bad row. */
type Teller = Pick<Vault, 'notice'>;

export interface Placing {
  readonly keys: TenantKeys;
  readonly legalOrderId: string;
  readonly record: HoldingRecord;
  /** Whoever its subjects are now; each once or more often. */
  readonly customerIds: readonly string[];
  readonly at: Date;
  /** Every hold of the order that this one renews (`selectHoldsOfOrders`). */
  readonly renewed?: readonly HoldRow[] | undefined;
}

/**
 * Holds everybody an order is about from now on: a judge's order or one's own when it is approved, an officer's when it is
 * registered. Nothing for an order that holds nothing. Throws `legal_order_expired` when its term is over. Aborts with
 * `conflict` when a customer was erased meanwhile, or was under an officer's hold already that no judge's order came after.
 */
export function placeHolds(placing: Placing): HoldStep {
  const { keys, record, at } = placing;
  const kind = holdKindOf(record);
  const customerIds = [...new Set(placing.customerIds)];
  if (kind === undefined) return nothing;
  if (customerIds.length === 0) {
    // An order about nobody here is told the same of its term.
    termOf(record, kind, at);
    return nothing;
  }
  const holds = customerIds.map((customerId) => newHold(placing, kind, customerId));
  const pause = new Date(at.getTime() - officersPauseMs);
  return {
    statements: [
      takeCustomersForHold(keys.tenantId, customerIds),
      ...(kind === 'provisional' ? [requireNoOfficersHold(keys.tenantId, customerIds, pause)] : []),
      insertHolds(keys.tenantId, holds),
    ],
    deeds: holds.map((hold) => deedOf(hold, 1)),
  };
}

function newHold({ keys, legalOrderId, record, at, renewed }: Placing, kind: HoldKind, customerId: string): HoldRow {
  const earlier = (renewed ?? []).filter(
    (hold) => hold.customerId === customerId && hold.releasedAt === null && isGenuine(keys, 'holds', hold),
  );
  const ends = earlier.map(({ endsAt }) => endsAt.getTime());
  const term = termOf(record, kind, at, ends.length === 0 ? undefined : new Date(Math.max(...ends)));
  const hold = { id: newId(at.getTime()), legalOrderId, customerId, kind, ...term, releasedAt: null, createdAt: at };
  return { ...hold, mac: macOf(keys, 'holds', hold) };
}

/** Ends whatever still stands of these holds: their order was rejected, revoked or replaced, or an approver let them go. */
export function releaseHolds(vault: Teller, keys: TenantKeys, holds: readonly HoldRow[], at: Date): HoldStep {
  return change(
    keys,
    movable(vault, keys, holds).map((hold) => ended(hold, at)),
  );
}

/**
 * Keeps an officer's hold while a judge's order that follows it waits for its decision; a bounded time, whatever follows.
 * One that has lapsed stays lapsed. For the registration of the order that follows.
 */
export function keepHoldsUntilDecided(vault: Teller, keys: TenantKeys, holds: readonly HoldRow[], at: Date): HoldStep {
  const officers = movable(vault, keys, holds).filter((hold) => hold.kind === 'provisional' && hold.endsAt > at);
  return change(
    keys,
    officers.map((hold) => ({ hold, endsAt: undecidedUntil(hold.startsAt), releasedAt: null })),
  );
}

/** The order that followed was rejected: an officer's hold has its day again, and no more. */
export function lapseHolds(vault: Teller, keys: TenantKeys, holds: readonly HoldRow[], at: Date): HoldStep {
  const officers = movable(vault, keys, holds).filter(({ kind }) => kind === 'provisional');
  return change(
    keys,
    officers.map((hold) => {
      const endsAt = lapseOf(hold.startsAt);
      return endsAt <= at ? ended(hold, at) : { hold, endsAt, releasedAt: null };
    }),
  );
}

/**
 * An approved order takes the place of earlier holds in one commit, so that nobody is free in between: of the officer's
 * that it follows, of its own from an approval that was voided.
 */
export function replaceHolds(vault: Teller, placing: Placing, earlier: readonly HoldRow[]): HoldStep {
  return stepsOf(placeHolds(placing), releaseHolds(vault, placing.keys, earlier, placing.at));
}

interface Move {
  readonly hold: HoldRow;
  readonly endsAt: Date;
  readonly releasedAt: Date | null;
}

const ended = (hold: HoldRow, at: Date): Move => ({
  hold,
  endsAt: hold.endsAt,
  releasedAt: hold.endsAt < at ? hold.endsAt : at,
});

/** Those that stand and are as they were made. */
function movable(vault: Teller, keys: TenantKeys, holds: readonly HoldRow[]): HoldRow[] {
  return holds.filter((hold) => believes(vault, keys, 'holds', hold) && hold.releasedAt === null);
}

function change(keys: TenantKeys, moves: readonly Move[]): HoldStep {
  if (moves.length === 0) return nothing;
  const changes = moves.map((move) => changeOf(keys, move));
  return {
    statements: [changeHolds(keys.tenantId, changes)],
    deeds: moves.map(({ hold, releasedAt }, i) =>
      deedOf({ ...hold, mac: changes[i]?.mac ?? hold.mac }, releasedAt === null ? 1 : 2),
    ),
  };
}

/** The row as it becomes, with its MAC; `release` is the sealed reason where one was given. */
export function changeOf(
  keys: TenantKeys,
  { hold, endsAt, releasedAt }: Move,
  release: Buffer | null = null,
): HoldChange {
  const mac = macOf(keys, 'holds', { ...hold, endsAt, releasedAt });
  return { id: hold.id, was: hold.mac, endsAt, releasedAt, release, mac };
}

/** Version 1 is a hold that stands, 2 one that is over: `amanat audit verify` finds it gone or put back. */
export function deedOf(hold: HoldRow, recordVersion: 1 | 2) {
  return {
    subjectId: hold.customerId,
    object: { kind: 'holds', id: hold.id },
    legalOrderId: hold.legalOrderId,
    digest: hashOfMac(hold.mac),
    recordVersion,
  } satisfies Deed;
}

export interface Clearance {
  /** Nothing of these may be lost now. Nobody outside the legal roles and the protection officer may learn who they are. */
  readonly held: ReadonlySet<string>;
  /** End, at this moment, what has lapsed on the others: first in the commit that destroys something of theirs. */
  readonly statements: readonly Statement[];
}

/**
 * May something of these customers be destroyed at `at`? To be asked before every erasure and sweep. The database refuses
 * (`conflict`) on its own what comes past this, a hold placed after the look among it.
 */
export async function clearanceOf(
  vault: Vault,
  keys: TenantKeys,
  customerIds: readonly string[],
  at: Date,
): Promise<Clearance> {
  const [holds] = await load(vault, keys.tenantId, [selectHoldsOn(keys.tenantId, [...new Set(customerIds)])]);
  const standing = holds.filter((hold) => isStanding(vault, keys, hold, at));
  const held = new Set(standing.map(({ customerId }) => customerId));
  const over = holds.filter((hold) => hold.releasedAt === null && !standing.includes(hold));
  return { held, statements: endLapsed(keys, over) };
}

/** A hold that is not as it was made can only protect: it stands, whatever it says, and the operator is told. */
export function isStanding(vault: Teller, keys: TenantKeys, hold: HoldRow, at: Date): boolean {
  if (!believes(vault, keys, 'holds', hold)) return true;
  return hold.releasedAt === null && hold.endsAt > at;
}

/** Writes down that holds were over at their end. They are genuine, and their time has come. */
export function endLapsed(keys: TenantKeys, holds: readonly HoldRow[]): readonly Statement[] {
  return change(
    keys,
    holds.map((hold) => ({ hold, endsAt: hold.endsAt, releasedAt: hold.endsAt })),
  ).statements;
}
