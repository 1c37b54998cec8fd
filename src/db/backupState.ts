import { statement, type Statement } from './statement.ts';

/** What a database tells of how it would come back: whoever may log in may ask. */
export interface DurabilityState {
  readonly serverVersion: string;
  readonly fsync: string;
  readonly fullPageWrites: string;
  readonly synchronousCommit: string;
  readonly dataChecksums: string;
  readonly walLevel: string;
  readonly archiveMode: string;
  readonly archiveTimeout: number;
  readonly now: Date;
  readonly archivedAt: Date | null;
  readonly archivedWal: string | null;
  readonly archiveFailedAt: Date | null;
  readonly failedWal: string | null;
  /** The segment that is being written. */
  readonly currentSegment: string | null;
  /** It is a standby, or still being restored. */
  readonly recovering: boolean;
}

export function selectDurabilityState(): Statement<DurabilityState> {
  return statement(
    'select_server_durability',
    `select current_setting('server_version') as "serverVersion",
            current_setting('fsync') as fsync,
            current_setting('full_page_writes') as "fullPageWrites",
            current_setting('synchronous_commit') as "synchronousCommit",
            current_setting('data_checksums') as "dataChecksums",
            current_setting('wal_level') as "walLevel",
            current_setting('archive_mode') as "archiveMode",
            (select s.setting::integer from pg_catalog.pg_settings s where s.name = 'archive_timeout')
              as "archiveTimeout",
            clock_timestamp() as now,
            a.last_archived_time as "archivedAt",
            a.last_archived_wal as "archivedWal",
            case when a.last_failed_time > coalesce(a.last_archived_time, '-infinity') then a.last_failed_time end
              as "archiveFailedAt",
            a.last_failed_wal as "failedWal",
            case when not pg_catalog.pg_is_in_recovery()
                 then pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) end as "currentSegment",
            pg_catalog.pg_is_in_recovery() as recovering
       from pg_catalog.pg_stat_archiver a`,
    [],
  );
}

export function selectNewestMigration(): Statement<{ readonly schema: number }> {
  return statement(
    'select_newest_migration',
    `select max(m.version)::integer as schema from amanat.schema_migrations m`,
    [],
  );
}
