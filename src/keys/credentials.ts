/** What opens keys that do not lie open: given at start or by `amanat unseal`, kept by nothing longer than it is needed. */
export interface Credentials {
  /** Of the locked folder, and of PKCS#12 files. */
  readonly passphrase?: string | undefined;
  /** Of the locked folder, as share.ts writes them. */
  readonly shares?: readonly string[] | undefined;
  /** Of the token in a hardware module. */
  readonly pin?: string | undefined;
}
