import { statement, type Statement } from './statement.ts';

/** A process that serves: the names of the vault's keys that it has. */
export interface ProcessRow {
  readonly id: string;
  readonly seenAt: Date;
  readonly keys: readonly string[];
}

/** Directory scope, as everything here: processes serve every tenant. */
export function putProcess({ id, seenAt, keys }: ProcessRow): Statement {
  return statement(
    'put_process',
    `insert into amanat.processes (id, seen_at, keys) values ($1::uuid, $2::timestamptz, $3::text[])
         on conflict (id) do update set seen_at = excluded.seen_at, keys = excluded.keys`,
    [id, seenAt, keys],
  );
}

/** Keys that are seen for the first time. */
export function insertFileKeys(names: readonly string[], at: Date): Statement {
  return statement(
    'insert_file_keys',
    `insert into amanat.file_keys (name, first_seen)
     select n.name, $2::timestamptz from unnest($1::text[]) as n (name)
         on conflict (name) do nothing`,
    [names, at],
  );
}

export interface FileKeyRow {
  readonly name: string;
  readonly firstSeen: Date;
}

export function selectFileKeys(names: readonly string[]): Statement<FileKeyRow> {
  return statement(
    'select_file_keys',
    `select k.name, k.first_seen as "firstSeen" from amanat.file_keys k where k.name = any ($1::text[])`,
    [names],
  );
}

export function deleteProcesses(before: Date): Statement {
  return statement('delete_processes', `delete from amanat.processes where seen_at < $1::timestamptz`, [before]);
}

export function selectProcesses(since: Date): Statement<ProcessRow> {
  return statement(
    'select_processes',
    `select p.id, p.seen_at as "seenAt", p.keys from amanat.processes p where p.seen_at >= $1::timestamptz order by p.id`,
    [since],
  );
}
