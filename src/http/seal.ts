import { z } from 'zod';
import { sealVault } from '../vault/seal.ts';
import type { Vault } from '../vault/vault.ts';
import type { DeclareAct } from './acts.ts';
import { parseBody } from './parse.ts';

const shape = z.strictObject({ issuer: z.string().max(300) });

/** Everything stops: the keys leave the memory of every process. */
export function vaultSeal(declare: DeclareAct, vault: Vault): void {
  declare('post', '/v1/seal', 'vault.seal', { body: 'json' }, (request, caller, act) =>
    sealVault(vault, caller, act, parseBody(shape, request.body).issuer),
  );
}
