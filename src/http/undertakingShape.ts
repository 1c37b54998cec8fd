import * as z from 'zod';

/** The paper of an undertaking, as its recorder has it at hand. */
export const undertaking = {
  documentRef: z.string(),
  signer: z.string(),
  signedOn: z.string().max(40),
  documentSha256: z.string().regex(/^[0-9a-f]{64}$/),
};
