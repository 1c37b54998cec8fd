import { readConfig } from '../config.ts';
import { commit } from '../db/commit.ts';
import { selectTenants } from '../db/tenants.ts';
import { loadKeyFolder } from '../keys/folder.ts';
import { breachMeanings } from '../vault/breach.ts';
import { flawMeanings, sweepIntegrity, type Sweep } from '../vault/integritySweep.ts';
import { openKeyring } from '../vault/keyring.ts';
import { exit, noWords, UsageFault, type Arguments, type Command } from './command.ts';
import { progress } from './progress.ts';
import { withDatabase } from './vaultDatabase.ts';

export const verifyRecords: Command = {
  words: '',
  options: { tenant: { type: 'string' }, sample: { type: 'string' }, all: { type: 'boolean' } },
  help: {
    tenant: 'id of one tenant; all of them when left out',
    sample: 'so many customers of each tenant, drawn by lot, with all that belongs to them',
    all: 'every customer; the default',
  },
  found: 'something is not whole; the first bad record is named',
  more: [
    'Needs the database and the keys; changes nothing, prints no value, may run beside the service. Opens every sealed value under',
    'its key and in its place, makes the MAC of every row that carries one anew, and holds customers, orders and invoices against',
    'the audit leaves of their writing. A sample is of customers, orders and invoices; the rest is always looked at whole.',
    'Not looked at yet: index tags, the scans of letters, and whether a row was taken away (amanat audit verify).',
  ],
  async run(args, out) {
    noWords(args);
    const sample = sampleOf(args);
    const config = readConfig(process.env);
    const keys = await loadKeyFolder(config.keysDir, { production: config.production });
    const bar = progress();
    const sweeps = await withDatabase(config, async (db) => {
      const keyring = openKeyring(db, keys.root.byId, Date.now);
      const wanted = args.text('tenant')?.toLowerCase();
      const [tenants] = await commit(db, 'directory', [selectTenants()]);
      const asked = tenants.filter(({ id }) => wanted === undefined || id === wanted);
      if (wanted !== undefined && asked.length === 0)
        throw new UsageFault('there is no such tenant; see amanat tenants list');
      const found: Sweep[] = [];
      for (const [i, { id }] of asked.entries()) {
        const one = await sweepIntegrity(db, keyring, id, sample, (share, { records, rows }) =>
          bar.at((i + share) / asked.length, `${records} records, ${rows} rows`),
        );
        found.push(one);
      }
      return found;
    }).finally(() => bar.end());
    const whole = sweeps.every(({ flaw }) => flaw === undefined);
    out.result({ whole, tenants: sweeps }, () => sweeps.map(readable).join('\n'));
    return whole ? exit.ok : exit.found;
  },
};

function sampleOf(args: Arguments): number | undefined {
  const text = args.text('sample');
  if (text === undefined) return undefined;
  if (args.flag('all')) throw new UsageFault('give --sample or --all');
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageFault('--sample is a number of customers');
  return Number(text);
}

function readable({ tenantId, records, values, rows, flaw }: Sweep): string {
  const looked = `${records} records with ${values} values and ${rows} rows`;
  if (flaw === undefined) return `tenant ${tenantId}: ${looked} are whole`;
  const meaning = { ...breachMeanings, ...flawMeanings }[flaw.code];
  return [
    `tenant ${tenantId}: NOT WHOLE, found after ${looked}`,
    `    first bad record: ${flaw.kind} ${flaw.id}`,
    `    ${flaw.code}: ${meaning}`,
  ].join('\n');
}
