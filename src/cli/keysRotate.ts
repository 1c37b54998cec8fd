import { amountOf } from '../amount.ts';
import { isFileFamily, lackingIn, makeNext, rotateSigning, tellLacking } from './keyFiles.ts';
import type { Turning } from '../vault/keyTurn.ts';
import { VaultError } from '../errors.ts';
import { turnedUses, type TurnedUse } from '../vault/keyRetirement.ts';
import { rotateIndex } from '../vault/reindex.ts';
import { reroot } from '../vault/rerootTenants.ts';
import { parseId } from '../vault/ids.ts';
import { renewAll, renewCustomer } from '../vault/renewRecords.ts';
import { rotateMac } from '../vault/resign.ts';
import { rotateData } from '../vault/rewrap.ts';
import { exit, onlyWord, UsageFault, type Command, type Exit, type Output } from './command.ts';
import { withKeySession, type KeySession } from './keyTurning.ts';
import { table } from './table.ts';
import { unopened, unopenedWords, type Unopened } from './unopened.ts';

const rotations: Readonly<Record<TurnedUse, (turning: Turning) => Promise<number>>> = {
  data: rotateData,
  index: rotateIndex,
  mac: rotateMac,
};

const moves: Readonly<Record<TurnedUse, string>> = {
  data: 'data keys wrapped anew',
  index: 'index tags made',
  mac: 'MACs made anew',
};

export const isTurned = (key: string): key is TurnedUse => (turnedUses as readonly string[]).includes(key);

export const unknownKey = 'the key must be root, data, record, index, mac, token, export or checkpoint';
export const hashStays =
  'the hash key does not turn over: suppressions of people who were erased, ids that firms hold and pseudonyms of extracts were made with it, and nothing is kept from which they could be made again';

export const keysRotate: Command = {
  words: '<root|data|record|index|mac|token|export|checkpoint>',
  options: { tenant: { type: 'string' }, incident: { type: 'string' }, customer: { type: 'string' } },
  help: {
    tenant: 'id of one tenant; all of them when left out',
    incident: 'id of the incident from which this is a recovery; the audit leaves name it',
    customer: 'with record and --tenant: id of the customer whose keys alone are made anew, with those of the orders',
  },
  found: 'not done: some of it does not open, or a process has not got the key yet; what it is stands in the result',
  more: [
    'Turns a key over beside any number of running processes, loses no read and no write, and can be stopped at any moment:',
    'called again it goes on. data, index and mac are keys of each tenant; a new version is made, becomes known to every',
    'process, comes into use, and what rests on the one before is moved to it. The others are files: the first call makes',
    'the next one, and when every process has it a second call puts it into use (docs/operations.md). What was moved away',
    'from is destroyed by: amanat keys retire',
    'record is another thing: every customer and every order gets a new data key of its own, and what is held of them is',
    'sealed anew under it. What copies of the former ones opened they open no more; nothing is left to retire.',
  ],
  async run(args, out) {
    const key = onlyWord(args, 'key');
    if (key === 'hash') throw new UsageFault(hashStays);
    if (key === 'root') return withKeySession(args, (session) => rotateRoot(session, out));
    if (key === 'record') return withKeySession(args, (session) => rotateRecords(session, args.text('customer'), out));
    if (args.text('customer') !== undefined) throw new UsageFault('--customer goes with record');
    if (isFileFamily(key)) return withKeySession(args, (session) => rotateSigning(session, key, out));
    if (!isTurned(key)) throw new UsageFault(unknownKey);
    return withKeySession(args, async (session) => rotateOf(session, key, out));
  },
};

export async function rotateRecords(
  { tenants, turning }: Pick<KeySession, 'tenants' | 'turning'>,
  customer: string | undefined,
  out: Output,
): Promise<Exit> {
  const id = customer === undefined ? undefined : parseId(customer.toLowerCase());
  if (customer !== undefined && (id === undefined || tenants.length !== 1))
    throw new UsageFault('--customer is the id of a customer, and goes with --tenant');
  const done: { tenantId: string; renewed: number; broken: readonly Unopened[] }[] = [];
  for (const tenantId of tenants) {
    const found = unopened();
    const turn = turning(tenantId, found.tell);
    const renewed = id === undefined ? await renewAll(turn) : await renewCustomer(turn, id);
    const broken = found.all();
    if (id !== undefined && renewed + broken.length === 0)
      throw new UsageFault('nothing is held of such a customer in this tenant');
    done.push({ tenantId, renewed, broken });
  }
  const whole = done.every(({ broken }) => broken.length === 0);
  out.result({ key: 'record', done: whole, tenants: done }, () =>
    [
      table(
        ['tenant', 'records with a new key', 'left as they are'],
        done.map(({ tenantId, renewed, broken }) => [tenantId, String(renewed), String(broken.length)]),
      ),
      ...unopenedWords(done),
    ].join('\n'),
  );
  return whole ? exit.ok : exit.found;
}

/** A tenant whose turn stops at what does not open keeps no other's from being done. */
export async function rotateOf(
  { tenants, turning }: Pick<KeySession, 'tenants' | 'turning'>,
  key: TurnedUse,
  out: Output,
): Promise<Exit> {
  const done: { tenantId: string; moved: number | null; broken: readonly Unopened[] }[] = [];
  for (const tenantId of tenants) {
    const found = unopened();
    const moved = await rotations[key](turning(tenantId, found.tell)).catch((error: unknown) =>
      stopped(error, found.all()),
    );
    done.push({ tenantId, moved, broken: found.all() });
  }
  const whole = done.every(({ broken }) => broken.length === 0);
  out.result({ key, done: whole, tenants: done }, () =>
    [
      table(
        ['tenant', moves[key], 'does not open'],
        done.map(({ tenantId, moved, broken }) => [tenantId, String(moved ?? 'STOPPED'), String(broken.length)]),
      ),
      ...unopenedWords(done),
      '',
      nextOf(key, done),
    ].join('\n'),
  );
  return whole ? exit.ok : exit.found;
}

/** `null` for how many were moved. Throws what has nothing to do with what does not open. */
function stopped(error: unknown, found: readonly Unopened[]): null {
  if (error instanceof VaultError && error.code === 'integrity_failure' && found.length > 0) return null;
  throw error;
}

function nextOf(key: TurnedUse, done: readonly { moved: number | null; broken: readonly Unopened[] }[]): string {
  if (done.some(({ moved }) => moved === null))
    return `STOPPED: the next version is not in use there. Mend what is named, then call this again.`;
  const rests = done.some(({ broken }) => broken.length > 0);
  return rests
    ? 'Nothing new is made under the former version. It cannot be destroyed before what is left is mended.'
    : `Nothing new is made under the former version. Destroy it: amanat keys retire ${key}`;
}

/** Rows move when every process that serves has the new key: until then nobody needs it, and a start does not fail without it. */
async function rotateRoot(session: KeySession, out: Output): Promise<Exit> {
  const { keys, tenants, turning } = session;
  if (await makeNext(session, 'root', out)) return exit.found;
  const lacking = await lackingIn(session, 'root');
  if (lacking.length > 0) return tellLacking(out, 'root', lacking);
  let moved = 0;
  for (const tenantId of tenants)
    moved += await reroot(
      turning(tenantId, () => undefined),
      keys.root,
    );
  out.result({ key: 'root', done: true, newest: keys.root.current.id, moved }, () =>
    [
      `Every key of ${amountOf(tenants.length, 'tenant')} is wrapped under root key ${keys.root.current.id}; ${amountOf(moved, 'was', 'were')} moved.`,
      'Take the one before away: amanat keys retire root',
    ].join('\n'),
  );
  return exit.ok;
}
