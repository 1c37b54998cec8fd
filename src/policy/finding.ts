/** What a look at a profile found. `code` is stable; both messages are for people and name parts of the profile only. */
export interface Finding {
  readonly severity: 'error' | 'contradiction' | 'note';
  readonly code: string;
  /** RFC 6901, into the profile: where an error lies. */
  readonly pointer?: string;
  readonly message: string;
  readonly messageFa: string;
}
