import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A throw-away folder of migrations; `files` maps names to SQL. */
export function migrationsIn(files: Readonly<Record<string, string>>): {
  readonly dir: string;
  readonly remove: () => void;
} {
  const dir = mkdtempSync(join(tmpdir(), 'amanat-migrations-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Two tenants' notes behind row level security, and a guard: the smallest schema that shows what a commit does. */
export const notesSchema = `
  create function amanat.require(holds boolean, guard text) returns boolean language plpgsql as $$
  begin
    if holds is not true then raise exception using errcode = 'AM001', message = guard; end if;
    return true;
  end $$;
  create table amanat.notes (
    tenant_id uuid not null,
    id integer not null,
    body text not null,
    follows integer,
    primary key (tenant_id, id),
    foreign key (tenant_id, follows) references amanat.notes (tenant_id, id) deferrable initially deferred
  );
  alter table amanat.notes enable row level security;
  create policy tenant on amanat.notes
    using (tenant_id = any ((select nullif(current_setting('amanat.tenants', true), ''))::uuid[])
           or current_setting('amanat.directory', true) = 'on');
  grant select, insert, update on amanat.notes to amanat_service;
  create sequence amanat.attempts;
  grant usage, select on amanat.attempts to amanat_service;
  create function amanat.fail_until(attempt bigint, sqlstate_code text) returns bigint language plpgsql as $$
  declare now_at bigint := nextval('amanat.attempts');
  begin
    if now_at < attempt then raise exception using errcode = sqlstate_code; end if;
    return now_at;
  end $$;
`;
