import { createHash, X509Certificate, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { verifyReceipt } from '../crypto/signature.ts';
import { keyThumbprint } from '../crypto/thumbprint.ts';
import type { VerifierKey } from '../crypto/signedNote.ts';
import { exit, onlyWord, required, UsageFault, type Arguments, type Command } from './command.ts';
import { checkProof, proofMeanings, readVkey, type InLog } from './receiptProof.ts';
import { readableStatement, shown } from './receiptStatement.ts';
import { table } from './table.ts';

/** What was found, as `--json` prints it. */
interface Check {
  readonly valid: boolean;
  readonly faults: readonly Fault[];
  readonly warnings: readonly 'executed_outside_validity'[];
  readonly certificate: Signer;
  /** Which of the receipt's two digests the file has. */
  readonly package?: 'package' | 'content';
  /** Where the log holds it. */
  readonly log?: InLog;
  /** Only what the signature covers: absent unless it verifies. */
  readonly statement?: Statement;
}

type Statement = Readonly<Record<string, unknown>>;

const meanings = {
  not_a_receipt: 'this is no receipt: three parts of base64url with dots between, in one line',
  another_key: 'the receipt names another key than this certificate has; try the other export-N.crt',
  signature: 'the receipt was changed, or was not signed with the key of this certificate',
  package_differs: 'this is not the package that the receipt is about: its SHA-256 is another',
  package_not_named: 'the receipt names no digest of a package',
  ...proofMeanings,
} as const;
type Fault = keyof typeof meanings;

interface Signer {
  readonly subject: string;
  /** SHA-256 of the DER, hex: what is compared over the telephone. */
  readonly fingerprint256: string;
  readonly kid: string;
  readonly validFrom: string;
  readonly validTo: string;
}

export const receiptCheck: Command = {
  words: '<receipt file>',
  options: {
    certificate: { type: 'string' },
    package: { type: 'string' },
    proof: { type: 'string' },
    'log-key': { type: 'string' },
  },
  help: {
    certificate: 'the export certificate of the vault that gave the receipt, PEM: export-1.crt of its keys folder',
    package: 'the package as it was delivered, or the content that came out of it: its SHA-256 is compared',
    proof: "the proof that came with it, or the vault's whole answer: does the log hold it?",
    'log-key': 'what signs the log, for --proof: a vkey, or a file that holds one (GET /v1/audit/checkpoint, `keys`)',
  },
  found: 'the receipt does not hold, the package is another, or the log does not hold it',
  more: [
    'Works offline and needs no vault. Nothing of a receipt is printed before its signature has been verified. That the',
    'certificate is the right one is for you to find out: compare the fingerprint with whoever runs the vault.',
  ],
  async run(args, out) {
    const file = onlyWord(args, 'receipt file');
    const certificate = await readCertificate(required(args, 'certificate'));
    const jws = (await readText(file)).replace(/\s+/g, '');
    const packageFile = args.text('package');
    const digest = packageFile === undefined ? undefined : await digestOfFile(packageFile);
    const check = withLog(checkReceipt(certificate, jws, digest), jws, await proofGiven(args));
    out.result(check, () => readable(check));
    return check.valid ? exit.ok : exit.found;
  },
};

interface GivenProof {
  readonly text: string;
  readonly key: VerifierKey;
}

/** Throws `UsageFault` unless both are given, or neither. */
async function proofGiven(args: Arguments): Promise<GivenProof | undefined> {
  const [file, key] = [args.text('proof'), args.text('log-key')];
  if (file === undefined && key === undefined) return undefined;
  return { text: await readText(required(args, 'proof')), key: await readVkey(required(args, 'log-key')) };
}

function withLog(check: Check, jws: string, given: GivenProof | undefined): Check {
  if (given === undefined || check.statement === undefined) return check;
  const found = checkProof(given.text, given.key, jws, check.statement);
  return typeof found === 'string'
    ? { ...check, valid: false, faults: [...check.faults, found] }
    : { ...check, log: found };
}

function checkReceipt({ signer, key }: OwnCertificate, jws: string, digest: string | undefined): Check {
  const statement = statementOf(verifyReceipt(key, jws));
  if (statement === undefined) {
    return { valid: false, faults: [faultOf(jws, signer.kid)], warnings: [], certificate: signer };
  }
  const found = digest === undefined ? {} : comparePackage(statement, digest);
  const faults = typeof found === 'string' ? [found] : [];
  return {
    valid: faults.length === 0,
    faults,
    warnings: isWithin(signer, statement['executedAt']) ? [] : ['executed_outside_validity'],
    certificate: signer,
    ...(typeof found === 'string' ? {} : found),
    statement,
  };
}

function statementOf(payload: unknown): Statement | undefined {
  return typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? { ...payload } : undefined;
}

/** Why a receipt does not verify, as far as what nobody signed tells. */
function faultOf(jws: string, kid: string): Fault {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(jws)) return 'not_a_receipt';
  const header = Buffer.from(jws.slice(0, jws.indexOf('.')), 'base64url').toString();
  const named = /"kid":"([\w-]{43})"/.exec(header)?.[1];
  return named === undefined || named === kid ? 'signature' : 'another_key';
}

function comparePackage(statement: Statement, digest: string): Fault | Pick<Check, 'package'> {
  const { packageSha256, contentSha256 } = statement;
  if (packageSha256 === digest) return { package: 'package' };
  if (contentSha256 === digest) return { package: 'content' };
  const isNamed = typeof packageSha256 === 'string' || typeof contentSha256 === 'string';
  return isNamed ? 'package_differs' : 'package_not_named';
}

function isWithin({ validFrom, validTo }: Signer, executedAt: unknown): boolean {
  const time = Date.parse(String(executedAt));
  return Number.isNaN(time) || (time >= Date.parse(validFrom) && time < Date.parse(validTo) + 1000);
}

interface OwnCertificate {
  readonly signer: Signer;
  readonly key: KeyObject;
}

/** Throws `UsageFault` unless the file holds one certificate for an RSA key. */
async function readCertificate(file: string): Promise<OwnCertificate> {
  const pem = await readText(file);
  if (pem.split('-----BEGIN ').length !== 2) throw new UsageFault(`${file} must hold one certificate in PEM`);
  try {
    const { subject, fingerprint256, validFrom, validTo, publicKey } = new X509Certificate(pem);
    if (publicKey.asymmetricKeyType !== 'rsa') throw new UsageFault(`${file} is not for an RSA key`);
    const signer = {
      subject: subject.split('\n').join(', '),
      fingerprint256: fingerprint256.replaceAll(':', '').toLowerCase(),
      kid: keyThumbprint(publicKey),
      validFrom: new Date(validFrom).toISOString(),
      validTo: new Date(validTo).toISOString(),
    };
    return { signer, key: publicKey };
  } catch (error) {
    throw error instanceof UsageFault ? error : new UsageFault(`${file} does not hold an X.509 certificate`);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw new UsageFault(`${file} cannot be read`);
  }
}

/** SHA-256, hex; of a file of any size. */
async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
  } catch {
    throw new UsageFault(`${file} cannot be read`);
  }
  return hash.digest('hex');
}

const comparisons: Readonly<Record<NonNullable<Check['package']>, string>> = {
  package: 'the file is the package as it was delivered',
  content: 'the file is the content of the package',
};

function readable(check: Check): string {
  const { certificate, faults, warnings, statement } = check;
  return [
    headline(check),
    ...faults.map((fault) => `    ${fault}: ${meanings[fault]}`),
    ...(check.package === undefined ? [] : [`    ${comparisons[check.package]}`]),
    ...(check.log === undefined ? [] : [`    ${inLog(check.log)}`]),
    ...warnings.map(() => '    note: it was signed at a time when the certificate was not valid'),
    '',
    readableSigner(certificate),
    ...(statement === undefined ? [] : ['', readableStatement(statement)]),
  ].join('\n');
}

function headline({ valid, statement, faults }: Check): string {
  if (valid) return 'The receipt holds.';
  if (statement === undefined) return 'THE RECEIPT DOES NOT HOLD.';
  return faults.some((fault) => Object.hasOwn(proofMeanings, fault))
    ? 'THE SIGNATURE HOLDS, AND THE LOG DOES NOT HOLD THE RECEIPT.'
    : 'THE RECEIPT HOLDS, AND THE PACKAGE IS NOT THE ONE IT IS ABOUT.';
}

function inLog({ origin, index, size }: InLog): string {
  return `the log ${shown(origin)} holds it: entry ${index} of ${size}`;
}

function readableSigner({ subject, fingerprint256, kid, validFrom, validTo }: Signer): string {
  return table(
    [],
    [
      ['certificate of', shown(subject)],
      ['its SHA-256', fingerprint256],
      ['its key', kid],
      ['valid', `${validFrom.slice(0, 10)} to ${validTo.slice(0, 10)}`],
    ],
  );
}
