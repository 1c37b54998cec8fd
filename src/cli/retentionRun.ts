import { amountOf } from '../amount.ts';
import { openVault } from '../app.ts';
import { readConfig } from '../config.ts';
import { keysOf } from '../keyAccess.ts';
import { createLog } from '../log.ts';
import { refuseRolledBack } from '../logFault.ts';
import { countRetention, sweepRetention, unsweptClasses } from '../vault/retention.ts';
import { openWitness } from '../witnessConfig.ts';
import { exit, noWords, UsageFault, type Command } from './command.ts';
import { progress } from './progress.ts';
import { table } from './table.ts';
import { withDatabase } from './vaultDatabase.ts';

interface Line {
  readonly tenantId: string;
  readonly class: string;
  readonly action: string;
  readonly due?: number;
  readonly held?: number;
  readonly atLeast?: boolean;
  readonly done?: number;
}

export const retentionRun: Command = {
  words: '',
  options: { tenant: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  help: {
    tenant: 'id of one tenant; all of them when left out',
    'dry-run': 'only count what is due, and what of it a hold keeps; changes nothing',
  },
  found: 'the database is older than what its witness has seen; nothing went: amanat reconcile',
  more: [
    'Lets go of everything that has had the time its policy gives it, with an audit leaf for each, and lists the classes for',
    'which there is nothing to do, with the reason. A running service does the same every ten minutes by itself; the two do not',
    'get in each other’s way, and a run that was stopped in the middle goes on with the next.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    const keys = await keysOf(config);
    const dry = args.flag('dry-run');
    const bar = progress();
    const lines = await withDatabase(config, async (db) => {
      const log = createLog({ level: 'silent' });
      const vault = openVault({ db, keys, issuer: '', now: Date.now, log });
      await vault.watch.look();
      // What a restored database has forgotten to hold would go.
      if (!dry) await refuseRolledBack(vault, openWitness(config.witness, vault), config.witness);
      const asked = args.text('tenant')?.toLowerCase();
      const tenants = vault.watch.tenants().filter((id) => asked === undefined || id === asked);
      if (asked !== undefined && tenants.length === 0)
        throw new UsageFault('there is no such tenant; see amanat tenants list');
      const found: Line[] = [];
      for (const [i, tenantId] of tenants.entries()) {
        const policy = vault.watch.policy(tenantId);
        const classes = dry
          ? await countRetention(vault, policy, tenantId)
          : await sweepRetention(vault, policy, tenantId, {
              pages: Number.POSITIVE_INFINITY,
              onSwept: (share, rows) => bar.at((i + share) / tenants.length, amountOf(rows, 'record')),
            });
        found.push(...classes.map((one) => ({ tenantId, ...one })));
      }
      return found;
    }).finally(() => bar.end());
    const unswept = unsweptClasses();
    out.result({ dryRun: dry, classes: lines, unswept }, () => `${readable(lines, dry)}\n\n${listed(unswept)}`);
    return exit.ok;
  },
};

function readable(lines: readonly Line[], dry: boolean): string {
  const head = ['tenant', 'class', 'action', ...(dry ? ['due', 'of these held'] : ['done'])];
  return table(
    head,
    lines.map(({ tenantId, class: name, action, due, held, atLeast, done }, i) => {
      const before = lines[i - 1];
      // A class may go in several ways: it is named once.
      const again = before?.tenantId === tenantId && before.class === name;
      const count = atLeast === true ? `${due} or more` : String(due);
      return [tenantId, again ? '' : name, action, ...(dry ? [count, String(held)] : [String(done)])];
    }),
  );
}

function listed(unswept: ReturnType<typeof unsweptClasses>): string {
  return table(
    ['not swept', '', 'why'],
    unswept.map(({ class: name, does, why }) => [name, does, why]),
  );
}
