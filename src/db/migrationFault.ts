export type MigrationFaultCode =
  | 'folder_unreadable'
  | 'misnamed'
  | 'gap'
  | 'checksum_changed'
  | 'schema_newer'
  | 'schema_older'
  | 'statement_failed'
  | 'owner_lacks_rights'
  | 'unreachable';

/** Why the schema was left as it is. The message is for the operator: file names and SQLSTATEs, no data. */
export class MigrationFault extends Error {
  readonly code: MigrationFaultCode;

  constructor(code: MigrationFaultCode, message: string) {
    super(message);
    this.name = 'MigrationFault';
    this.code = code;
  }
}
