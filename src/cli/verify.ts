import { amountOf, leavesOf } from '../amount.ts';
import { readConfig } from '../config.ts';
import { keysOf } from '../keyAccess.ts';
import { breachMeanings } from '../vault/breach.ts';
import { newSalt } from '../crypto/salt.ts';
import type { Sample } from '../vault/customerSweep.ts';
import { sweepIntegrity, type Sweep } from '../vault/integritySweep.ts';
import { openKeyring } from '../vault/keyring.ts';
import { flawMeanings } from '../vault/sweepGround.ts';
import { exit, noWords, UsageFault, type Arguments, type Command } from './command.ts';
import { progress } from './progress.ts';
import { tenantsAsked, withDatabase } from './vaultDatabase.ts';

export const verify: Command = {
  words: '',
  options: {
    tenant: { type: 'string' },
    sample: { type: 'string' },
    seed: { type: 'string' },
    all: { type: 'boolean' },
  },
  help: {
    tenant: 'id of one tenant; all of them when left out',
    sample:
      'so many customers of each tenant and so many places in its log, drawn by lot, with all that belongs to them',
    seed: 'of an earlier sample, to draw the same again; a new one is drawn and printed when left out',
    all: 'everything; the default',
  },
  found: 'something is not whole; the first bad record is named',
  more: [
    'Needs the database and the keys; changes nothing, prints no value, may run beside the service. Opens every sealed value under',
    'its key and in its place, makes the MAC of every row that carries one anew, and holds customers, orders and invoices against',
    'the audit leaves of their writing, index tags against the values they stand for, how customers stand against the acts that',
    'brought it about, and what the log names against what is there. A sample is of customers with what is theirs, and of the log;',
    'the rest is always looked at whole. Whether the log itself holds says amanat audit verify.',
  ],
  async run(args, out) {
    noWords(args);
    const sample = sampleOf(args);
    const config = readConfig(process.env);
    const keys = await keysOf(config);
    const bar = progress();
    const sweeps = await withDatabase(config, async (db) => {
      const keyring = openKeyring(db, keys.root.byId, Date.now);
      const asked = await tenantsAsked(db, args.text('tenant'));
      const found: Sweep[] = [];
      for (const [i, id] of asked.entries()) {
        const one = await sweepIntegrity(db, keyring, id, sample, (share, { records, rows, leaves }) =>
          bar.at(
            (i + share) / asked.length,
            `${amountOf(records, 'record')}, ${leavesOf(leaves)}, ${amountOf(rows, 'row')}`,
          ),
        );
        found.push(one);
      }
      return found;
    }).finally(() => bar.end());
    const whole = sweeps.every(({ flaw }) => flaw === undefined);
    const seed = sample === undefined ? {} : { seed: sample.seed };
    out.result({ whole, ...seed, tenants: sweeps }, () => [...drawn(sample), ...sweeps.map(readable)].join('\n'));
    return whole ? exit.ok : exit.found;
  },
};

function sampleOf(args: Arguments): Sample | undefined {
  const [text, seed = newSalt()] = [args.text('sample'), args.text('seed')];
  if (text === undefined) {
    if (args.text('seed') !== undefined) throw new UsageFault('--seed goes with --sample');
    return undefined;
  }
  if (args.flag('all')) throw new UsageFault('give --sample or --all');
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageFault('--sample is a number of customers');
  if (!/^[0-9a-f]{32}$/.test(seed)) throw new UsageFault('--seed is the one an earlier sample printed');
  return { size: Number(text), seed };
}

const drawn = (sample: Sample | undefined): string[] =>
  sample === undefined ? [] : [`sample drawn by seed ${sample.seed}`];

function readable({ tenantId, records, values, rows, tags, leaves, flaw }: Sweep): string {
  const looked = `${amountOf(records, 'record')} with ${amountOf(values, 'value')}, ${amountOf(tags, 'index tag')}, ${leavesOf(leaves)} and ${amountOf(rows, 'row')}`;
  if (flaw === undefined) return `tenant ${tenantId}: ${looked} are whole`;
  const meaning = { ...breachMeanings, ...flawMeanings }[flaw.code];
  return [
    `tenant ${tenantId}: NOT WHOLE, found after ${looked}`,
    `    first bad record: ${flaw.kind} ${flaw.id}`,
    `    ${flaw.code}: ${meaning}`,
  ].join('\n');
}
