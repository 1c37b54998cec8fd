export type EmbeddedFaultCode =
  | 'folder_in_use'
  | 'folder_unusable'
  | 'version_changed'
  | 'root_refused'
  | 'binaries_missing'
  | 'init_failed'
  | 'start_failed'
  | 'orphan_running'
  | 'part_elsewhere';

/** Why the built-in PostgreSQL does not run. The message is for the operator and says what to do. */
export class EmbeddedFault extends Error {
  readonly code: EmbeddedFaultCode;

  constructor(code: EmbeddedFaultCode, message: string) {
    super(message);
    this.name = 'EmbeddedFault';
    this.code = code;
  }
}
