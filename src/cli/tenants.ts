import { readConfig, type Config } from '../config.ts';
import { commit } from '../db/commit.ts';
import { selectTenants } from '../db/tenants.ts';
import { checkText } from '../formats/text.ts';
import { keysOf } from '../keyAccess.ts';
import { checkProfile } from '../policy/check.ts';
import type { Profile } from '../policy/profile.ts';
import { openEveryTenant } from '../prepare.ts';
import { newTenant } from '../vault/tenants.ts';
import type { Watch } from '../vault/watch.ts';
import { exit, noWords, required, UsageFault, type Command, type Output } from './command.ts';
import { loadProfile, readableFindings, readProfileText } from './profileFile.ts';
import { table } from './table.ts';
import { withDatabase, withWatch } from './vaultDatabase.ts';

export const tenantsCreate: Command = {
  words: '',
  options: { name: { type: 'string' }, profile: { type: 'string' } },
  help: {
    name: 'what people call it',
    profile: 'a shipped profile by name, or a YAML file (AMANAT_PROFILE, kalak)',
  },
  found: 'the profile has an error; nothing was made',
  more: [
    'Prints the secret of the client once: only its hash is stored. A running service serves the tenant within a second.',
  ],
  async run(args, out) {
    noWords(args);
    const name = required(args, 'name');
    if (checkText(name, { max: 100, kind: 'name' }) !== undefined)
      throw new UsageFault('--name must be a name of at most 100 letters');
    const config = readConfig(process.env);
    const source = await readProfileText(args.text('profile') ?? config.profile);
    const loaded = loadProfile(source);
    const findings = 'faults' in loaded ? loaded.faults : checkProfile(loaded.profile);
    if ('faults' in loaded || findings.some((f) => f.severity === 'error')) {
      out.complain(readableFindings(findings));
      return exit.found;
    }
    // Contradictions are said aloud at publication, and never relaxed.
    if (findings.length > 0) out.complain(`${readableFindings(findings)}\n`);
    await makeTenant(config, out, { name, source, profile: loaded.profile });
    return exit.ok;
  },
};

async function makeTenant(
  config: Config,
  out: Output,
  { name, source, profile }: { name: string; source: string; profile: Profile },
): Promise<void> {
  const keys = await keysOf(config);
  const made = await withDatabase(config, async (db) => {
    // A tenant under keys that do not open the others would make two vaults of one.
    await openEveryTenant(db, keys);
    const { statements, ...tenant } = await newTenant(keys.root.current, name, source, Date.now());
    await commit(db, { tenantIds: [tenant.tenantId] }, statements);
    return tenant;
  });
  out.result({ ...made, name, profile: profile.id }, () =>
    [
      `Tenant "${name}" with profile ${profile.id}. The secret is shown this once:`,
      '',
      table(
        [],
        [
          ['tenant id', made.tenantId],
          ['client id', made.clientId],
          ['client secret', made.clientSecret],
        ],
      ),
    ].join('\n'),
  );
}

export const tenantsList: Command = {
  words: '',
  options: {},
  help: {},
  async run(args, out) {
    noWords(args);
    const tenants = await withWatch(readConfig(process.env), async (db, watch) => {
      const [rows] = await commit(db, 'directory', [selectTenants()]);
      return rows.map(({ id, name }) => ({ id, name, policy: policyOf(watch, id) }));
    });
    out.result({ tenants }, () =>
      tenants.length === 0
        ? 'No tenant yet.'
        : table(
            ['id', 'policy', 'name'],
            tenants.map((t) => [t.id, t.policy, t.name]),
          ),
    );
    return exit.ok;
  },
};

/** A tenant whose policy cannot be read or believed is listed all the same: that is what the operator is looking for. */
function policyOf(watch: Watch, tenantId: string): string {
  try {
    return watch.policy(tenantId).label;
  } catch {
    return 'unreadable';
  }
}
