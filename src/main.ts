import cluster from 'node:cluster';
import { ConfigFault, readConfig } from './config.ts';
import { DatabaseRefusal } from './db/database.ts';
import { DbFault } from './db/fault.ts';
import { EmbeddedFault } from './db/embeddedFault.ts';
import { MigrationFault } from './db/migrationFault.ts';
import { KeyFault } from './keys/folder.ts';
import { LogFault, rolledBackExit } from './logFault.ts';
import { faultOf } from './log.ts';
import { lead, WorkerFault } from './lead.ts';
import { createLog } from './log.ts';
import { FolderFault } from './makeFolder.ts';
import { keepMemoryIn, keepMemorySmall } from './memory.ts';
import { work } from './worker.ts';

/** Exit codes of sysexits.h: 78 settings or keys, 75 folder in use, 69 no database, 65 rolled back, 70 anything else. */
function exitCodeOf(error: unknown): number {
  if (error instanceof WorkerFault) return error.exitCode;
  if (error instanceof EmbeddedFault) return error.code === 'folder_in_use' ? 75 : 78;
  if (error instanceof MigrationFault && error.code === 'unreachable') return 69;
  if (error instanceof LogFault)
    return { rolled_back: rolledBackExit, witness_unreachable: 69, witness_unusable: 78 }[error.code];
  if ([ConfigFault, FolderFault, KeyFault, MigrationFault, DatabaseRefusal].some((kind) => error instanceof kind))
    return 78;
  return error instanceof DbFault && error.kind === 'unavailable' ? 69 : 70;
}

/** These messages are written for the operator and hold no data; of any other error only its class and place are told. */
function explain(error: unknown): void {
  const known = [
    ConfigFault,
    FolderFault,
    KeyFault,
    MigrationFault,
    DatabaseRefusal,
    EmbeddedFault,
    WorkerFault,
    LogFault,
  ];
  if (error instanceof Error && known.some((kind) => error instanceof kind)) {
    process.stderr.write(`amanat does not start: ${error.message}\n`);
    return;
  }
  if (error instanceof DbFault && error.kind === 'unavailable') {
    const sqlstate = error.sqlstate === undefined ? '' : ` (SQLSTATE ${error.sqlstate})`;
    process.stderr.write(`amanat does not start: the database cannot be reached, or cannot answer now${sqlstate}.\n`);
    return;
  }
  const { class: name, code, where, sqlstate } = faultOf(error);
  const facts = [name, code, sqlstate, where].filter((fact) => fact !== undefined);
  process.stderr.write(`amanat does not start: ${facts.join(' ')}\n`);
}

keepMemoryIn();
keepMemorySmall();
try {
  const config = readConfig(process.env);
  const log = createLog({ level: config.logLevel === 'fatal' ? 'error' : config.logLevel });
  await (cluster.isPrimary ? lead(config, log) : work(config, log));
} catch (error) {
  explain(error);
  process.exit(exitCodeOf(error));
}
