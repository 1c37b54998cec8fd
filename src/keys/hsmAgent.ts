import { createInterface } from 'node:readline';
import type { Pkcs11, Pkcs11Module } from './pkcs11.ts';

/**
 * A process of its own that talks to a hardware module by PKCS#11: what a vendor's library does when its device hangs or it fails
 * itself, waiting for minutes or ending the process, happens here and not to the requests. One line of JSON each way: first an
 * order, answered when the token is open, then requests. Binary is base64. It ends with its standard input.
 */
export interface AgentOrder {
  /** Path of the PKCS#11 library. */
  readonly module: string;
  /** Label of the token, and of the AES key in it. */
  readonly token: string;
  readonly key: string;
  readonly pin: string;
  /** Makes the key first; refused where one of that name is. */
  readonly make: boolean;
}

export interface AgentRequest {
  readonly id: number;
  readonly op: 'encrypt' | 'decrypt';
  readonly nonce: string;
  readonly associated: string;
  readonly data: string;
}

/** `fault` is a name of PKCS#11 (CKR_PIN_INCORRECT) or one of ours, and never data. */
export type AgentAnswer = { readonly id: number } & ({ readonly result: string } | { readonly fault: string });

const orderId = 0;

const lines = createInterface({ input: process.stdin });
let use: ((request: AgentRequest) => Buffer) | undefined;
lines.on('line', (line) => {
  const message = JSON.parse(line) as AgentOrder | AgentRequest;
  if ('id' in message) answer(message.id, () => use?.(message) ?? Buffer.alloc(0));
  else void start(message);
});
lines.on('close', () => process.exit(0));

async function start(order: AgentOrder): Promise<void> {
  // Optional, and not there where it could not be built; the compiler is not to look for it.
  const name: string = 'pkcs11js';
  const pkcs11 = await import(name).then(
    (loaded: { default: Pkcs11 }) => loaded.default,
    () => undefined,
  );
  answer(orderId, () => {
    if (pkcs11 === undefined) throw new Error('NO_PKCS11JS');
    use = open(pkcs11, order);
    return Buffer.alloc(0);
  });
}

function answer(id: number, work: () => Buffer): void {
  let said: AgentAnswer;
  try {
    said = { id, result: work().toString('base64') };
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    said = { id, fault: /^[A-Z][A-Z0-9_]{2,60}$/.test(message) ? message : 'MODULE_FAILED' };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

function open(pkcs11: Pkcs11, order: AgentOrder): (request: AgentRequest) => Buffer {
  const module = new pkcs11.PKCS11();
  module.load(order.module);
  module.C_Initialize();
  const slots = module.C_GetSlotList(true).filter((slot) => labelOf(module, slot) === order.token);
  const [slot, second] = slots;
  if (slot === undefined) throw new Error('NO_SUCH_TOKEN');
  if (second !== undefined) throw new Error('SEVERAL_TOKENS');
  const session = module.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION | (order.make ? pkcs11.CKF_RW_SESSION : 0));
  module.C_Login(session, pkcs11.CKU_USER, order.pin);
  if (order.make) makeKey(pkcs11, module, session, order.key);
  const key = theKey(pkcs11, module, session, order.key);
  return ({ op, nonce, associated, data }) => {
    const parameter = {
      type: pkcs11.CK_PARAMS_AES_GCM,
      iv: Buffer.from(nonce, 'base64'),
      ivBits: 96,
      aad: Buffer.from(associated, 'base64'),
      tagBits: 128,
    };
    const mechanism = { mechanism: pkcs11.CKM_AES_GCM, parameter };
    const [input, output] = [Buffer.from(data, 'base64'), Buffer.alloc(256)];
    if (op === 'encrypt') {
      module.C_EncryptInit(session, mechanism, key);
      return module.C_Encrypt(session, input, output);
    }
    module.C_DecryptInit(session, mechanism, key);
    return module.C_Decrypt(session, input, output);
  };
}

/** A label is padded with spaces, or in some modules with zeros. */
function labelOf(module: Pkcs11Module, slot: Buffer): string | undefined {
  try {
    return module.C_GetTokenInfo(slot).label.replace(/[ \0]+$/, '');
  } catch {
    return undefined;
  }
}

/** AES of 256 bits that never leaves the token, for encrypting and decrypting and nothing else. */
function makeKey(pkcs11: Pkcs11, module: Pkcs11Module, session: Buffer, label: string): void {
  if (find(pkcs11, module, session, label).length > 0) throw new Error('KEY_EXISTS');
  module.C_GenerateKey(session, { mechanism: pkcs11.CKM_AES_KEY_GEN }, [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_AES },
    { type: pkcs11.CKA_LABEL, value: Buffer.from(label) },
    { type: pkcs11.CKA_VALUE_LEN, value: 32 },
    { type: pkcs11.CKA_TOKEN, value: true },
    { type: pkcs11.CKA_PRIVATE, value: true },
    { type: pkcs11.CKA_SENSITIVE, value: true },
    { type: pkcs11.CKA_EXTRACTABLE, value: false },
    { type: pkcs11.CKA_MODIFIABLE, value: false },
    { type: pkcs11.CKA_ENCRYPT, value: true },
    { type: pkcs11.CKA_DECRYPT, value: true },
    { type: pkcs11.CKA_WRAP, value: false },
    { type: pkcs11.CKA_UNWRAP, value: false },
  ]);
}

/** Refuses a key that could be read out, now or before: it would be no better than a file. */
function theKey(pkcs11: Pkcs11, module: Pkcs11Module, session: Buffer, label: string): Buffer {
  const [key, second] = find(pkcs11, module, session, label);
  if (key === undefined) throw new Error('NO_SUCH_KEY');
  if (second !== undefined) throw new Error('SEVERAL_KEYS');
  const attributes = [
    pkcs11.CKA_EXTRACTABLE,
    pkcs11.CKA_SENSITIVE,
    pkcs11.CKA_NEVER_EXTRACTABLE,
    pkcs11.CKA_ALWAYS_SENSITIVE,
  ];
  const [extractable, sensitive, never, always] = module
    .C_GetAttributeValue(
      session,
      key,
      attributes.map((type) => ({ type })),
    )
    .map(({ value }) => Buffer.isBuffer(value) && value[0] === 1);
  if (extractable !== false || !sensitive || !never || !always) throw new Error('KEY_EXTRACTABLE');
  return key;
}

function find(pkcs11: Pkcs11, module: Pkcs11Module, session: Buffer, label: string): Buffer[] {
  module.C_FindObjectsInit(session, [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_AES },
    { type: pkcs11.CKA_LABEL, value: Buffer.from(label) },
  ]);
  try {
    return module.C_FindObjects(session, 2);
  } finally {
    module.C_FindObjectsFinal(session);
  }
}
