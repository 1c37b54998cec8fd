import { archivingOf, proveArchived } from './archiveProof.ts';
import type { Parts } from './app.ts';
import type { Config } from './config.ts';
import { installationOf } from './installation.ts';
import type { Log } from './log.ts';
import { rolledBackExit } from './logFault.ts';
import { rounds } from './vault/rounds.ts';
import type { Vault } from './vault/vault.ts';
import { openPosting, type Posting } from './vault/witnessPosting.ts';
import { cosignedBy, openWitness } from './witnessConfig.ts';

/** So late may the witness hear of what is in the log. */
const postEveryMs = 1_000;
/** So late may somebody have vouched for WAL that was archived. */
const proveEveryMs = 2_000;

/** What a serving process keeps outside the database: its witness hears of the log, and archived WAL is vouched for. */
export interface Outside {
  /** What a vault is made with for it. */
  readonly parts: Pick<Parts, 'witnessState' | 'cosigned' | 'installation'>;
  /** Begins, for this vault. Returns how to stop it, when the witness has heard of what is in the log. */
  readonly begin: (vault: Vault, log: Log) => () => Promise<void>;
}

export async function openOutside(config: Config): Promise<Outside> {
  const hands: { vault?: Vault; posting?: Posting } = {};
  return {
    parts: {
      witnessState: () => hands.posting?.state() ?? { code: 'none', at: undefined },
      cosigned: cosignedBy(config.witness, hands),
      installation: await installationOf(config.dataDir),
    },
    begin(vault, log) {
      const posting = postingOf(vault, config, log);
      Object.assign(hands, { vault, posting });
      const archiving = archivingOf(config);
      const prove = archiving && (() => proveArchived(archiving, () => vault.keys.root.current));
      const stops = [rounds(postEveryMs, posting.post), ...(prove === undefined ? [] : [rounds(proveEveryMs, prove)])];
      return async () => {
        for (const stop of stops) stop();
        await posting.finish();
      };
    },
  };
}

/** A database that turns out to be older than what was signed before is not served a second longer. */
function postingOf(vault: Vault, { witness }: Config, log: Log): Posting {
  return openPosting(vault, {
    witness: openWitness(witness, vault),
    cosigner: witness.service?.key,
    warn: (code) => log.event('warning', { code }),
    onRolledBack() {
      log.event('fault', { code: 'log_rolled_back' });
      log.flush();
      process.exit(rolledBackExit);
    },
  });
}
