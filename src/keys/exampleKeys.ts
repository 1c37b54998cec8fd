/**
 * Ids of the keys in keys.example, which everybody has: the root key's id, and the thumbprints of the signing keys. They
 * are recognised one by one, so that a copy of a single one is refused in production too.
 */
export const exampleKeyIds: ReadonlySet<string> = new Set([
  '1754386df6d4071d',
  '1GbMLzZRNVEGaEzDxZc7Xb2NexLWU_aNBsIzWAq-c_4',
  'KmtTR30Qwv3Czpjp9SaN7gbPxi5eskiDsG663ZTuMnc',
  'oyyqwVlAdj0Qcg0X3SOjku5jFb2hfI13pLFcFm4fy-w',
]);
