import { sameBytes } from '../crypto/hmac.ts';
import { countCopyLinkTry, insertCopyLink, selectCopyLink, useCopyLink, type CopyLinkRow } from '../db/copyLinks.ts';
import { selectRequest } from '../db/requests.ts';
import { VaultError } from '../errors.ts';
import { commitAct, load, write, type Act, type Answer } from './act.ts';
import { leafStatement } from './audit.ts';
import type { Caller, Doer } from './caller.ts';
import { copyReady, makeCopy } from './copies.ts';
import { newCopyLinkToken, readCopyLink, writeCopyLink, type CopyLinkToken } from '../crypto/copyLink.ts';
import type { TenantKeys } from './keyring.ts';
import { permit } from './permit.ts';
import { requestOf } from './requests.ts';
import { checkMac, isGenuine, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import { tellSubject } from './tellings.ts';
import type { Vault } from './vault.ts';

/** Of a link that stands on a screen. Milliseconds. One that is sent lives as long as the copy. */
const onScreenMs = 15 * 60 * 1000;
/** Wrong tries after which a link opens nothing. */
export const mostLinkTries = 5;

/**
 * Makes the link by which a person opens their copy once. The person's own token gets it, for the page that they look at; whoever
 * asks on their behalf never sees it: the vault sends it to the person. A new link takes the place of the one before. Throws
 * `conflict` for a request that has no copy to fetch.
 */
export async function createCopyLink(vault: Vault, caller: Caller, act: Act, id: string): Promise<Answer> {
  permit(caller, 'copy_links.create');
  const { tenantId, clientId } = caller;
  const row = await requestOf(vault, caller, id);
  const { profile } = vault.watch.policy(tenantId);
  if (!profile.rights.copy.oneTimeLink) throw new VaultError('not_permitted');
  const at = new Date(vault.now());
  const ends = copyReady(row, at);
  const keys = await vault.keyring.tenant(tenantId);
  const own = caller.subjectId !== undefined;
  const expiresAt = own ? new Date(Math.min(ends.getTime(), at.getTime() + onScreenMs)) : ends;
  const token = newCopyLinkToken(tenantId, id);
  const facts = {
    requestId: id,
    customerId: row.customerId,
    secretHash: hashOf(keys, token),
    madeBy: clientId,
    createdAt: at,
    expiresAt,
  };
  const url = `${vault.issuer}/copy#${writeCopyLink(token)}`;
  const told = { telling: 'copy_link', about: id, params: { url } } as const;
  const sent = own ? [] : await tellSubject(vault, tenantId, row.customerId, told, { caller, act });
  if (!own && sent.length === 0) throw new VaultError('no_contact_point');
  const link = insertCopyLink(tenantId, { ...facts, mac: macOf(keys, 'copy_links', facts) });
  const deed = {
    subjectId: row.customerId,
    object: { kind: 'requests', id },
    rule: own ? 'copy_link.shown' : 'copy_link.sent',
  };
  const body = { requestId: id, ...(own ? { url } : {}), ...timeView('expiresAt', expiresAt) };
  // The answer is stored under no Idempotency-Key: it would keep the link.
  const { idempotency: _none, ...once } = act;
  return commitAct(vault, caller, once, deed, [link, ...sent], { status: own ? 201 : 202, body });
}

const hashOf = (keys: TenantKeys, { requestId, secret }: CopyLinkToken): Buffer =>
  keys.hash('copy link', requestId, secret);

export interface OpenedCopy {
  readonly format: 'html' | 'json';
  readonly bytes: string;
}

/**
 * Hands out the copy to whoever has the link, once. A link that is unknown, wrong, used, over or tried too often, and one of a
 * person who is gone, are the same `not_found`.
 */
export async function openCopyLink(vault: Vault, text: string, requestId: string): Promise<OpenedCopy> {
  const token = readCopyLink(text);
  if (token === undefined || !vault.watch.tenants().includes(token.tenantId)) throw new VaultError('not_found');
  const { tenantId } = token;
  const [[link], [row]] = await load(vault, tenantId, [
    selectCopyLink(tenantId, token.requestId),
    selectRequest(tenantId, token.requestId, undefined),
  ]);
  const keys = await vault.keyring.tenant(tenantId);
  if (link === undefined || row === undefined || !isGenuine(keys, 'copy_links', link))
    throw new VaultError('not_found');
  checkMac(keys, 'requests', row);
  const doer = { tenantId, clientId: link.madeBy, role: 'subject', actor: undefined } as const;
  const act = { action: 'requests.copy', requestId } as const;
  if (!sameBytes(link.secretHash, hashOf(keys, token))) await refuseWrong(vault, doer, act, link);
  try {
    const at = new Date(vault.now());
    copyReady(row, at);
    const format = row.kind === 'portability' || !readable(vault, tenantId) ? 'json' : 'html';
    const use = useCopyLink(tenantId, link, at, mostLinkTries);
    const { bytes, statements, deed } = await makeCopy(vault, doer, row, format);
    await write(vault, tenantId, [use, ...statements, leafStatement(vault, doer, act, deed)]);
    return { format, bytes };
  } catch (error) {
    if (error instanceof VaultError && error.code === 'conflict') throw new VaultError('not_found');
    throw error;
  }
}

const readable = (vault: Vault, tenantId: string): boolean =>
  vault.watch.policy(tenantId).profile.rights.copy.formats.includes('readable_persian');

/** A wrong try is counted and leaves its leaf, in one commit, before it is answered. */
async function refuseWrong(
  vault: Vault,
  doer: Doer,
  act: Act,
  { requestId, customerId, mac }: CopyLinkRow,
): Promise<never> {
  const deed = {
    outcome: 'refused',
    rule: 'copy_link.wrong',
    subjectId: customerId,
    object: { kind: 'requests', id: requestId },
  } as const;
  await write(vault, doer.tenantId, [
    countCopyLinkTry(doer.tenantId, requestId, mac),
    leafStatement(vault, doer, act, deed),
  ]);
  throw new VaultError('not_found');
}
