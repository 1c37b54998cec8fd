import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig, type Config } from '../config.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { selectIncident } from '../db/incidents.ts';
import { selectTenants } from '../db/tenants.ts';
import { keysOf } from '../keyAccess.ts';
import type { KeyFolder } from '../keys/folder.ts';
import { parseId } from '../vault/ids.ts';
import type { Turning } from '../vault/keyTurn.ts';
import { openKeyring } from '../vault/keyring.ts';
import { openWatch } from '../vault/watch.ts';
import { UsageFault, type Arguments } from './command.ts';
import { progress } from './progress.ts';
import { withDatabase } from './vaultDatabase.ts';

/** Longer than a process serves on a look of before (vault/watch.ts), and than a request that began before is under way. */
const settleMs = 6_000;
/** Of the time, the part that a turn leaves to those who serve. */
const restShare = 0.5;

/** What the commands that turn keys have in hand. */
export interface KeySession {
  readonly config: Config;
  readonly db: Database;
  readonly keys: KeyFolder;
  /** Those that `--tenant` names, or all. */
  readonly tenants: readonly string[];
  /** How one tenant's key is turned; what does not open is told to `onBroken`. */
  readonly turning: (tenantId: string, onBroken: Turning['onBroken']) => Turning;
}

export async function withKeySession<T>(args: Arguments, work: (session: KeySession) => Promise<T>): Promise<T> {
  const config = readConfig(process.env);
  const keys = await keysOf(config);
  const bar = progress();
  return withDatabase(config, async (db) => {
    const keyring = openKeyring(db, keys.root.byId, Date.now);
    const watch = openWatch(db, keyring, Date.now);
    await watch.look();
    const [rows] = await commit(db, 'directory', [selectTenants()]);
    const asked = args.text('tenant')?.toLowerCase();
    const tenants = rows.map(({ id }) => id).filter((id) => asked === undefined || id === asked);
    if (asked !== undefined && tenants.length === 0)
      throw new UsageFault('there is no such tenant; see amanat tenants list');
    const incidentId = await incidentOf(db, args, tenants);
    const turning: KeySession['turning'] = (tenantId, onBroken) => ({
      db,
      keyring,
      roots: keys.root.byId,
      tenantId,
      policyVersion: labelOf(() => watch.policy(tenantId).label),
      incidentId,
      now: Date.now,
      settle: () => sleep(settleMs),
      rest: (tookMs) => sleep(tookMs * (restShare / (1 - restShare))),
      onBroken,
      onProgress: (share, moved) => bar.at((tenants.indexOf(tenantId) + share) / tenants.length, `${moved} moved`),
    });
    return work({ config, db, keys, tenants, turning });
  }).finally(() => bar.end());
}

/** Of one tenant, who has to be named. */
async function incidentOf(db: Database, args: Arguments, tenants: readonly string[]): Promise<string | undefined> {
  const id = args.text('incident')?.toLowerCase();
  if (id === undefined) return undefined;
  const [tenantId, ...others] = tenants;
  if (tenantId === undefined || others.length > 0) throw new UsageFault('--incident goes with --tenant');
  if (parseId(id) === undefined) throw new UsageFault('--incident is the id of an incident');
  const [[incident]] = await commit(db, { tenantIds: [tenantId] }, [selectIncident(tenantId, id)]);
  if (incident === undefined) throw new UsageFault('this tenant has no such incident');
  return id;
}

/** A tenant whose policy cannot be read has keys all the same. */
function labelOf(label: () => string): string {
  try {
    return label();
  } catch {
    return 'unreadable';
  }
}
