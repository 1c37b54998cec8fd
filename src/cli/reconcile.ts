import { createInterface } from 'node:readline/promises';
import { openVault } from '../app.ts';
import { readConfig } from '../config.ts';
import { checkpointKey } from '../crypto/checkpoint.ts';
import { vkeyOf } from '../crypto/signedNote.ts';
import type { Installation } from '../crypto/journal.ts';
import { installationOf } from '../installation.ts';
import { keysOf } from '../keyAccess.ts';
import { createLog } from '../log.ts';
import { LogFault, wordsOf } from '../logFault.ts';
import { codeOf, lossOf, type Loss } from '../vault/loss.ts';
import { reconcile as reconcileTenant, type Reconciled } from '../vault/reconcile.ts';
import { isSound, standingOf, type LogStanding } from '../vault/rollback.ts';
import type { Vault } from '../vault/vault.ts';
import { WitnessFault, type Witness } from '../vault/witness.ts';
import { openWitness } from '../witnessConfig.ts';
import { exit, noWords, type Arguments, type Command, type Output } from './command.ts';
import { lostPolicies, orderLine, textOf, viewOf } from './lossView.ts';
import { table } from './table.ts';
import { withDatabase } from './vaultDatabase.ts';

export const reconcile: Command = {
  words: '',
  options: {
    confirm: { type: 'string' },
    ends: { type: 'string' },
    'older-policy': { type: 'string', multiple: true },
    'dry-run': { type: 'boolean' },
  },
  help: {
    confirm: 'the code that a first call prints: without it, and without somebody at a terminal, nothing is done',
    ends: 'the installation whose log ends, where another one than this served it last: it will not serve any more',
    'older-policy':
      'the policy version that will be in force, where a later one is lost: it may show more; may be repeated',
    'dry-run': 'only show what is missing and what would be done',
  },
  found: 'the logs are not sound yet: not confirmed, damaged, done elsewhere meanwhile, or the next log is not trusted',
  more: [
    'For a database that is older than what its witness has seen: after a restore, before anything is served. Shows what is',
    'missing, does again what took something away (erasures, revocations, closed grants, withdrawn consents …), tells what',
    'somebody has to do by hand, and lets the log go on under a new name. May be stopped and called again. Stop the service',
    'first.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    const keys = await keysOf(config);
    const installation = await installationOf(config.dataDir);
    return withDatabase(config, async (db) => {
      const vault = openVault({
        db,
        keys,
        issuer: '',
        now: Date.now,
        log: createLog({ level: 'silent' }),
        installation,
      });
      await vault.watch.look();
      const witness = openWitness(config.witness, vault);
      const { standings, losses } = await surveyOf(vault, witness);
      if (losses.length === 0) return soundAlready(out, standings);
      const broken = standings.find(({ code }) => code === 'broken');
      if (broken !== undefined)
        throw new LogFault('rolled_back', `${wordsOf(broken)}. Restore a backup whose tree is whole.`);
      const code = codeOf(losses);
      tell(out, losses, code);
      const other = otherOf(losses, installation);
      if (other !== undefined && args.text('ends') !== other.id) {
        const told = {
          reconciled: false,
          code: 'other_installation',
          confirm: code,
          endsLogOf: other,
          here: installation,
        };
        out.result(told, () => otherWords(other, installation, code));
        return exit.found;
      }
      const older = olderOf(losses).filter((version) => !args.list('older-policy').includes(version));
      if (older.length > 0) {
        out.result(
          { reconciled: false, code: 'older_policy', confirm: code, inForce: older, tenants: losses.map(viewOf) },
          () => olderWords(older, again({ ends: args.text('ends'), older: olderOf(losses), code })),
        );
        return exit.found;
      }
      if (args.flag('dry-run') || !(await isConfirmed(args, out, code))) {
        out.result({ reconciled: false, code, tenants: losses.map(viewOf) }, () => confirmWords(args, losses, code));
        return exit.found;
      }
      return apply(out, vault, witness, losses);
    });
  },
};

/** Whoever served the log last, if that is not this installation: it may be serving it still. */
function otherOf(losses: readonly Loss[], here: Installation): Installation | undefined {
  return losses.map(({ by }) => by).find((by) => by !== undefined && by.id !== here.id);
}

/** The whole command, as it is to be typed. */
function again({ ends, older, code }: { ends: string | undefined; older: readonly string[]; code: string }): string {
  const ending = ends === undefined ? [] : [`--ends ${ends}`];
  const knowing = older.map((version) => `--older-policy ${version}`);
  return ['amanat reconcile', ...ending, ...knowing, `--confirm ${code}`].join(' ');
}

function otherWords(other: Installation, here: Installation, code: string): string {
  return [
    `This log was last served by ${other.place} (installation ${other.id}); this is ${here.place} (${here.id}).`,
    'If that one is to go on, stop here: reconciling would end its log, and it would not serve any more. To try something, give',
    'a copy a witness of its own (docs/operations.md, A copy to try things on).',
    `If this one takes its place for good: ${again({ ends: other.id, older: [], code })}`,
  ].join('\n');
}

/** Versions that will be in force where a later one, or the notice that let it take effect, is lost. */
function olderOf(losses: readonly Loss[]): readonly string[] {
  return [...new Set(losses.filter((loss) => lostPolicies(loss).length > 0).map((loss) => loss.policyVersion))];
}

function olderWords(older: readonly string[], command: string): string {
  return [
    `A later policy is lost. Until it is published again ${older.join(', ')} of the backup is in force: it may show more, let more leave, and destroy sooner.`,
    'Nothing was done. Have the text of the lost version at hand (its SHA-256 stands above), let the service listen for nobody but the',
    'protection officer (AMANAT_HOST=127.0.0.1), publish, give notice again, then open. Knowing that:',
    command,
  ].join('\n');
}

/** Every tenant's log against its witness, and what those that are not sound lack. */
export async function surveyOf(
  vault: Vault,
  witness: Witness,
): Promise<{ readonly standings: readonly LogStanding[]; readonly losses: readonly Loss[] }> {
  const standings: LogStanding[] = [];
  const losses: Loss[] = [];
  for (const tenantId of vault.watch.tenants()) {
    const standing = await standingOf(vault, witness, tenantId);
    standings.push(standing);
    if (!isSound(standing)) losses.push(await lossOf(vault, witness, standing));
  }
  return { standings, losses };
}

function soundAlready(out: Output, standings: readonly LogStanding[]) {
  out.result({ reconciled: true, tenants: standings }, () =>
    ['Nothing to reconcile.', ...standings.map(wordsOf)].join('\n'),
  );
  return exit.ok;
}

function confirmWords(args: Arguments, losses: readonly Loss[], code: string): string {
  const wrong = [undefined, code].includes(args.text('confirm')) ? '' : 'This was another code. ';
  return `${wrong}Nothing was done. To do it: ${again({ ends: args.text('ends'), older: olderOf(losses), code })}`;
}

async function isConfirmed(args: Arguments, out: Output, code: string): Promise<boolean> {
  const given = args.text('confirm');
  if (given !== undefined) return given === code;
  if (out.json || !process.stdin.isTTY || !process.stdout.isTTY) return false;
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const typed = await lines.question(`Type ${code} to do it: `);
  lines.close();
  return typed.trim() === code;
}

type DoneHere = { readonly tenantId: string; readonly log: string } & Extract<Reconciled, { readonly code: 'done' }>;

async function apply(out: Output, vault: Vault, witness: Witness, losses: readonly Loss[]) {
  const done: DoneHere[] = [];
  for (const loss of losses) {
    const { tenantId } = loss.standing;
    const [{ publicKey }] = vault.keys.checkpoint;
    const next = checkpointKey(tenantId, publicKey, loss.nextEpoch);
    try {
      const reconciled = await reconcileTenant(vault, witness, loss);
      if (reconciled.code !== 'done') return elsewhere(out, tenantId, reconciled.code, done);
      done.push({ tenantId, log: next.name, ...reconciled });
    } catch (error) {
      if (!(error instanceof WitnessFault && error.code === 'unknown_log')) throw error;
      // What was done for the tenants before is told now or never: they are sound from here on.
      if (done.length > 0)
        out.result({ reconciled: false, code: error.code, tenantId, tenants: done }, () => allOf(done));
      out.complain(
        `The witness does not know the log that goes on. On its machine: amanat witness trust --dir … '${vkeyOf(next)}'\nThen call this again.`,
      );
      return exit.found;
    }
  }
  out.result({ reconciled: true, tenants: done }, () => allOf(done));
  return exit.ok;
}

const allOf = (done: readonly DoneHere[]): string => done.map(readable).join('\n\n');

/** Two calls at once, or on two copies of one database: one does it, and the other says so, and what it did for tenants before this one. */
function elsewhere(out: Output, tenantId: string, code: 'under_way' | 'done_elsewhere', done: readonly DoneHere[]) {
  const words = {
    under_way: `tenant ${tenantId}: another call of this command is doing it (or was stopped less than half a minute ago). Wait, then call this again.`,
    done_elsewhere: `tenant ${tenantId}: another call has done it since this one began, here or on a copy of this database. See how it stands: amanat restore check`,
  };
  out.result({ reconciled: false, code, tenantId, tenants: done }, () =>
    [...done.map(readable), words[code]].join('\n\n'),
  );
  return code === 'under_way' ? exit.busy : exit.found;
}

const toDo = {
  lost: 'register it anew, with the letter in hand',
  to_approve: 'its approvals have ended: hold it against the letter, then approve it anew',
  earlier: 'it stands as it was before: look at what is lost of it',
} as const;

function readable({ tenantId, log, holds, acts, orders }: DoneHere): string {
  const rows = acts.map(({ action, done, nothing, failed }) => [action, String(done), String(nothing), String(failed)]);
  return [
    `tenant ${tenantId}: done. The log goes on as ${log}.`,
    `holds: ${holds.placed} placed again, ${holds.prolonged} made longer; each stands for a week. Register their orders by then.`,
    ...(rows.length === 0 ? [] : [table(['again', 'done', 'nothing to do', 'not possible'], rows)]),
    ...(orders.length === 0
      ? []
      : [
          table(
            ['legal order', 'lost of it', 'by hand'],
            orders.map((order) => [...orderLine(order), toDo[order.standing]]),
          ),
        ]),
  ].join('\n');
}

function tell(out: Output, losses: readonly Loss[], code: string): void {
  for (const loss of losses) out.line(`${textOf(loss)}\n`);
  out.line(`code ${code}`);
}
