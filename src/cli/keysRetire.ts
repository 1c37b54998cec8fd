import { amountOf } from '../amount.ts';
import { retire, type Retirement } from '../vault/keyRetirement.ts';
import { countRoots } from '../vault/rerootTenants.ts';
import { exit, onlyWord, UsageFault, type Command } from './command.ts';
import { isFileFamily, retireFiles, signedRests } from './keyFiles.ts';
import { hashStays, isTurned, unknownKey } from './keysRotate.ts';
import { withKeySession, type KeySession } from './keyTurning.ts';
import { table } from './table.ts';
import { selectTenants } from '../db/tenants.ts';
import { commit } from '../db/commit.ts';

export const keysRetire: Command = {
  words: '<root|data|index|mac|token|export|checkpoint>',
  options: { tenant: { type: 'string' }, incident: { type: 'string' } },
  help: {
    tenant: 'id of one tenant; all of them when left out',
    incident: 'id of the incident from which this is a recovery; the audit leaves name it',
  },
  found: 'something rests on a former version; nothing of that was destroyed',
  more: [
    'Counts over every table what rests on former versions of a key, and destroys those on which nothing does. The count',
    'stands as a digest in the audit leaf of the destruction. A former root key is needed by backups made before.',
  ],
  async run(args, out) {
    const key = onlyWord(args, 'key');
    if (key === 'hash') throw new UsageFault(hashStays);
    if (key === 'record') throw new UsageFault('the former data keys of records are gone with their turn');
    return withKeySession(args, async (session) => {
      if (key === 'root') return retireFiles(session, key, { rests: await rootRests(session) }, out);
      if (isFileFamily(key)) return retireFiles(session, key, await signedRests(session, key), out);
      if (!isTurned(key)) throw new UsageFault(unknownKey);
      const done: (Retirement & { readonly tenantId: string })[] = [];
      for (const tenantId of session.tenants) {
        for (const one of await retire(
          session.turning(tenantId, () => undefined),
          key,
        ))
          done.push({ tenantId, ...one });
      }
      out.result({ key, versions: done }, () =>
        done.length === 0
          ? `There is no former version of the ${key} key.`
          : table(
              ['tenant', 'version', '', 'rests on it'],
              done.map(({ tenantId, version, destroyed, rests }) => [
                tenantId,
                String(version),
                destroyed ? 'destroyed' : 'STAYS',
                destroyed ? 'nothing' : restsText(rests),
              ]),
            ),
      );
      return done.every(({ destroyed }) => destroyed) ? exit.ok : exit.found;
    });
  },
};

export const restsText = (rests: Readonly<Record<string, number>>): string =>
  Object.entries(rests)
    .map(([place, count]) => `${count} ${place}`)
    .join(', ');

/** A root key is the tenants' all together, whichever of them was named. */
async function rootRests({ db, keys }: KeySession): Promise<string[]> {
  const [all] = await commit(db, 'directory', [selectTenants()]);
  const ids = all.map(({ id }) => id);
  const counted = await countRoots(db, ids);
  return Object.entries(counted).flatMap(([id, count]) =>
    id === keys.root.current.id
      ? []
      : [
          `${amountOf(count, 'key of tenants rests', 'keys of tenants rest')} on root key ${id}: amanat keys rotate root`,
        ],
  );
}
