import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { selectPolicyVersions } from '../db/policies.ts';
import { insertSeal, liftSeal, selectSeals, type KnownSeal } from '../db/seals.ts';
import { refuse } from '../errors.ts';
import type { KeyFolder } from '../keys/folder.ts';
import type { LiveKeys } from '../keys/liveKeys.ts';
import { commitAct, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { newId } from './ids.ts';
import { openKeyring, type Keyring, type TenantKeys } from './keyring.ts';
import { operatorLeaf } from './operatorLeaf.ts';
import { permit } from './permit.ts';
import { isGenuine, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

/** Is this process sealed, and what makes it so or not so. */
export interface Seal {
  readonly sealed: () => boolean;
  /** Drops the keys of this process. */
  close(): void;
  /** Seals this process where any process was sealed; opens it where that was lifted and the keys can be had without anybody. */
  look(): Promise<void>;
  /** Opens this process under these keys and lifts every sealing there is. Throws where they do not open what is stored. */
  open(folder: KeyFolder): Promise<void>;
}

export interface SealParts {
  readonly db: Database;
  readonly keys: LiveKeys;
  readonly keyring: Keyring;
  readonly now: () => number;
  /** Keys that can be had without asking anybody; `undefined` where there are none such. */
  readonly reload: () => Promise<KeyFolder | undefined>;
  readonly onChange: (sealed: boolean) => void;
}

export function openSeal(parts: SealParts): Seal {
  const { db, keys, keyring, now, reload, onChange } = parts;
  /** Sealings that are known to be lifted. */
  const lifted = new Set<string>();
  /** For which this process dropped its keys: it opens by itself where each of them is there, and lifted. */
  const sealedBy = new Set<string>();

  function close(): void {
    keys.seal();
    keyring.forget();
    onChange(true);
  }

  function opened(folder: KeyFolder): void {
    keys.open(folder);
    sealedBy.clear();
    onChange(false);
  }

  async function openAgain(): Promise<void> {
    const folder = await reload();
    if (folder === undefined) return;
    const open = await standing(parts, lifted, folder);
    // One that was taken away was not lifted.
    if (open.length > 0 || [...sealedBy].some((id) => !lifted.has(id))) return forgetIn(folder);
    opened(folder);
  }

  return {
    sealed: () => keys.sealed,
    close,
    async look() {
      if (!keys.sealed) {
        const open = await standing(parts, lifted, keys);
        if (open.length === 0) return;
        for (const { id } of open) sealedBy.add(id);
        close();
      } else if (sealedBy.size > 0 && (await mayBeLifted(db, lifted, sealedBy))) await openAgain();
    },
    async open(folder) {
      const own = openKeyring(db, folder.root.byId, now);
      for (const row of await standing(parts, lifted, folder))
        await lift(db, await own.tenant(row.tenantId), row, now());
      own.forget();
      opened(folder);
    },
  };
}

/** Sealings that are not lifted; what is found to be lifted is remembered in `lifted`. */
async function standing(
  { db, now }: Pick<SealParts, 'db' | 'now'>,
  lifted: Set<string>,
  folder: KeyFolder,
): Promise<readonly KnownSeal[]> {
  const [rows] = await commit(db, 'directory', [selectSeals([...lifted])]);
  const own = openKeyring(db, folder.root.byId, now);
  const open: KnownSeal[] = [];
  for (const row of rows) {
    const isLifted = row.liftedAt !== null && isGenuine(await own.tenant(row.tenantId), 'seals', row);
    if (isLifted) lifted.add(row.id);
    else open.push(row);
  }
  own.forget();
  return open;
}

function forgetIn(folder: KeyFolder): void {
  for (const key of folder.root.byId.values()) key.forget();
}

/** Without keys no MAC is checked, so it only says whether loading the keys is worth it. */
async function mayBeLifted(db: Database, lifted: ReadonlySet<string>, sealedBy: ReadonlySet<string>): Promise<boolean> {
  const [rows] = await commit(db, 'directory', [selectSeals([...lifted])]);
  const there = new Set([...lifted, ...rows.map(({ id }) => id)]);
  return rows.every(({ liftedAt }) => liftedAt !== null) && [...sealedBy].every((id) => there.has(id));
}

async function lift(db: Database, keys: TenantKeys, row: KnownSeal, at: number): Promise<void> {
  const { tenantId, id } = row;
  const liftedAt = new Date(at);
  const mac = macOf(keys, 'seals', { ...row, liftedAt });
  const object = { kind: 'seals', id };
  const policyVersion = await labelInForce(db, tenantId, at);
  const leaf = operatorLeaf({ tenantId, policyVersion, action: 'vault.unseal', object }, at);
  await commit(db, { tenantIds: [tenantId] }, [liftSeal(tenantId, id, liftedAt, mac, row.mac), leaf]);
}

/** As the tables say it: the watch has nothing to say while the vault is sealed, and the leaf only names it. */
async function labelInForce(db: Database, tenantId: string, at: number): Promise<string> {
  const [rows] = await commit(db, 'directory', [selectPolicyVersions([])]);
  const begun = rows.filter((row) => row.tenantId === tenantId && row.effectiveFrom.getTime() <= at);
  const last = begun.toSorted((a, b) => a.number - b.number).at(-1);
  return last === undefined ? 'none/0' : `${last.profile}/${last.number}`;
}

/**
 * Seals the vault: this process at once, every other one within five seconds, across restarts, until the operator unseals it. The
 * caller names the vault by its address, so that nobody seals another than they mean. Throws `invalid_body`.
 */
export async function sealVault(vault: Vault, caller: Caller, act: Act, issuer: string): Promise<Answer> {
  permit(caller, 'vault.seal');
  if (issuer.replace(/\/$/, '') !== vault.issuer) throw refuse('invalid_body', '/issuer', 'mismatch');
  const { tenantId, clientId, actor } = caller;
  const keys = await vault.keyring.tenant(tenantId);
  const id = newId(vault.now());
  const sealedAt = new Date(vault.now());
  const row = { id, clientId, actor: actor ?? null, sealedAt, liftedAt: null };
  const seal = insertSeal(tenantId, { ...row, mac: macOf(keys, 'seals', row) });
  const answer = { status: 200, body: { id, ...timeView('sealedAt', sealedAt) } };
  const sealed = await commitAct(vault, caller, act, { object: { kind: 'seals', id } }, [seal], answer);
  await vault.seal.look();
  return sealed;
}
