import { auditVerify } from './auditVerify.ts';
import { clientsCreate, clientsDisable, clientsList } from './clients.ts';
import type { Command } from './command.ts';
import { demo } from './demo.ts';
import { importCustomers } from './import.ts';
import { init } from './init.ts';
import { keysCheck } from './keysCheck.ts';
import { migrate } from './migrate.ts';
import { profileCheck } from './profileCheck.ts';
import { tenantsCreate, tenantsList } from './tenants.ts';

/** Every command there is, in the order `amanat --help` lists them. */
export const commands: readonly Command[] = [
  init,
  migrate,
  keysCheck,
  tenantsCreate,
  tenantsList,
  clientsCreate,
  clientsList,
  clientsDisable,
  profileCheck,
  importCustomers,
  auditVerify,
  demo,
];
