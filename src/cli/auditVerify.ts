import { amountOf, leavesOf } from '../amount.ts';
import { readConfig, type Config } from '../config.ts';
import { vkeyOf, type VerifierKey } from '../crypto/signedNote.ts';
import type { Database } from '../db/database.ts';
import { keysOf } from '../keyAccess.ts';
import { verifyTenant, type Verification } from '../vault/auditVerification.ts';
import { breachMeanings, type Breach } from '../vault/breach.ts';
import { verifyBundle } from '../vault/bundleVerification.ts';
import type { BundleLook } from '../vault/logBundle.ts';
import type { LogTrust } from '../vault/logCheck.ts';
import { bundleLines } from './bundleFile.ts';
import { exit, noWords, UsageFault, type Arguments, type Command } from './command.ts';
import { refuseUnwitnessed } from './cosignature.ts';
import { folderKeys, givenKeys, heldCheckpoint, tenantOfKeys, trustIn } from './logTrust.ts';
import { progress } from './progress.ts';
import { tenantsAsked, withDatabase } from './vaultDatabase.ts';

export const auditVerify: Command = {
  words: '',
  options: {
    tenant: { type: 'string' },
    bundle: { type: 'string' },
    key: { type: 'string', multiple: true },
    checkpoint: { type: 'string' },
    'witness-key': { type: 'string', multiple: true },
  },
  help: {
    tenant: 'id of one tenant; all of them when left out',
    bundle: 'a file of amanat audit export, instead of the database',
    key: "the log's public key (vkey), as this command prints it; those in the keys folder when left out; may be repeated",
    checkpoint: 'a file with a checkpoint that was held from before: the log must begin with it',
    'witness-key': "with --checkpoint: a witness's public key (vkey); its cosignature must be on it; may be repeated",
  },
  found: 'something does not hold; the first bad entry is named',
  more: [
    'Changes nothing, and may run beside the service. On the database: the tree over the leaves, every checkpoint with its',
    'signature, every leaf by itself, and customers, orders and invoices against the log. Found are leaves that were',
    'changed, taken away, added, reordered, renumbered or signed anew, a log that was cut or forked, and records that were',
    'changed, rolled back, emptied, taken away or written past the log. On a bundle: the same of its leaves and',
    'checkpoints, with nothing but the file and the key.',
    'A log that was put back whole to what it was is found by a checkpoint held elsewhere: --checkpoint, or a witness.',
  ],
  async run(args, out) {
    noWords(args);
    await refuseUnwitnessed(args);
    const bar = progress();
    const looks = await (args.text('bundle') === undefined ? ofDatabase(args, bar) : ofBundle(args, bar)).finally(() =>
      bar.end(),
    );
    const holds = looks.every(({ breach }) => breach === undefined);
    out.result({ holds, tenants: looks }, () => looks.map(readable).join('\n'));
    return holds ? exit.ok : exit.found;
  },
};

type Look = (Verification | BundleLook) & { readonly keys: readonly string[] };
type Bar = ReturnType<typeof progress>;

async function ofBundle(args: Arguments, bar: Bar): Promise<Look[]> {
  if (args.text('tenant') !== undefined) throw new UsageFault('a bundle is of one tenant, the one of its key');
  const keys = givenKeys(args);
  const tenantId = tenantOfKeys(keys);
  const note = await heldCheckpoint(args.text('checkpoint'));
  const trust = trustIn(tenantId, keys, note);
  if (note !== undefined && trust.held === undefined) throw new UsageFault('--checkpoint is not signed by the key');
  let share = 0;
  const lines = bundleLines(args.text('bundle') ?? '', (read) => (share = read));
  const look = await verifyBundle(lines, trust, ({ leaves }) => bar.at(share, leavesOf(leaves)));
  if (look.breach === undefined && (trust.held?.size ?? look.from) < look.from)
    throw new UsageFault(
      '--checkpoint ends before this part of the log begins: nothing in it can be held against that',
    );
  return [{ ...look, keys: keys.map(vkeyOf) }];
}

async function ofDatabase(args: Arguments, bar: Bar): Promise<Look[]> {
  const config = readConfig(process.env);
  const note = await heldCheckpoint(args.text('checkpoint'));
  return withDatabase(config, async (db) => {
    const keysFor = await knownKeys(args, config);
    const tenants = await tenantsAsked(db, args.text('tenant'));
    const trusts = tenants.map((tenantId) => trustIn(tenantId, keysFor(tenantId), note));
    if (note !== undefined && trusts.every(({ held }) => held === undefined))
      throw new UsageFault('--checkpoint is of no log of these tenants, or not signed by its key');
    return verifyTenants(db, trusts, (share, leaves, records) =>
      bar.at(share, `${leavesOf(leaves)}, ${amountOf(records, 'record')}`),
    );
  });
}

/** Those given, else those of the keys folder, which sign for every tenant. */
async function knownKeys(args: Arguments, config: Config): Promise<(tenantId: string) => readonly VerifierKey[]> {
  if (args.list('key').length > 0) {
    const given = givenKeys(args);
    return (tenantId) => given.filter(({ name }) => name.endsWith(`/${tenantId}`));
  }
  const folder = await keysOf(config);
  return (tenantId) => folderKeys(folder, tenantId);
}

/** One after the other; a broken tenant keeps nobody else's from being looked at. */
async function verifyTenants(
  db: Database,
  trusts: readonly LogTrust[],
  onProgress: (share: number, leaves: number, records: number) => void,
): Promise<Look[]> {
  const looks: Look[] = [];
  for (const trust of trusts) {
    const look = await verifyTenant(db, trust, (share, leaves, records) =>
      onProgress((looks.length + share) / trusts.length, leaves, records),
    );
    looks.push({ ...look, keys: trust.keys.map(vkeyOf) });
  }
  return looks;
}

function readable(look: Look): string {
  const { tenantId, leaves, expired, checkpoints, breach, keys } = look;
  const records = 'records' in look ? `, ${amountOf(look.records, 'record')}` : '';
  const past =
    expired === 0
      ? ''
      : `, ${amountOf(expired, 'leaf past its time', 'leaves past their time')} (only the hash is kept)`;
  const counted = `${leavesOf(leaves)}, ${amountOf(checkpoints, 'checkpoint')}${records}${past}`;
  const signed = keys.map((key) => `    signed under ${key}`);
  if (breach === undefined) return [`tenant ${tenantId}: ${counted} hold${waiting(look)}`, ...signed].join('\n');
  return [
    `tenant ${tenantId}: BROKEN after ${counted} that hold`,
    `    first bad entry: ${placeOf(breach)}`,
    `    ${breach.code}: ${breachMeanings[breach.code]}`,
  ].join('\n');
}

const waiting = (look: Look): string =>
  'pending' in look && look.pending > 0 ? `; ${amountOf(look.pending, 'leaf waits', 'leaves wait')} for the tree` : '';

function placeOf({ kind, id, index, from }: Breach): string {
  if (index === undefined) return `${kind} ${id}`;
  return `${kind} ${id} (${from === undefined || from === index ? `index ${index}` : `one of index ${from} to ${index}`})`;
}
