export interface Finding {
  /** `warn` costs data in some disaster; `fail` means that a backup would not bring everything back. */
  readonly level: 'ok' | 'warn' | 'fail';
  readonly code: string;
  readonly says: string;
}

export const ok = (code: string, says: string): Finding => ({ level: 'ok', code, says });
export const warn = (code: string, says: string): Finding => ({ level: 'warn', code, says });
export const fail = (code: string, says: string): Finding => ({ level: 'fail', code, says });
