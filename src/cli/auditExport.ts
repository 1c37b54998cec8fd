import { amountOf, leavesOf } from '../amount.ts';
import { readConfig } from '../config.ts';
import { VaultError } from '../errors.ts';
import { breachMeanings } from '../vault/breach.ts';
import { exportLog, type ExportedLog, type LogPart } from '../vault/logExport.ts';
import { writeWhole } from './bundleFile.ts';
import { exit, noWords, UsageFault, type Arguments, type Command } from './command.ts';
import { progress } from './progress.ts';
import { tenantsAsked, withDatabase } from './vaultDatabase.ts';

export const auditExport: Command = {
  words: '--out FILE',
  options: {
    tenant: { type: 'string' },
    out: { type: 'string' },
    from: { type: 'string' },
    until: { type: 'string' },
  },
  help: {
    tenant: 'id of the tenant; may be left out where there is only one',
    out: 'the file to write, mode 0600; it must not be there yet',
    from: 'index of the first leaf, counted from 0; all from the beginning when left out',
    until: 'ends at the first kept checkpoint of at least so many leaves; at the newest when left out',
  },
  found: 'a leaf that the tree names is not there: no file is written',
  more: [
    "One tenant's log for whoever checks it elsewhere with Node and the log's public key (vkey) alone:",
    '  amanat audit verify --bundle FILE --key VKEY',
    'Leaves hold ids, names of fields and times, no values. Needs the database and no key; may run beside the service. The',
    'format is a table at the head of src/vault/logBundle.ts. The vkey is what amanat audit verify prints.',
  ],
  async run(args, out) {
    noWords(args);
    const path = args.text('out');
    if (path === undefined) throw new UsageFault('say where to: --out FILE');
    const part: LogPart = { from: countOf(args, 'from') ?? 0, until: countOf(args, 'until') };
    const bar = progress();
    const exported = await withDatabase(readConfig(process.env), async (db) => {
      const [tenant, ...others] = await tenantsAsked(db, args.text('tenant'));
      if (tenant === undefined || others.length > 0) throw new UsageFault('say which tenant: --tenant ID');
      let found: ExportedLog | undefined;
      await writeWhole(path, async (write) => {
        found = await exportLog(db, tenant, part, write, (share, leaves) => bar.at(share, leavesOf(leaves))).catch(
          noPart,
        );
        return found.breach === undefined;
      });
      return found;
    }).finally(() => bar.end());
    out.result({ file: path, ...exported }, () => (exported === undefined ? '' : readable(path, exported)));
    return exported?.breach === undefined ? exit.ok : exit.found;
  },
};

function noPart(error: unknown): never {
  if (error instanceof VaultError && error.code === 'invalid_query')
    throw new UsageFault('the log has no such part, or no checkpoint yet');
  throw error;
}

function countOf(args: Arguments, option: 'from' | 'until'): number | undefined {
  const text = args.text(option);
  if (text === undefined) return undefined;
  if (!/^(?:0|[1-9]\d{0,14})$/.test(text)) throw new UsageFault(`--${option} is a number of leaves`);
  return Number(text);
}

function readable(path: string, { tenantId, from, size, leaves, checkpoints, breach }: ExportedLog): string {
  if (breach === undefined)
    return `tenant ${tenantId}: ${leavesOf(leaves)} (${from} to ${size - 1}) and ${amountOf(checkpoints, 'checkpoint')} in ${path}`;
  return [
    `tenant ${tenantId}: BROKEN, nothing was written`,
    `    first bad entry: ${breach.kind} ${breach.id} (index ${breach.index})`,
    `    ${breach.code}: ${breachMeanings[breach.code]}`,
  ].join('\n');
}
