import { wordsOf } from '../logFault.ts';
import type { Loss } from '../vault/loss.ts';
import { lostOrders } from '../vault/lostOrders.ts';
import { table } from './table.ts';

/** Printed for a person; a program gets all. */
const mostLines = 50;

/** What a restored database lacks, for `reconcile` and `restore check`. */
export function viewOf(loss: Loss) {
  const { standing, missing, from, until, again, byHand, by, whole, nextEpoch, policyVersion } = loss;
  return {
    ...standing,
    missing,
    from: time(from),
    until: time(until),
    again: counted(again),
    byHand: counted(byHand),
    orders: lostOrders(loss),
    toDo: toDoOf(loss),
    policy: { inForce: policyVersion, lost: lostPolicies(loss) },
    servedBy: by,
    whole,
    nextEpoch,
  };
}

export function textOf(loss: Loss): string {
  const { missing, from, until, again, byHand, orders, toDo, policy, whole } = viewOf(loss);
  const rows = Object.entries(missing).toSorted(([a], [b]) => a.localeCompare(b));
  return [
    wordsOf(loss.standing),
    `missing: what happened from ${from ?? 'the beginning'} to ${until ?? 'an unknown time'}`,
    table(
      ['act', 'missing', 'done again', 'by hand'],
      rows.map(([action, n]) => [action, String(n), String(again[action] ?? ''), String(byHand[action] ?? '')]),
    ),
    ...(orders.length === 0 ? [] : [table(['legal order', 'what is lost of it'], orders.map(orderLine))]),
    ...(toDo.length === 0
      ? []
      : [
          table(
            ['by hand', 'at', 'id', 'customer'],
            toDo.slice(0, mostLines).map(({ act, at = '', id = '', customerId = '' }) => [act, at, id, customerId]),
          ),
        ]),
    ...(toDo.length > mostLines ? [`… and ${toDo.length - mostLines} more: --json has all of them`] : []),
    ...policy.lost.map(
      ({ number, act, at, sha256 }) =>
        `policy version ${number}: ${act} of ${at} is lost; ${policy.inForce} is in force${sha256 === undefined ? '' : `. SHA-256 of the lost text: ${sha256}`}`,
    ),
    ...(whole ? [] : ['WARNING: the journal does not tell of everything that the witness has seen.']),
  ].join('\n');
}

export const orderLine = ({
  id,
  acts,
}: {
  readonly id: string;
  readonly acts: readonly string[];
}): [string, string] => [id, acts.join(', ')];

/**
 * What else somebody has to do by hand, with whom it is about, so that it can be found: who asked for something that is lost has to be
 * asked again. Of legal orders their ids alone are told, above; of decoys not even that: neither says who is behind it.
 */
function toDoOf({ byHand }: Pick<Loss, 'byHand'>) {
  return byHand
    .filter(({ action }) => /^(?:requests|misuse_reports|webhooks|incidents)\./.test(action))
    .map(({ action, at, objectId, subjectId }) => ({ act: action, at: time(at), id: objectId, customerId: subjectId }));
}

/** Publications, and notices by which a version takes effect. */
export function lostPolicies({ byHand }: Pick<Loss, 'byHand'>) {
  return byHand
    .filter(({ objectKind }) => objectKind === 'policies')
    .map(({ action, at, recordVersion, digest }) => ({
      number: recordVersion,
      act: action === 'policies.notice' ? ('notice' as const) : ('publication' as const),
      at: time(at),
      sha256: digest?.toString('hex'),
    }));
}

const time = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString();

function counted(leaves: Loss['again']): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { action } of leaves) counts[action] = (counts[action] ?? 0) + 1;
  return counts;
}
