import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { readConfig } from '../config.ts';
import type { ClientJwk } from '../crypto/clientKey.ts';
import type { Database } from '../db/database.ts';
import { VaultError } from '../errors.ts';
import { clientRoles, type NewClient } from '../vault/clients.ts';
import { clientsOf, disableByOperator, enrolByOperator, type ListedClient } from '../vault/operator.ts';
import type { TenantKeys } from '../vault/keyring.ts';
import type { Policy } from '../vault/watch.ts';
import { exit, noWords, onlyWord, required, UsageFault, type Arguments, type Command } from './command.ts';
import { table } from './table.ts';
import { withWatch } from './vaultDatabase.ts';

const tenantHelp = 'id of the tenant; may be left out where there is only one';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const clientsCreate: Command = {
  words: '',
  options: {
    tenant: { type: 'string' },
    name: { type: 'string' },
    role: { type: 'string' },
    department: { type: 'string' },
    'carrier-profile': { type: 'string' },
    'public-key': { type: 'string' },
  },
  help: {
    tenant: tenantHelp,
    name: 'which system this is',
    role: clientRoles.join(' '),
    department: 'with the role department: its name in the profile',
    'carrier-profile': 'with the role courier: the carrier, as the profile names it',
    'public-key': 'PEM file; the client then authenticates by private_key_jwt and has no secret',
  },
  more: ['Prints the secret once: only its hash is stored. The audit names the actor "operator".'],
  async run(args, out) {
    noWords(args);
    const client = await newClientOf(args);
    const made = await withTenant(args, async (db, keys, policy) => ({
      tenantId: keys.tenantId,
      ...(await enrolByOperator(db, keys, policy, client, Date.now()).catch(asUsageFault)),
    }));
    const { name, role } = client;
    out.result({ ...made, name, role }, () =>
      [
        `Client "${name}" (${role}) of tenant ${made.tenantId}.${made.secret === undefined ? '' : ' The secret is shown this once:'}`,
        '',
        table([], [['client id', made.id], ...(made.secret === undefined ? [] : [['client secret', made.secret]])]),
      ].join('\n'),
    );
    return exit.ok;
  },
};

export const clientsList: Command = {
  words: '',
  options: { tenant: { type: 'string' } },
  help: { tenant: tenantHelp },
  async run(args, out) {
    noWords(args);
    const clients = await withTenant(args, (db, keys) => clientsOf(db, keys));
    out.result({ clients }, () => table(['id', 'role', 'created', 'state', 'name'], clients.map(lineOf)));
    return exit.ok;
  },
};

function lineOf(client: ListedClient): string[] {
  if (!client.genuine) return [client.id, '', '', 'not genuine: changed behind the vault’s back', ''];
  const { id, role, createdAt, disabled, name } = client;
  return [id, role, createdAt.slice(0, 10), disabled ? 'disabled' : 'in use', name];
}

export const clientsDisable: Command = {
  words: '<client id>',
  options: { tenant: { type: 'string' } },
  help: { tenant: tenantHelp },
  more: ['There is no way back: make a new client. The audit names the actor "operator".'],
  async run(args, out) {
    const id = onlyWord(args, 'client id').toLowerCase();
    if (!uuid.test(id)) throw new UsageFault('a client id is a UUID; see amanat clients list');
    const changed = await withTenant(args, (db, keys, policy) =>
      disableByOperator(db, keys, policy, id, Date.now()).catch((error: unknown) => {
        if (error instanceof VaultError && error.code === 'not_found')
          throw new UsageFault('this tenant has no such client');
        throw error;
      }),
    );
    out.result({ id, disabled: true, changed }, () =>
      changed ? `Client ${id} is cut off.` : `Client ${id} was cut off before.`,
    );
    return exit.ok;
  },
};

/** The tenant that is meant, with the policy in force. Throws `UsageFault` where that is not one. */
async function withTenant<T>(
  args: Arguments,
  work: (db: Database, keys: TenantKeys, policy: Policy) => Promise<T>,
): Promise<T> {
  const asked = args.text('tenant')?.toLowerCase();
  return withWatch(readConfig(process.env), async (db, watch, keyring) => {
    const [first, ...more] = watch.tenants();
    if (asked === undefined && more.length > 0)
      throw new UsageFault('--tenant is missing: there are several; see amanat tenants list');
    const tenantId = asked ?? first;
    if (tenantId === undefined || !watch.tenants().includes(tenantId))
      throw new UsageFault('there is no such tenant; see amanat tenants list');
    return work(db, await keyring.tenant(tenantId), watch.policy(tenantId));
  });
}

const optionOf: Readonly<Record<string, string>> = {
  '/name': '--name',
  '/role': '--role',
  '/department': '--department',
  '/carrierProfile': '--carrier-profile',
  '/jwk': '--public-key',
};

/** A member of the client as the option it came by. */
function asUsageFault(error: unknown): never {
  if (!(error instanceof VaultError) || error.code !== 'invalid_body') throw error;
  throw new UsageFault(error.faults.map(({ pointer, code }) => `${optionOf[pointer] ?? pointer}: ${code}`).join(', '));
}

async function newClientOf(args: Arguments): Promise<NewClient> {
  const role = clientRoles.find((known) => known === required(args, 'role'));
  if (role === undefined) throw new UsageFault(`--role must be one of: ${clientRoles.join(' ')}`);
  const file = args.text('public-key');
  return {
    name: required(args, 'name'),
    role,
    ...(file === undefined
      ? { authMethod: 'client_secret' }
      : { authMethod: 'private_key_jwt', jwk: jwkOf(await readFile(file, 'utf8').catch(() => '')) }),
    department: args.text('department'),
    carrierProfile: args.text('carrier-profile'),
  };
}

/** Only a public key is taken: a private one has no business here, though the public half could be had from it. */
function jwkOf(pem: string): ClientJwk {
  if (!pem.includes('-----BEGIN PUBLIC KEY-----'))
    throw new UsageFault('--public-key must be a PEM file, "PUBLIC KEY"');
  try {
    const { kty, crv, x = '', y = '', n = '', e = '' } = createPublicKey(pem).export({ format: 'jwk' });
    if (kty === 'EC' && crv === 'P-256') return { kty, crv, x, y, alg: 'ES256' };
    if (kty === 'RSA') return { kty, n, e, alg: 'RS256' };
  } catch {
    // Told below, with every other key that is none of the two.
  }
  throw new UsageFault('--public-key must be an EC key on P-256 or an RSA key');
}
