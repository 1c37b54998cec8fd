import type { IncomingMessage } from 'node:http';
import type { Doors } from './dispatch.ts';

/** Whose request it is, as far as its head tells. */
export interface Comer {
  /** A client's id, or an address, at which there may be many. */
  readonly who: string;
  /** The client's; undefined for an address. */
  readonly tenant: string | undefined;
}

export interface KnowsCallers<Caller> extends Pick<Doors<Caller>, 'clientOf' | 'tenantOf'> {
  /** Who sends it as far as its head tells, at no cost: the caller whose token was verified before. */
  readonly callerOfHead?: (req: IncomingMessage) => Caller | undefined;
}

export function comerOf<Caller>(knows: KnowsCallers<Caller>): (req: IncomingMessage) => Comer {
  const { callerOfHead = () => undefined, clientOf, tenantOf } = knows;
  return (req) => {
    const caller = callerOfHead(req);
    if (caller === undefined) return { who: req.socket.remoteAddress ?? '', tenant: undefined };
    return { who: clientOf(caller), tenant: tenantOf(caller) };
  };
}
