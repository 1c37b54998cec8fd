/** What is used of libsodium.js's raw build (the package `libsodium`, which brings no types): C functions over one linear memory. */
declare module 'libsodium' {
  export interface Libsodium {
    /** The memory; another object after it has grown. */
    readonly HEAPU8: Uint8Array;
    /** Address, or 0 where there is no room. */
    readonly _malloc: (length: number) => number;
    readonly _free: (address: number) => void;
    /** 0, or -1. */
    readonly _sodium_init: () => number;
    /** Lengths of 64 bits are two numbers, the lower first. */
    readonly _crypto_aead_xchacha20poly1305_ietf_encrypt: (
      ...parameters: [
        sealed: number,
        sealedLength: 0,
        plaintext: number,
        plaintextLength: number,
        plaintextLengthHigh: 0,
        associated: number,
        associatedLength: number,
        associatedLengthHigh: 0,
        secretNonce: 0,
        nonce: number,
        key: number,
      ]
    ) => number;
    /** 0, or -1 for a wrong tag. */
    readonly _crypto_aead_xchacha20poly1305_ietf_decrypt: (
      ...parameters: [
        plaintext: number,
        plaintextLength: 0,
        secretNonce: 0,
        sealed: number,
        sealedLength: number,
        sealedLengthHigh: 0,
        associated: number,
        associatedLength: number,
        associatedLengthHigh: 0,
        nonce: number,
        key: number,
      ]
    ) => number;
  }
  const load: (options: { readonly getRandomValue: () => number }) => Promise<Libsodium>;
  export { load as default };
}
