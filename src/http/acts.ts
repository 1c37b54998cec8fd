import { refuse, VaultError } from '../errors.ts';
import type { Act, Answer } from '../vault/act.ts';
import { recordRefusal, type Deed } from '../vault/audit.ts';
import type { Caller } from '../vault/caller.ts';
import { earlierAnswer, idempotencyKey, type Idempotency } from '../vault/idempotency.ts';
import { permit, type Action } from '../vault/permit.ts';
import { readOnceMore } from '../vault/renewedMeanwhile.ts';
import type { Vault } from '../vault/vault.ts';
import { refuseCardData } from './cardData.ts';
import {
  pathId,
  type BodyKind,
  type Declare,
  type Incoming,
  type Method,
  type Refused,
  type RouteOptions,
} from './route.ts';
import type { Answer as HttpAnswer } from './respond.ts';

/** The methods by which routes are declared; the base app's. */
export type Declarations = Readonly<Record<Lowercase<Exclude<Method, 'PUT'>>, Declare<Caller>>>;

export interface ActOptions<Kind extends BodyKind, Name extends string> extends Omit<
  RouteOptions<true, Kind, Name>,
  'auth' | 'action'
> {
  /** Pointers at which sixteen digits are no card number. */
  readonly cardExempt?: readonly string[];
  /** What else a refusal is about than the id in the path. Ids only, of the right form. */
  readonly concerns?: (request: Refused) => Pick<Deed, 'legalOrderId'>;
  /** Every known caller gets as far as the act itself, which refuses in its own words. */
  readonly anyone?: boolean;
}

type Doing<Kind extends BodyKind, Name extends string> = (
  request: Incoming<Caller, Kind, Name>,
  caller: Caller,
  act: Act,
) => Promise<Answer | HttpAnswer>;

/** Declares a route that is one act of a known caller. */
export type DeclareAct = <Kind extends BodyKind = 'none', Name extends string = never>(
  method: keyof Declarations,
  path: string,
  action: Action,
  options: ActOptions<Kind, Name>,
  doing: Doing<Kind, Name>,
) => void;

/**
 * What every act of a known caller has in common: its name in the audit, who may attempt it, its Idempotency-Key, card data
 * refused in its body, and a leaf for its refusal, whatever it was refused for.
 */
export function acts(api: Declarations, vault: Vault): DeclareAct {
  return (method, path, action, { cardExempt, concerns, anyone, ...options }, doing) => {
    const refused: RouteOptions['refused'] = async (caller, request, error) => {
      if (!(error instanceof VaultError) || error.recorded || !isRecorded(error)) return;
      const act: Act = { action, requestId: request.id };
      await recordRefusal(vault, caller as Caller, act, error.code, pathId(request), concerns?.(request));
    };
    const admit = (caller: unknown): void => {
      if (anyone !== true) permit(caller as Caller, action);
    };
    api[method](path, { ...options, auth: true, action, admit, refused }, async (request) => {
      const caller: Caller = request.caller;
      const idempotency = method === 'post' ? idempotencyOf(request, caller) : undefined;
      const act: Act = { action, requestId: request.id, ...(idempotency === undefined ? {} : { idempotency }) };
      checkPage(vault, caller, request.query);
      if (request.bytes !== undefined) refuseCardData(request.body, cardExempt);
      // What is not there yet cannot be compared: an act with a streamed body asks for its earlier answer itself.
      const streamed = options.body === 'lines' || options.body === 'bytes';
      const once = streamed ? undefined : idempotency;
      const done = () => doing(request, caller, act);
      const answer =
        (once && (await earlierAnswer(vault, caller, once))) ??
        (await (streamed ? done() : readOnceMore(vault, caller.tenantId, done)));
      return method === 'get' ? withoutLeaf(answer) : answer;
    });
  };
}

/** A reader is told nothing that it would not know: the hash goes with what was done. */
function withoutLeaf(answer: Answer | HttpAnswer): Answer | HttpAnswer {
  if (answer.headers?.['Amanat-Leaf-Hash'] === undefined) return answer;
  const { 'Amanat-Leaf-Hash': _leaf, ...headers } = answer.headers;
  return { ...answer, headers };
}

/** No page is longer than the policy in force allows, whoever asks for it. */
function checkPage(vault: Vault, { tenantId }: Caller, query: Readonly<Record<string, string | undefined>>): void {
  const { limit } = query;
  if (limit !== undefined && Number(limit) > vault.watch.policy(tenantId).profile.readCeilings.pageSize)
    throw refuse('limit_too_large', '?limit');
}

/** A flood that is turned away does not become a flood of leaves. */
function isRecorded(error: VaultError): boolean {
  const ceiling = error.faults.some(({ code }) => code === 'read_ceiling');
  return error.status < 500 && (error.code !== 'too_many_requests' || ceiling);
}

/**
 * What one person of a client was answered answers no other: each takes the step, or is refused it. A person's own token has keys
 * of its own, whichever client asked for it: a space is in no key.
 */
function idempotencyOf(request: Incoming<Caller>, { actor, subjectId }: Caller): Idempotency | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  const own = idempotencyKey(String(key));
  return {
    key: subjectId === undefined ? own : `${subjectId} ${own}`,
    target: [request.method, request.path, ...(actor === undefined ? [] : [actor])].join(' '),
    body: request.bytes ?? Buffer.alloc(0),
  };
}

/** The id in the path. An id that cannot be one is answered as an unknown one is. */
export function idOf(request: Pick<Incoming, 'params'>): string {
  const id = pathId(request);
  if (id === undefined) throw new VaultError('not_found');
  return id;
}
