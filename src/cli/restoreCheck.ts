import { openVault } from '../app.ts';
import { readConfig } from '../config.ts';
import { keysOf } from '../keyAccess.ts';
import { createLog } from '../log.ts';
import { LogFault, wordsOf } from '../logFault.ts';
import { openEveryTenant } from '../prepare.ts';
import { WitnessFault } from '../vault/witness.ts';
import { openWitness } from '../witnessConfig.ts';
import { exit, noWords, type Command } from './command.ts';
import { textOf, viewOf } from './lossView.ts';
import { surveyOf } from './reconcile.ts';
import { withDatabase } from './vaultDatabase.ts';

export const restoreCheck: Command = {
  words: '',
  options: {},
  help: {},
  found: 'the database is older than what its witness has seen: amanat reconcile',
  more: [
    'Looks at a restored database before it is served, and changes nothing: its schema is the one of this build, these keys',
    'open every tenant, its logs begin with what the witness has seen, and what `amanat reconcile` would do. Then: amanat',
    'verify, amanat audit verify.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    const keys = await keysOf(config);
    return withDatabase(config, async (db) => {
      await openEveryTenant(db, keys);
      const vault = openVault({ db, keys, issuer: '', now: Date.now, log: createLog({ level: 'silent' }) });
      await vault.watch.look();
      const { standings, losses } = await surveyOf(vault, openWitness(config.witness, vault)).catch(
        (error: unknown) => {
          if (!(error instanceof WitnessFault)) throw error;
          throw new LogFault(
            'witness_unreachable',
            `The witness did not answer (${error.code}): nobody can say how old this database is.`,
          );
        },
      );
      const sound = losses.length === 0;
      out.result({ sound, tenants: standings, losses: losses.map(viewOf) }, () =>
        [
          `The schema is this build's, and the keys open ${standings.length === 1 ? 'the one tenant' : `all ${standings.length} tenants`}.`,
          ...(sound ? standings.map(wordsOf) : losses.map(textOf)),
          sound ? 'It may be served.' : 'It must not be served. Next: amanat reconcile',
        ].join('\n\n'),
      );
      return sound ? exit.ok : exit.found;
    });
  },
};
