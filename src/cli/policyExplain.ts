import { openVault } from '../app.ts';
import { readConfig } from '../config.ts';
import { VaultError } from '../errors.ts';
import { keysOf } from '../keyAccess.ts';
import { createLog } from '../log.ts';
import { quotationsIn } from '../policy/explain.ts';
import { explainBreakGlass, explainCeiling } from '../policy/explainBounds.ts';
import { judgeFor } from '../policy/judge.ts';
import { fields as allFields, grantKinds, roles, type Field } from '../policy/profile.ts';
import { declaredFields, explainFields } from '../vault/explainedRead.ts';
import { boundView, breakGlassView, fieldView } from '../vault/explanationView.ts';
import { policyArchive } from '../vault/policyArchive.ts';
import { explainedActs, explainForOperator, type Question } from '../vault/policyExplanation.ts';
import { readableAnswer, type Told } from './explanationText.ts';
import { exit, UsageFault, type Arguments, type Command } from './command.ts';
import { loadProfile, readableFindings, readProfileText } from './profileFile.ts';
import { withDatabase } from './vaultDatabase.ts';

export const policyExplain: Command = {
  words: '[file | name of a shipped profile]',
  options: {
    role: { type: 'string' },
    department: { type: 'string' },
    carrier: { type: 'string' },
    field: { type: 'string', multiple: true },
    kind: { type: 'string' },
    order: { type: 'boolean' },
    delivered: { type: 'boolean' },
    tenant: { type: 'string' },
    act: { type: 'string' },
    client: { type: 'string' },
    actor: { type: 'string' },
    customer: { type: 'string' },
    grant: { type: 'string' },
    'legal-order': { type: 'string' },
  },
  help: {
    role: 'who would read; `department` with --department',
    department: 'name of a further department',
    carrier: 'carrier profile of a courier',
    field: 'only this field; may be repeated',
    kind: 'suppose an open grant of this kind',
    order: 'the supposed grant names an order',
    delivered: 'that order is delivered or cancelled',
    tenant: 'ask the vault about this tenant instead of a file',
    act: 'with --tenant: read (the default), export or erasure',
    client: 'with --tenant: the client who would read, instead of --role',
    actor: 'with --tenant: the member of staff',
    customer: 'with --tenant: id of the customer',
    grant: 'with --tenant: id of the grant that the read would name',
    'legal-order': 'with --tenant: id of the legal order of an export',
  },
  more: [
    'amanat policy explain kalak --role support --kind ticket --field address',
    'amanat policy explain --tenant <id> --client <id> --customer <id> --grant <id>',
    '',
    'The first needs no vault: it says what a profile gives a role. The second asks the vault, with the database and the keys, as',
    'POST /v1/policy/explain does, and leaves an audit leaf. Neither reads a value.',
  ],
  async run(args, out) {
    const tenant = args.text('tenant');
    if ((tenant === undefined) !== (args.words.length === 1)) throw new UsageFault('give a file or name, or --tenant');
    if (tenant === undefined) {
      const text = await readProfileText(args.words[0] ?? '');
      const loaded = loadProfile(text);
      if ('faults' in loaded) {
        out.complain(readableFindings(loaded.faults));
        return exit.config;
      }
      const policy = {
        ...judgeFor(loaded.profile),
        profile: loaded.profile,
        number: 0,
        from: 0,
        label: loaded.profile.id,
      };
      const { role, department, carrierProfile, fields, work } = questionOf(args);
      if (role === undefined) throw new UsageFault('--role is missing');
      const reader = { clientId: '', actor: undefined, role, department, carrierProfile };
      const seen = explainFields(policy, reader, work, fields ?? declaredFields(policy, allFields), {
        now: 0,
        frozen: false,
        objected: [],
        admitted: undefined,
      });
      const quotes = quotationsIn(text);
      const told = {
        readCeilings: (['actor', 'client'] as const)
          .flatMap((by) => explainCeiling(policy.profile, reader, by) ?? [])
          .map(boundView(quotes)),
        breakGlass: breakGlassView(quotes)(explainBreakGlass(policy.profile)),
        fields: seen.map(fieldView(quotes)),
      };
      out.result({ profile: loaded.profile.id, ...told }, () => readableAnswer(told));
      return exit.ok;
    }
    const told = await askVault(tenant.toLowerCase(), questionOf(args));
    out.result(told, () => readableAnswer(told as Told));
    return exit.ok;
  },
};

/** Throws `UsageFault` for a word that is none of ours. */
function questionOf(args: Arguments): Question {
  const [role, kind] = [oneOf(args, 'role', roles), oneOf(args, 'kind', grantKinds)];
  const named = args.list('field');
  const unknown = named.find((name) => !allFields.some((field) => field === name));
  if (unknown !== undefined) throw new UsageFault(`${unknown} is no field; there are: ${allFields.join(', ')}`);
  const delivered = args.flag('delivered');
  return {
    act: oneOf(args, 'act', explainedActs) ?? 'read',
    role,
    department: args.text('department'),
    carrierProfile: args.text('carrier'),
    clientId: args.text('client'),
    actor: args.text('actor'),
    customerId: args.text('customer'),
    grantId: args.text('grant'),
    legalOrderId: args.text('legal-order'),
    fields: named.length === 0 ? undefined : (named as readonly Field[]),
    work: kind === undefined ? undefined : { kind, hasOrder: args.flag('order'), delivered, fields: undefined },
  };
}

function oneOf<const Word extends string>(args: Arguments, option: string, words: readonly Word[]): Word | undefined {
  const given = args.text(option);
  const word = words.find((known) => known === given);
  if (given !== undefined && word === undefined) throw new UsageFault(`--${option} is one of: ${words.join(', ')}`);
  return word;
}

async function askVault(tenantId: string, question: Question): Promise<unknown> {
  const { role, clientId } = question;
  if ((role === undefined) === (clientId === undefined)) throw new UsageFault('give --client or --role');
  const reader = clientId === undefined ? { role: role ?? 'department' } : { clientId };
  const config = readConfig(process.env);
  const keys = await keysOf(config);
  return withDatabase(config, async (db) => {
    const vault = openVault({ db, keys, issuer: '', now: Date.now, log: createLog({ level: 'silent' }) });
    await vault.watch.look();
    if (!vault.watch.tenants().includes(tenantId))
      throw new UsageFault('there is no such tenant; see amanat tenants list');
    try {
      return await explainForOperator(vault, policyArchive(vault), tenantId, { ...question, ...reader });
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      const [fault] = error.faults;
      throw new UsageFault(fault === undefined ? error.code : `${fault.pointer.slice(1)}: ${fault.code}`);
    }
  });
}
