import { countGlassOf, insertGlass, reviewOutcomes, type GlassRow } from '../db/breakGlass.ts';
import { selectCustomer } from '../db/customers.ts';
import { requireReveals } from '../db/freezes.ts';
import { insertGrant } from '../db/grants.ts';
import { refuse, VaultError } from '../errors.ts';
import { addDuration } from '../policy/duration.ts';
import { fieldsUnder } from '../policy/grants.ts';
import type { Field } from '../policy/profile.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import { sealGlass, signedGlass, viewGlass } from './breakGlassRecord.ts';
import type { Caller } from './caller.ts';
import { eventStatement } from './events.ts';
import { personOf } from './fourEyes.ts';
import { windowOf, type GrantWindow } from './grantWindow.ts';
import { newId } from './ids.ts';
import { permit } from './permit.ts';
import { checkReason } from './reason.ts';
import { macOf } from './rowMac.ts';
import { dayOf } from './tehranDay.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

export { reviewOutcomes };

export interface NewGlass {
  readonly customerId: string;
  readonly reason: string;
  readonly fields: readonly string[];
  readonly minutes: number;
}

const minuteMs = 60_000;

/**
 * An emergency: whoever runs the system may read some of one person's data for minutes. It is a grant like any other, for this
 * client and this person alone; the officer hears of it in the commit that opens it, and somebody looks at it afterwards. Throws
 * `not_permitted` where the policy in force has no such thing, `conflict` once the day has had as many as it may.
 */
export async function openGlass(vault: Vault, caller: Caller, act: Act, input: NewGlass): Promise<Answer> {
  permit(caller, 'break_glass.open');
  const { clientId, actor } = personOf(caller);
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const { rule, kind } = ruleOf(policy);
  checkReason(input.reason);
  const fields = fieldsOf(policy, caller, input.fields);
  const now = vault.now();
  const window = windowOf(policy, 'break_glass', { closesAt: new Date(now + input.minutes * minuteMs) }, now);
  const day = dayOf(now);
  const customer = await openableFor(vault, tenantId, input.customerId, day, rule.perDay);
  const keys = await vault.keyring.tenant(tenantId);
  const id = newId(now);
  const openedAt = new Date(now);
  const opened = { id, tenantId, customerId: customer.id, clientId, actor, fields, openedAt, window };
  const grant = grantFor(policy, kind, opened);
  const glass: GlassRow = signedGlass(keys, {
    id,
    customerId: customer.id,
    openedBy: clientId,
    openedActor: actor,
    openedAt,
    closesAt: window.closesAt,
    reviewDue: addDuration(window.closesAt, rule.reviewWithin) ?? window.closesAt,
    ...unreviewed,
    reason: sealGlass(keys, customer, id, 'reason', input.reason),
  });
  const deed = {
    policy,
    subjectId: customer.id,
    object: { kind: 'break_glass', id },
    grantId: id,
    purpose: kind.purpose,
  };
  const statements = [
    requireReveals(tenantId, customer.id),
    insertGrant({ ...grant, mac: macOf(keys, 'grants', grant) }),
    insertGlass(tenantId, glass, day, rule.perDay),
    eventStatement(vault, tenantId, { kind: 'break_glass.opened', objectId: id, customerId: customer.id }),
  ];
  return commitAct(vault, caller, act, deed, statements, {
    status: 201,
    headers: { Location: `/v1/break-glass/${id}` },
    body: { ...viewGlass(glass), fields, maxReads: kind.maxReads },
  });
}

/** The customer, where the day has an emergency left. The statement that opens one asks again. */
async function openableFor(vault: Vault, tenantId: string, customerId: string, day: string, perDay: number) {
  const [[customer], [today]] = await load(vault, tenantId, [
    selectCustomer(tenantId, customerId),
    countGlassOf(tenantId, day),
  ]);
  if (customer === undefined) throw refuse('invalid_body', '/customerId', 'unknown_id');
  if ((today?.count ?? 0) >= perDay) throw refuse('conflict', '', 'too_many');
  return customer;
}

const unreviewed = {
  reviewedBy: null,
  reviewedActor: null,
  reviewedAt: null,
  outcome: null,
  finding: null,
} as const;

interface Opened {
  readonly id: string;
  readonly tenantId: string;
  readonly customerId: string;
  readonly clientId: string;
  readonly actor: string;
  readonly fields: readonly Field[];
  readonly openedAt: Date;
  readonly window: GrantWindow;
}

function grantFor(policy: Policy, { purpose, maxReads }: ReturnType<typeof ruleOf>['kind'], opened: Opened) {
  const { clientId, window, ...named } = opened;
  return {
    ...named,
    ...window,
    kind: 'break_glass',
    purpose,
    orderId: null,
    granteeRole: null,
    granteeClientId: clientId,
    granteeDepartment: null,
    externalRef: null,
    legalOrderId: null,
    policyVersion: policy.number,
    openedBy: clientId,
    maxReads,
  };
}

function ruleOf({ profile }: Policy) {
  const { breakGlass: rule } = profile;
  const kind = profile.grantKinds.break_glass;
  if (rule?.allowed !== true || kind === undefined) throw refuse('not_permitted', '', 'not_in_policy');
  return { rule, kind };
}

/** Throws `invalid_body` for what the policy does not open in an emergency. */
function fieldsOf({ profile }: Policy, caller: Caller, asked: readonly string[]): readonly Field[] {
  const allowed = fieldsUnder(profile, 'break_glass', caller);
  const faults = asked.flatMap((field, i) =>
    allowed.some((one) => one === field) ? [] : [{ pointer: `/fields/${i}`, code: 'not_allowed' }],
  );
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
  return allowed.filter((field) => asked.includes(field));
}
