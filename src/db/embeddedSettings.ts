/** PostgreSQL's settings, given on its command line so that no file in the folder weakens them. For about two cores. */
export const embeddedSettings: Readonly<Record<string, string>> = {
  // Only this machine, and no socket file: paths may be longer than a socket's name can be.
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  // An answered write is on the disk.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // Nothing that a statement carried gets into the log: no statements, no parameters, no DETAIL, no errors of statements.
  log_destination: 'stderr',
  logging_collector: 'off',
  log_statement: 'none',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
  lc_messages: 'C',
  max_connections: '100',
  shared_buffers: '128MB',
  // A page is written whole to the WAL when it is the first change since a checkpoint; index tags fall on pages all over. Checkpoints that
  // come by size and not by time (512 MB: every few seconds) made a create of a million customers' vault cost 38 kB instead of 14 to 31.
  max_wal_size: '2GB',
  checkpoint_completion_target: '0.9',
  // Short indexed statements only: planning for parallel workers and compiling cost more than they bring.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  // The planner learns of a table's growth soon; a fresh vault has no statistics at all, and reads half as much again until it has. Idle, a
  // look each 2 s takes 10 ms of a core a second, each 10 s 8.5 (measured).
  autovacuum_naptime: '2s',
  // A client that went away while its statement waits for a lock does not keep the locks it has.
  client_connection_check_interval: '2s',
};
