import { amountOf } from '../amount.ts';
import { historyOf } from '../vault/keyTurn.ts';
import { ageInDays, isOverdue } from '../keyPeriods.ts';
import { countOf, restingOn } from '../vault/keyRetirement.ts';
import { fileKeyNames, processesOf, sinceOf, type FileFamily } from '../vault/processes.ts';
import { countRoots } from '../vault/rerootTenants.ts';
import { commit } from '../db/commit.ts';
import { selectRecordTurn } from '../db/recordTurn.ts';
import { exit, noWords, type Command } from './command.ts';
import { fileFamilies } from './keyFiles.ts';
import { restsText } from './keysRetire.ts';
import { isTurned } from './keysRotate.ts';
import { withKeySession, type KeySession } from './keyTurning.ts';
import { table } from './table.ts';

interface ListedVersion {
  readonly tenantId: string;
  readonly key: string;
  readonly version: number;
  readonly state: string;
  readonly ageDays: number;
  readonly periodDays: number | null;
  readonly overdue: boolean;
  /** Where it was counted. */
  readonly rests?: Readonly<Record<string, number>>;
}

export const keysStatus: Command = {
  words: '',
  options: { tenant: { type: 'string' }, count: { type: 'boolean' } },
  help: {
    tenant: 'id of one tenant; all of them when left out',
    count: 'count what rests on each version; reads every row once',
  },
  found: 'a key has been in use for longer than its period',
  async run(args, out) {
    noWords(args);
    return withKeySession(args, async (session) => {
      const versions: ListedVersion[] = [];
      for (const tenantId of session.tenants)
        versions.push(...(await versionsOf(session, tenantId, args.flag('count'))));
      const roots = await rootsOf(session);
      const files = await filesOf(session);
      const turns = await turnsOf(session);
      const processes = await processesOf(session.db, Date.now());
      out.result({ roots, files, versions, turns, processes }, () =>
        readable({ roots, files, versions, turns, processes: processes.length }),
      );
      return [...files, ...versions].some(({ overdue }) => overdue) ? exit.found : exit.ok;
    });
  },
};

async function versionsOf({ db, config, turning }: KeySession, tenantId: string, count: boolean) {
  const now = Date.now();
  const own = turning(tenantId, () => undefined);
  const listed: ListedVersion[] = [];
  for (const use of ['data', 'index', 'mac', 'hash'] as const) {
    const turned = isTurned(use);
    const counted = turned && count ? await countOf[use](own) : undefined;
    for (const { version, state, createdAt } of await historyOf({ db, tenantId }, use)) {
      const overdue = turned && state === 'current' && isOverdue(config.keyPeriods, use, createdAt.getTime(), now);
      listed.push({
        tenantId,
        key: use,
        version,
        state,
        ageDays: ageInDays(createdAt.getTime(), now),
        periodDays: turned ? config.keyPeriods[use] : null,
        overdue,
        ...(counted === undefined || state === 'destroyed' ? {} : { rests: restingOn(counted, version) }),
      });
    }
  }
  return listed;
}

async function rootsOf({ db, keys, tenants }: KeySession) {
  const counted = await countRoots(db, tenants);
  return [...keys.root.byId.keys()].map((id) => ({
    id,
    newest: id === keys.root.current.id,
    rests: counted[id] ?? 0,
  }));
}

interface ListedFile {
  readonly key: FileFamily;
  /** As processes announce it. */
  readonly name: string;
  readonly newest: boolean;
  /** Since the first process had it; null where none has yet. */
  readonly ageDays: number | null;
  readonly periodDays: number;
  readonly overdue: boolean;
}

async function filesOf({ db, config, keys }: KeySession): Promise<readonly ListedFile[]> {
  const now = Date.now();
  const names = fileKeyNames(keys);
  const since = await sinceOf(db, Object.values(names).flat());
  return fileFamilies.flatMap((key) =>
    names[key].map((name, i) => {
      const at = since.get(name)?.getTime();
      const overdue = i === 0 && at !== undefined && isOverdue(config.keyPeriods, key, at, now);
      const ageDays = at === undefined ? null : ageInDays(at, now);
      return { key, name, newest: i === 0, ageDays, periodDays: config.keyPeriods[key], overdue };
    }),
  );
}

/** Tenants of whom records are getting new data keys, and since when; one that stays here was stopped in the middle. */
async function turnsOf({ db, tenants }: KeySession) {
  const found = await Promise.all(
    tenants.map(async (tenantId) => {
      const [[turn]] = await commit(db, { tenantIds: [tenantId] }, [selectRecordTurn(tenantId)]);
      return turn === undefined ? [] : [{ tenantId, since: turn.before.toISOString() }];
    }),
  );
  return found.flat();
}

interface Found {
  readonly roots: readonly { readonly id: string; readonly newest: boolean; readonly rests: number }[];
  readonly files: readonly ListedFile[];
  readonly versions: readonly ListedVersion[];
  readonly turns: Awaited<ReturnType<typeof turnsOf>>;
  readonly processes: number;
}

function readable({ roots, files, versions, turns, processes }: Found): string {
  return [
    table(
      ['root key', '', 'keys that rest on it'],
      roots.map(({ id, newest, rests }) => [id, newest ? 'newest' : 'older', String(rests)]),
    ),
    '',
    table(
      ['tenant', 'key', 'version', 'state', 'age', 'period', 'rests on it'],
      versions.map((one) => [
        one.tenantId,
        one.key,
        String(one.version),
        one.state,
        `${one.ageDays} d`,
        one.periodDays === null ? 'stays' : `${one.periodDays} d${one.overdue ? ' OVERDUE' : ''}`,
        one.rests === undefined ? '' : restsText(one.rests) || 'nothing',
      ]),
    ),
    '',
    table(
      ['file', '', 'in use for', 'period'],
      files.map(({ name, newest, ageDays, periodDays, overdue }) => [
        name,
        newest ? 'newest' : 'older',
        ageDays === null ? 'no process yet' : `${ageDays} d`,
        `${periodDays} d${overdue ? ' OVERDUE' : ''}`,
      ]),
    ),
    '',
    ...turns.map(
      ({ tenantId, since }) => `Records of ${tenantId} get new data keys since ${since}: amanat keys rotate record`,
    ),
    `${amountOf(processes, 'process serves', 'processes serve')}.`,
  ].join('\n');
}
