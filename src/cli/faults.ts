import { ConfigFault } from '../config.ts';
import { DatabaseRefusal } from '../db/database.ts';
import { EmbeddedFault } from '../db/embeddedFault.ts';
import { DbFault } from '../db/fault.ts';
import { MigrationFault } from '../db/migrationFault.ts';
import { VaultError } from '../errors.ts';
import { KeyFault } from '../keys/keyFault.ts';
import { LogFault } from '../logFault.ts';
import { FolderFault } from '../makeFolder.ts';
import { WitnessFault } from '../vault/witness.ts';
import { WitnessFolderFault } from '../witness/witnessFolder.ts';
import { exit, UsageFault, type Exit } from './command.ts';
import { ServiceFault } from './service.ts';

/** Messages of these classes are written for the operator and hold no data. */
const known = [
  UsageFault,
  ServiceFault,
  ConfigFault,
  KeyFault,
  MigrationFault,
  DatabaseRefusal,
  EmbeddedFault,
  FolderFault,
  WitnessFolderFault,
  LogFault,
];
const settings = [ConfigFault, FolderFault, KeyFault, MigrationFault, DatabaseRefusal, WitnessFolderFault];

const logExits: Readonly<Record<LogFault['code'], Exit>> = {
  rolled_back: exit.found,
  witness_unreachable: exit.unavailable,
  witness_unusable: exit.config,
};

/** What a fault means to a shell. */
export function exitOf(error: unknown): Exit {
  if (error instanceof UsageFault) return exit.usage;
  if (error instanceof LogFault) return logExits[error.code];
  if (error instanceof WitnessFault) return exit.unavailable;
  if (error instanceof ServiceFault) return exit[error.kind];
  if (error instanceof EmbeddedFault) return error.code === 'folder_in_use' ? exit.busy : exit.config;
  if (error instanceof MigrationFault && error.code === 'unreachable') return exit.unavailable;
  if (settings.some((kind) => error instanceof kind)) return exit.config;
  if (error instanceof VaultError) return vaultExit(error);
  if (error instanceof DbFault) return error.kind === 'unavailable' ? exit.unavailable : exit.software;
  return exit.software;
}

function vaultExit(error: VaultError): Exit {
  if (error.status < 500) return exit.usage;
  return error.status === 503 ? exit.unavailable : exit.software;
}

/** What a fault means to a person; of any other error but the system's own only its class is told. */
export function messageOf(error: unknown): string {
  if (error instanceof VaultError)
    return [error.code, ...error.faults.map((f) => `${f.pointer} ${f.code}`)].join('\n  ');
  if (error instanceof WitnessFault) return `the witness did not answer, or took nothing: ${error.code}`;
  if (error instanceof DbFault) return `the database answered: ${error.message}`;
  if (error instanceof Error && known.some((kind) => error instanceof kind)) return error.message;
  if (isOfSystem(error)) return error.message;
  return error instanceof Error ? `unexpected ${error.name}` : 'unexpected fault';
}

/** Of a file or a folder, as Node words it: code, what it means, what was tried, path. */
function isOfSystem(error: unknown): error is Error {
  return (
    error instanceof Error &&
    'syscall' in error &&
    'code' in error &&
    error.message.startsWith(`${String(error.code)}: `)
  );
}
