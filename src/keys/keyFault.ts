/** Every way a keys folder is refused. The message tells the operator what to do and names the file, never its content. */
export type KeyFaultCode =
  | 'keys_missing'
  | 'keys_not_a_folder'
  | 'keys_empty'
  | 'keys_unreadable'
  | 'keys_world_readable'
  | 'keys_truncated'
  | 'keys_malformed'
  | 'keys_example_in_production'
  | 'keys_not_empty'
  | 'keys_not_writable'
  | 'keys_wrong'
  | 'keys_locked'
  | 'keys_passphrase_wrong'
  | 'keys_share_wrong'
  | 'keys_unavailable';

export type Need = 'passphrase' | 'shares' | 'pin';

export class KeyFault extends Error {
  readonly code: KeyFaultCode;
  /** Of `keys_locked`: what would open them. Of `keys_malformed`: `pin` where the module refused the one that was given. */
  readonly needs: Need | undefined;

  constructor(code: KeyFaultCode, message: string, needs?: Need) {
    super(message);
    this.name = 'KeyFault';
    this.code = code;
    this.needs = needs;
  }
}

/** Of keys that want a passphrase or shares, as `what` says: where each is given. */
export function lockedFault(path: string, what: string, needs: 'passphrase' | 'shares'): KeyFault {
  const ways = ['at a terminal', ...(needs === 'passphrase' ? ['by AMANAT_KEYS_PASSPHRASE_FILE'] : [])];
  return new KeyFault(
    'keys_locked',
    `${path} is locked. Give ${what} ${ways.join(' or ')}; to a service that waits, by npx amanat unseal.`,
    needs,
  );
}

/** Trying the same PIN again would bring the token nearer to locking itself. */
export function isPinRefused(error: unknown): boolean {
  return error instanceof KeyFault && error.code === 'keys_malformed' && error.needs === 'pin';
}

/** The `code` of a system error (`ENOENT`), or `undefined` for anything else. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
