import type { Listed } from './command.ts';

/** Every command there is, in the order `amanat --help` lists them. */
export const commands: readonly Listed[] = [
  {
    name: 'init',
    summary: 'make a keys folder with new keys, for a vault that holds nothing yet',
    load: async () => (await import('./init.ts')).init,
  },
  {
    name: 'migrate',
    summary: 'bring the schema forward to this build, as the owner of the database',
    load: async () => (await import('./migrate.ts')).migrate,
  },
  {
    name: 'keys check',
    summary: 'read the keys folder as the service would, and list what is in it',
    load: async () => (await import('./keysCheck.ts')).keysCheck,
  },
  {
    name: 'keys add',
    summary: 'make the key that signs checkpoints, in a keys folder made before there was one',
    load: async () => (await import('./keysAdd.ts')).keysAdd,
  },
  {
    name: 'keys encrypt',
    summary: 'lock the keys folder by a passphrase, or change its passphrase',
    load: async () => (await import('./keysLock.ts')).keysEncrypt,
  },
  {
    name: 'keys decrypt',
    summary: 'put the files of a locked keys folder back in clear',
    load: async () => (await import('./keysLock.ts')).keysDecrypt,
  },
  {
    name: 'keys split',
    summary: 'lock the keys folder by shares, of which so many have to come together',
    load: async () => (await import('./keysLock.ts')).keysSplit,
  },
  {
    name: 'keys status',
    summary: 'list every version of every key: age, period, and what rests on it (--count)',
    load: async () => (await import('./keysStatus.ts')).keysStatus,
  },
  {
    name: 'keys rotate',
    summary: 'turn a key over while the vault serves; called again it goes on where it stopped',
    load: async () => (await import('./keysRotate.ts')).keysRotate,
  },
  {
    name: 'keys retire',
    summary: 'destroy former versions of a key on which nothing rests',
    load: async () => (await import('./keysRetire.ts')).keysRetire,
  },
  {
    name: 'unseal',
    summary: 'open a service that waits, sealed, for its passphrase, shares, PIN or hardware module',
    load: async () => (await import('./unseal.ts')).unseal,
  },
  {
    name: 'tenants create',
    summary: 'make a tenant with its keys, its policy and one system_admin client',
    load: async () => (await import('./tenants.ts')).tenantsCreate,
  },
  {
    name: 'tenants list',
    summary: 'list the tenants and the policy version in force for each',
    load: async () => (await import('./tenants.ts')).tenantsList,
  },
  {
    name: 'clients create',
    summary: "make a client where no administrator's token is at hand (else: POST /v1/clients)",
    load: async () => (await import('./clients.ts')).clientsCreate,
  },
  {
    name: 'clients list',
    summary: 'list the clients of a tenant, newest first',
    load: async () => (await import('./clients.ts')).clientsList,
  },
  {
    name: 'clients disable',
    summary: 'cut a client off: no further token, and those it has are refused within five seconds',
    load: async () => (await import('./clients.ts')).clientsDisable,
  },
  {
    name: 'profile check',
    summary: 'look for holes and contradictions in a profile, before it is published',
    load: async () => (await import('./profileCheck.ts')).profileCheck,
  },
  {
    name: 'policy explain',
    summary:
      'say who may see what under a profile, or of a customer in the vault, by which rule, and what would change it',
    load: async () => (await import('./policyExplain.ts')).policyExplain,
  },
  {
    name: 'import',
    summary: 'store the customers of an NDJSON or CSV file through a running vault',
    load: async () => (await import('./import.ts')).importCustomers,
  },
  {
    name: 'audit verify',
    summary:
      'does the log hold? Its tree, leaves and signed checkpoints, and every record against it; or a bundle of it',
    load: async () => (await import('./auditVerify.ts')).auditVerify,
  },
  {
    name: 'audit export',
    summary: "write a tenant's log into a file, for whoever verifies it elsewhere with its public key",
    load: async () => (await import('./auditExport.ts')).auditExport,
  },
  {
    name: 'verify',
    summary:
      'is what is stored whole? Opens every value, makes every MAC and index tag anew, holds it all against the log',
    load: async () => (await import('./verify.ts')).verify,
  },
  {
    name: 'audit vkey',
    summary: "print the public key of each tenant's log, for a witness or an auditor",
    load: async () => (await import('./auditVkey.ts')).auditVkey,
  },
  {
    name: 'witness',
    summary: 'keep the last checkpoint of each log in a place of its own, and sign none that does not begin with it',
    load: async () => (await import('./witness.ts')).witness,
  },
  {
    name: 'witness init',
    summary: 'make the folder and the key of a witness',
    load: async () => (await import('./witness.ts')).witnessInit,
  },
  {
    name: 'witness trust',
    summary: 'tell a witness of a log: a new tenant, or a log that goes on after a database was restored',
    load: async () => (await import('./witness.ts')).witnessTrust,
  },
  {
    name: 'retention run',
    summary: 'destroy the keys of records that have had their time, or count them (--dry-run)',
    load: async () => (await import('./retentionRun.ts')).retentionRun,
  },
  {
    name: 'receipt check',
    summary: "check the receipt of an export offline, and the package with it, against the vault's export certificate",
    load: async () => (await import('./receiptCheck.ts')).receiptCheck,
  },
  {
    name: 'backup',
    summary: 'copy the embedded database while it serves, apart from the keys',
    load: async () => (await import('./backup.ts')).backup,
  },
  {
    name: 'backup check',
    summary: 'is there a backup, is it young enough, whole, and do these keys open it?',
    load: async () => (await import('./backupCheck.ts')).backupCheck,
  },
  {
    name: 'backup prune',
    summary: 'delete backups and archived WAL that are older than the policies allow',
    load: async () => (await import('./backupPrune.ts')).backupPrune,
  },
  {
    name: 'restore',
    summary: 'put a backup of the embedded database back, and roll it forward to a moment',
    load: async () => (await import('./restore.ts')).restore,
  },
  {
    name: 'restore check',
    summary: 'may a restored database be served, with these keys, after what its witness has seen?',
    load: async () => (await import('./restoreCheck.ts')).restoreCheck,
  },
  {
    name: 'reconcile',
    summary: 'show what a restored database lacks, and do again what took something away, before it is served',
    load: async () => (await import('./reconcile.ts')).reconcile,
  },
  {
    name: 'demo',
    summary: 'start a vault in a temporary folder and play a day of its work with made-up people',
    load: async () => (await import('./demo.ts')).demo,
  },
];
