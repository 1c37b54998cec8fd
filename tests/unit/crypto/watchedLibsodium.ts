import type * as Raw from 'libsodium';
import { expect, vi } from 'vitest';
import type * as Xchacha from '../../../src/crypto/xchacha.ts';

type Cipher = (...parameters: number[]) => number;

/** xchacha.ts once more, over a libsodium of its own whose memory is watched. */
export interface Watched {
  readonly xchacha: typeof Xchacha;
  readonly memory: () => Buffer;
  /** What was not handed to libsodium whole inside a block that it gave and has not got back. */
  readonly stray: readonly string[];
  /** Blocks that were given and not got back. */
  readonly blocks: () => number;
  readonly calls: readonly string[];
  /** It has no memory left. */
  full: boolean;
  /** Stands in for the cipher when something is encrypted. */
  encrypt: ((real: Cipher, parameters: readonly number[]) => number) | undefined;
}

export async function watchedLibsodium(): Promise<Watched> {
  const given = new Map<number, number>();
  const [stray, calls]: [string[], string[]] = [[], []];
  let memory: (() => Buffer) | undefined;
  const lies = (what: string, at = 0, length = 0): void => {
    const inside = [...given].some(([block, size]) => at >= block && at + length <= block + size);
    if (!inside) stray.push(`${what} ${length}`);
  };
  const watch: Pick<Watched, 'full' | 'encrypt'> = { full: false, encrypt: undefined };

  const over = (real: Raw.Libsodium): Raw.Libsodium => {
    const {
      _sodium_init: initialize,
      _malloc: allocate,
      _free: release,
      _crypto_aead_xchacha20poly1305_ietf_encrypt: encrypt,
      _crypto_aead_xchacha20poly1305_ietf_decrypt: decrypt,
    } = real;
    return {
      get HEAPU8() {
        return real.HEAPU8;
      },
      _sodium_init() {
        calls.push('init');
        return initialize();
      },
      _malloc(size) {
        calls.push('malloc');
        const at = watch.full ? 0 : allocate(size);
        if (at !== 0) given.set(at, size);
        return at;
      },
      _free(at) {
        calls.push('free');
        if (!given.delete(at)) stray.push('free');
        release(at);
      },
      _crypto_aead_xchacha20poly1305_ietf_encrypt(...all) {
        const [sealed, , plaintext, length, , associated, associatedLength, , , nonce, key] = all;
        lies('sealed', sealed, length + 16);
        lies('plaintext', plaintext, length);
        lies('associated', associated, associatedLength);
        lies('nonce', nonce, 24);
        lies('key', key, 32);
        return watch.encrypt?.(encrypt as unknown as Cipher, all) ?? encrypt(...all);
      },
      _crypto_aead_xchacha20poly1305_ietf_decrypt(...all) {
        const [plaintext, , , sealed, sealedLength, , associated, associatedLength, , nonce, key] = all;
        lies('sealed', sealed, sealedLength);
        lies('plaintext', plaintext, sealedLength - 16);
        lies('associated', associated, associatedLength);
        lies('nonce', nonce, 24);
        lies('key', key, 32);
        return decrypt(...all);
      },
    };
  };
  vi.resetModules();
  vi.doMock('libsodium', async (original) => {
    const { default: load } = await original<typeof Raw>();
    return {
      default: async (options: Parameters<typeof load>[0]) => {
        const real = await load(options);
        memory = () => Buffer.from(real.HEAPU8.buffer);
        return over(real);
      },
    };
  });
  const xchacha = await import('../../../src/crypto/xchacha.ts');
  return Object.assign(watch, {
    xchacha,
    stray,
    calls,
    blocks: () => given.size,
    memory: () => memory?.() ?? expect.fail('no memory'),
  });
}

export function unwatchLibsodium(): void {
  vi.doUnmock('libsodium');
  vi.resetModules();
}
