import type * as App from '../src/app.ts';
import type * as Settings from '../src/config.ts';
import type * as Access from '../src/databaseAccess.ts';
import type * as Commits from '../src/db/commit.ts';
import type { CustomerRow } from '../src/db/customers.ts';
import type * as Databases from '../src/db/database.ts';
import type * as Statements from '../src/db/statement.ts';
import type * as Servers from '../src/http/server.ts';
import type * as Keys from '../src/keyAccess.ts';
import type * as Logs from '../src/log.ts';
import type { Reads } from '../src/vault/reads.ts';

/**
 * A customer's read without its audit, to weigh what that costs: the service as it was built, on the data of another that runs, but
 * that a read is one plain statement of its own and leaves no leaf. It exists here alone: the service has no such switch. Takes that
 * other's settings, and its owner's URL in UNAUDITED_URL; prints its port.
 */
const built = <Module>(name: string): Promise<Module> =>
  import(new URL(`../../dist/${name}.js`, import.meta.url).href) as Promise<Module>;
const { createApp, openVault } = await built<typeof App>('app');
const { readConfig } = await built<typeof Settings>('config');
const { openAccess } = await built<typeof Access>('databaseAccess');
const { commit } = await built<typeof Commits>('db/commit');
const { openDatabase } = await built<typeof Databases>('db/database');
const { statement } = await built<typeof Statements>('db/statement');
const { listen } = await built<typeof Servers>('http/server');
const { loadKeys } = await built<typeof Keys>('keyAccess');
const { createLog } = await built<typeof Logs>('log');

const config = readConfig(process.env);
const keys = await loadKeys(config, {});
const access = await openAccess(config, process.env['UNAUDITED_URL']);
const db = openDatabase({ connectionString: await access.serviceUrl(keys), max: config.databaseConnections });
const log = createLog({ level: config.logLevel === 'fatal' ? 'error' : config.logLevel });
const vault = openVault({ db, keys, issuer: config.issuer ?? '', now: Date.now, log });
type Shown = Omit<CustomerRow, 'sealed'> & { readonly shown: Buffer };
const customer: Reads['customer'] = async ({ tenantId, customerId, beginning }) => {
  const plain = statement<Shown & { readonly n: number }>(
    'read_unaudited',
    `select 1 as n, c.id, c.kind, c.status, c.version, c.source, c.key_version as "keyVersion", c.data_key as "dataKey",
            amanat.lead_of(c.sealed, $3::bytea) as shown, c.created_at as "createdAt", c.updated_at as "updatedAt"
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.id = $2::uuid and c.status = 'active'`,
    [tenantId, customerId, beginning ?? null],
  );
  const [[row]] = await commit(db, { tenantIds: [tenantId] }, [plain]);
  return row === undefined ? undefined : { ...row, granted: true, frozen: false, objected: [] };
};
Object.assign(vault, { reads: { ...vault.reads, customer } });
await vault.watch.look();
vault.watch.start();
const app = createApp(vault, log, { rate: { quota: config.rateLimit, windowSeconds: 10 } });
const { url } = await listen(app, { host: '127.0.0.1', port: 0 });
// Beside the log's lines.
process.stdout.write(`${new URL(url).port}\n`);
process.on('SIGTERM', () => process.exit(0));
