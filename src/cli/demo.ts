import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { amountOf, leavesOf } from '../amount.ts';
import { closeDatabase, openDatabase } from '../db/database.ts';
import { runningOwnerUrl } from '../db/embeddedAttach.ts';
import { loadKeyFolder } from '../keys/folder.ts';
import type { FirstRun } from '../prepare.ts';
import { verifyTenant } from '../vault/auditVerification.ts';
import { exit, noWords, type Command } from './command.ts';
import { startDemoService, type DemoService } from './demoService.ts';
import { erase, explainMask, useRights } from './demoRights.ts';
import { openStage, textOf, type Actor, type Stage } from './demoStage.ts';
import { disclose } from './demoDisclosure.ts';
import { askForSupport, deliver, readLog, storeCustomers, type Cast } from './demoStory.ts';
import { folderKeys, trustIn } from './logTrust.ts';
import { ServiceFault } from './service.ts';

export const demo: Command = {
  words: '',
  options: { exit: { type: 'boolean' } },
  help: { exit: 'end the vault when the story is told, instead of leaving it to be played with' },
  more: [
    'Takes a free port, or AMANAT_PORT. The vault runs until Ctrl-C, and its folder is deleted then. An answer that is not',
    'the expected one ends it with exit code 70.',
  ],
  async run(args, out) {
    noWords(args);
    const service = await startDemoService(process.env);
    const interrupted = new Promise<void>((resolve) => {
      process.once('SIGINT', resolve).once('SIGTERM', resolve);
    });
    try {
      const story = tell(service, out.line);
      // Interrupted, it ends on its own somewhere, and nobody asks how.
      story.catch(() => undefined);
      await Promise.race([story, interrupted]);
      if (args.flag('exit')) return exit.ok;
      const gone = service.ended.then(() => exit.unavailable);
      return await Promise.race([interrupted.then(() => exit.ok), gone]);
    } finally {
      await service.stop();
    }
  },
};

async function tell(service: DemoService, print: (line: string) => void): Promise<void> {
  const { firstRun, startedIn } = service;
  const stage = openStage(print);
  print('Amanat: a demonstration. Everybody in it is made up.');
  stage.chapter('A fresh vault');
  stage.rows(
    [],
    [
      ['url', firstRun.url],
      ['data', service.dataDir],
      ['started', `${(startedIn / 1000).toFixed(1)} s, keys and database included`],
    ],
  );
  const clients = await makeClients(stage, firstRun);
  const cast = castOf(stage, firstRun.url, clients);
  const stored = await storeCustomers(stage, cast);
  await askForSupport(stage, cast, stored);
  await explainMask(stage, cast, stored);
  await deliver(stage, cast, stored);
  const exportCertificate = await readFile(join(service.dataDir, 'keys', 'export-1.crt'), 'utf8');
  await disclose(stage, cast, stored, exportCertificate);
  await useRights(stage, cast, stage.person('customer', firstRun.url, clients.shop, stored.customerId), stored);
  await erase(stage, cast, stored);
  await readLog(stage, cast, stored);
  await verify(stage, service);
  await handOver(stage, service, clients);
}

const roles = {
  shop: 'shop_backend',
  support: 'support',
  courierA: 'courier',
  courierB: 'courier',
  registrar: 'legal_registrar',
  approver: 'legal_approver',
  dpo: 'dpo',
} as const;
type Clients = Readonly<Record<keyof typeof roles, { readonly id: string; readonly secret: string }>>;

async function makeClients(stage: Stage, { url, clientId, clientSecret }: FirstRun): Promise<Clients> {
  stage.chapter('Its administrator, who sees no value, makes a client for each system');
  const admin: Actor = stage.actor('admin', url, { id: clientId, secret: clientSecret });
  const made: [string, { id: string; secret: string }][] = [];
  for (const [name, role] of Object.entries(roles)) {
    const { body } = await stage.ask(admin, 'POST /v1/clients', { name, role, authMethod: 'client_secret' }, 201);
    made.push([name, { id: textOf(body, 'id'), secret: textOf(body, 'secret') }]);
  }
  stage.rows(
    ['client', 'role'],
    Object.entries(roles).map(([name, role]) => [name, role]),
  );
  return Object.fromEntries(made) as Clients;
}

function castOf(stage: Stage, url: string, clients: Clients): Cast {
  return {
    shop: stage.actor('shop', url, clients.shop),
    support: stage.actor('support', url, clients.support, 'staff-7'),
    courierA: stage.actor('courier A', url, clients.courierA),
    courierB: stage.actor('courier B', url, clients.courierB),
    registrar: stage.actor('registrar', url, clients.registrar, 'staff-11'),
    approver: stage.actor('approver', url, clients.approver, 'staff-12'),
    registrarElsewhere: stage.actor('registrar as approver', url, clients.approver, 'staff-11'),
    dpo: stage.actor('dpo', url, clients.dpo, 'staff-20'),
  };
}

/** What `amanat audit verify` does, on the database of the running vault. */
async function verify(stage: Stage, service: DemoService): Promise<void> {
  stage.chapter('The operator verifies the log: amanat audit verify');
  const url = await runningOwnerUrl(join(service.dataDir, 'postgres'));
  if (url === undefined) throw new ServiceFault('software', 'the database is gone');
  const db = openDatabase({ connectionString: url, max: 2 });
  try {
    const { tenantId } = service.firstRun;
    const keys = folderKeys(await loadKeyFolder(join(service.dataDir, 'keys'), { production: false }), tenantId);
    const { leaves, records, breach } = await verifyTenant(db, trustIn(tenantId, keys, undefined), () => undefined);
    if (breach !== undefined) throw new ServiceFault('software', `the log does not hold: ${breach.code}`);
    stage.say(`${leavesOf(leaves)} and ${amountOf(records, 'record')} hold.`);
  } finally {
    await closeDatabase(db);
  }
}

async function handOver(stage: Stage, { dataDir, firstRun: { url } }: DemoService, clients: Clients): Promise<void> {
  const file = join(dataDir, 'demo-clients.json');
  await writeFile(file, `${JSON.stringify({ url, clients }, null, 2)}\n`, { mode: 0o600 });
  stage.chapter('Yours to play with, until Ctrl-C');
  stage.rows(
    [],
    [
      ['url', url],
      ['the API', `${url}/docs`],
      ['ids and secrets', file],
      ['operator', `AMANAT_DATA_DIR=${dataDir} npx amanat clients list`],
    ],
  );
}
