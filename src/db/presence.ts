import { commit } from './commit.ts';
import type { Database } from './database.ts';
import { statement } from './statement.ts';
import { selectTenants } from './tenants.ts';

/** Is the schema there at all? What stands in it is `checkSchema`'s business. */
export async function hasSchema(db: Database): Promise<boolean> {
  const found = statement<{ found: boolean }>(
    'select_schema_presence',
    `select to_regclass('amanat.tenants') is not null as found`,
    [],
  );
  const [[row]] = await commit(db, 'directory', [found]);
  return row?.found === true;
}

/** Does anybody's data exist here, sealed under keys that must not be replaced? */
export async function hasTenants(db: Database): Promise<boolean> {
  if (!(await hasSchema(db))) return false;
  const [tenants] = await commit(db, 'directory', [selectTenants()]);
  return tenants.length > 0;
}
