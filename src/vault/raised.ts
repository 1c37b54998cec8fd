import type { RaisedRow } from '../db/events.ts';
import type { Statement } from '../db/statement.ts';
import { eventRule } from './eventKinds.ts';
import type { Vault } from './vault.ts';

/** What the log is told of an event: its kind and ids. */
export interface Raised {
  readonly code: string;
  readonly objectId: string;
  readonly legalOrderId?: string | undefined;
}

/** After the commit: one line for each event that it raised, whoever was told. What had been raised before is no news. */
export function announceRaised(
  vault: Pick<Vault, 'announce'>,
  statements: readonly Statement[],
  rows: readonly (readonly unknown[])[],
): void {
  statements.forEach(({ name }, i) => {
    if (name !== 'raise_events') return;
    const raised = (rows[i] ?? []) as readonly RaisedRow[];
    for (const { kind, objectId, legalOrderId } of new Map(raised.map((r) => [`${r.kind} ${r.objectId}`, r])).values())
      vault.announce(eventRule(kind)?.alarm === true ? 'alarm_raised' : 'event_raised', {
        code: kind,
        objectId,
        ...(legalOrderId === null ? {} : { legalOrderId }),
      });
  });
}
