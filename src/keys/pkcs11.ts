/** As much of the optional package pkcs11js as is used, so that everything compiles where it is not installed. */
type Handle = Buffer;
type Value = number | boolean | Buffer;

interface Attribute {
  readonly type: number;
  readonly value?: Value;
}

interface Mechanism {
  readonly mechanism: number;
  readonly parameter?: unknown;
}

export interface Pkcs11Module {
  load(path: string): void;
  C_Initialize(): void;
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): { readonly label: string };
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_Login(session: Handle, user: number, pin: string): void;
  C_GenerateKey(session: Handle, mechanism: Mechanism, template: readonly Attribute[]): Handle;
  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void;
  C_FindObjects(session: Handle, most: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(session: Handle, key: Handle, template: readonly Attribute[]): Attribute[];
  C_EncryptInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_Encrypt(session: Handle, data: Buffer, into: Buffer): Buffer;
  C_DecryptInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_Decrypt(session: Handle, data: Buffer, into: Buffer): Buffer;
}

type Constant =
  | 'CKF_SERIAL_SESSION'
  | 'CKF_RW_SESSION'
  | 'CKU_USER'
  | 'CK_PARAMS_AES_GCM'
  | 'CKM_AES_GCM'
  | 'CKM_AES_KEY_GEN'
  | 'CKO_SECRET_KEY'
  | 'CKK_AES'
  | 'CKA_CLASS'
  | 'CKA_KEY_TYPE'
  | 'CKA_LABEL'
  | 'CKA_VALUE_LEN'
  | 'CKA_TOKEN'
  | 'CKA_PRIVATE'
  | 'CKA_SENSITIVE'
  | 'CKA_ALWAYS_SENSITIVE'
  | 'CKA_EXTRACTABLE'
  | 'CKA_NEVER_EXTRACTABLE'
  | 'CKA_MODIFIABLE'
  | 'CKA_ENCRYPT'
  | 'CKA_DECRYPT'
  | 'CKA_WRAP'
  | 'CKA_UNWRAP';

export type Pkcs11 = Readonly<Record<Constant, number>> & { readonly PKCS11: new () => Pkcs11Module };
