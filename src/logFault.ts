import { leavesOf } from './amount.ts';
import { isSound, standingOf, type LogStanding } from './vault/rollback.ts';
import type { Vault } from './vault/vault.ts';
import { WitnessFault, type Witness } from './vault/witness.ts';
import type { WitnessConfig } from './witnessConfig.ts';

/** sysexits.h, EX_DATAERR: the database is not the one that was served last. */
export const rolledBackExit = 65;

/** The database must not be served, or nobody can say whether it may be. The message is for the operator and holds no data. */
export class LogFault extends Error {
  readonly code: 'rolled_back' | 'witness_unreachable' | 'witness_unusable';

  constructor(code: LogFault['code'], message: string) {
    super(message);
    this.name = 'LogFault';
    this.code = code;
  }
}

const words: Readonly<Record<LogStanding['code'], string>> = {
  same: 'as its witness has seen it',
  new: 'new to its witness',
  unknown: 'not known to its witness',
  behind: 'behind what its witness has seen: an older database was restored',
  forked: 'another one than its witness has seen',
  ended: 'over: it went on under another name, so an older database was restored',
  broken: 'damaged: its tree does not give what its head says',
};

export function wordsOf({ tenantId, code, size, seen }: LogStanding): string {
  return `tenant ${tenantId}: the log of ${leavesOf(size)} is ${words[code]} (${leavesOf(seen)} seen)`;
}

/**
 * Holds every tenant's log against its witness. One that is not sound keeps all of them from being served: a database is restored
 * whole. Throws `LogFault`. Returns what is worth a warning.
 */
export async function refuseRolledBack(
  vault: Vault,
  witness: Witness,
  config: WitnessConfig,
): Promise<readonly string[]> {
  const warnings = new Set<string>();
  const unsound: LogStanding[] = [];
  for (const tenantId of vault.watch.tenants()) {
    try {
      const standing = await standingOf(vault, witness, tenantId);
      if (!isSound(standing)) unsound.push(standing);
      if (standing.code === 'unknown') warnings.add('witness_unknown_log');
    } catch (error) {
      if (!(error instanceof WitnessFault)) throw error;
      if (config.required) throw faultOf(error, config);
      warnings.add(`witness_${error.code}`);
    }
  }
  if (unsound.length > 0) {
    throw new LogFault(
      'rolled_back',
      [
        ...unsound.map(wordsOf),
        'Nothing is served and nothing swept, or whoever was erased and whatever was revoked since would be back. See what is missing, and let it be done again: npx amanat reconcile',
      ].join('\n'),
    );
  }
  return [...warnings];
}

function faultOf({ code }: WitnessFault, { service, folder }: WitnessConfig): LogFault {
  const where = service === undefined ? folder : service.url;
  if (code === 'unreachable') {
    return new LogFault(
      'witness_unreachable',
      `The witness ${where} cannot be reached, so nobody can say whether this database was rolled back. Start it, or once, knowing that: AMANAT_WITNESS_REQUIRED=no`,
    );
  }
  return new LogFault(
    'witness_unusable',
    `What the witness ${where} keeps of a log was not signed by this vault: are these its keys, and is this its witness?`,
  );
}
