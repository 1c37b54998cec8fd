import { openVault } from '../app.ts';
import { readConfig } from '../config.ts';
import { loadKeyFolder } from '../keys/folder.ts';
import { createLog } from '../log.ts';
import { countRetention, sweepRetention } from '../vault/retention.ts';
import { exit, noWords, UsageFault, type Command } from './command.ts';
import { table } from './table.ts';
import { withDatabase } from './vaultDatabase.ts';

interface Line {
  readonly tenantId: string;
  readonly class: string;
  readonly due?: number;
  readonly held?: number;
  readonly destroyed?: number;
}

export const retentionRun: Command = {
  words: '',
  options: { tenant: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  help: {
    tenant: 'id of one tenant; all of them when left out',
    'dry-run': 'only count what is due, and what of it a hold keeps; changes nothing',
  },
  more: [
    'Destroys the keys of orders and invoices that have had the time their policy gives them, with an audit leaf for each. A',
    'running service does the same every ten minutes by itself; the two do not get in each other’s way.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    const keys = await loadKeyFolder(config.keysDir, { production: config.production });
    const dry = args.flag('dry-run');
    const lines = await withDatabase(config, async (db) => {
      const log = createLog({ level: 'silent' });
      const vault = openVault({ db, keys, issuer: '', now: Date.now, log });
      await vault.watch.look();
      const asked = args.text('tenant')?.toLowerCase();
      const tenants = vault.watch.tenants().filter((id) => asked === undefined || id === asked);
      if (asked !== undefined && tenants.length === 0)
        throw new UsageFault('there is no such tenant; see amanat tenants list');
      const found: Line[] = [];
      for (const tenantId of tenants) {
        const round = dry ? countRetention : sweepRetention;
        const classes = await round(vault, vault.watch.policy(tenantId), tenantId);
        found.push(...classes.map((one) => ({ tenantId, ...one })));
      }
      return found;
    });
    out.result({ dryRun: dry, classes: lines }, () => readable(lines, dry));
    return exit.ok;
  },
};

function readable(lines: readonly Line[], dry: boolean): string {
  const head = dry ? ['tenant', 'class', 'due', 'of these held'] : ['tenant', 'class', 'destroyed'];
  return table(
    head,
    lines.map(({ tenantId, class: name, due, held, destroyed }) =>
      dry ? [tenantId, name, String(due), String(held)] : [tenantId, name, String(destroyed)],
    ),
  );
}
