import { retire, type Retirement } from '../vault/keyRetirement.ts';
import { countRoots } from '../vault/rerootTenants.ts';
import { exit, onlyWord, UsageFault, type Command, type Exit, type Output } from './command.ts';
import { hashStays, isTurned } from './keysRotate.ts';
import { withKeySession, type KeySession } from './keyTurning.ts';
import { table } from './table.ts';
import { selectTenants } from '../db/tenants.ts';
import { commit } from '../db/commit.ts';

export const keysRetire: Command = {
  words: '<root|data|index|mac>',
  options: { tenant: { type: 'string' } },
  help: { tenant: 'id of one tenant; all of them when left out' },
  found: 'something rests on a former version; nothing of that was destroyed',
  more: [
    'Counts over every table what rests on former versions of a key, and destroys those on which nothing does. The count',
    'stands as a digest in the audit leaf of the destruction. A former root key is needed by backups made before.',
  ],
  async run(args, out) {
    const key = onlyWord(args, 'key: root, data, index or mac');
    if (key === 'hash') throw new UsageFault(hashStays);
    return withKeySession(args, async (session) => {
      if (key === 'root') return retireRoot(session, out);
      if (!isTurned(key)) throw new UsageFault('the key must be root, data, index or mac');
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

/** Says which root keys nothing rests on; their files are the operator's to take away, from every place where they lie. */
async function retireRoot({ db, keys }: KeySession, out: Output): Promise<Exit> {
  const [all] = await commit(db, 'directory', [selectTenants()]);
  const counted = await countRoots(
    db,
    all.map(({ id }) => id),
  );
  const former = [...keys.root.byId.keys()].filter((id) => id !== keys.root.current.id);
  const roots = former.map((id) => ({ id, rests: counted[id] ?? 0 }));
  out.result({ key: 'root', roots }, () =>
    roots.length === 0
      ? 'There is one root key, and it is in use.'
      : table(
          ['root key', 'keys that rest on it', ''],
          roots.map(({ id, rests }) => [
            id,
            String(rests),
            rests === 0 ? 'take its file away from every keys folder, and from the backups of the keys' : 'STAYS',
          ]),
        ),
  );
  return roots.every(({ rests }) => rests === 0) ? exit.ok : exit.found;
}
