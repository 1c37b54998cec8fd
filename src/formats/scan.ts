import { byte, begins, read, skip, skipPast, type Source, type Walk } from './scanSource.ts';

/** What a scanned letter may be. */
export const scanTypes = ['application/pdf', 'image/png', 'image/jpeg'] as const;
export type ScanType = (typeof scanTypes)[number];

/** `other_kind`: it does not begin as its media type does. */
export type ScanFault = 'other_kind' | 'truncated' | 'damaged' | 'trailing_data';

/** Judges a scan by its content while it passes, piece by piece. The first fault is final. */
export interface ScanCheck {
  take(piece: Buffer): ScanFault | undefined;
  /** After the last piece. */
  end(): ScanFault | undefined;
}

/**
 * Is it what it is said to be, and whole? A file begins at its first byte and ends at its last, so that none is two things
 * at once by what stands before or behind it. What it shows is not looked at, and nothing of it is ever run or rendered.
 */
export function scanCheck(type: ScanType): ScanCheck {
  const source: Source<ScanFault> = { piece: Buffer.alloc(0), at: 0, atEnd: truncated };
  const walk = walks[type](source);
  let state = walk.next();
  return {
    take(piece) {
      if (piece.length === 0) return undefined;
      if (state.done === true) return state.value ?? 'trailing_data';
      state = walk.next(piece);
      if (state.done !== true) return undefined;
      return state.value ?? (source.at < piece.length ? 'trailing_data' : undefined);
    },
    end: () => (state.done === true ? state.value : source.atEnd()),
  };
}

const truncated = () => 'truncated' as const;
const whole = () => undefined;

const walks: Readonly<Record<ScanType, (source: Source<ScanFault>) => Walk<ScanFault | undefined>>> = {
  'application/pdf': pdf,
  'image/png': png,
  'image/jpeg': jpeg,
};

const pdfTail = 1024;
/** ISO 32000-1 section 7.5.5; white space per its table 1. */
const trailer = /startxref[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]+%%EOF[\0\t\n\f\r ]*$/;

/** ISO 32000-1 section 7.5.2: the header; the cross-reference offset and the end mark in the last kilobyte. */
function* pdf(source: Source<ScanFault>): Walk<ScanFault | undefined> {
  if (!(yield* begins(source, Buffer.from('%PDF-')))) return 'other_kind';
  const version = (yield* read(source, 3)).toString('latin1');
  if (!/^[12]\.\d$/.test(version)) return 'damaged';
  let tail: Buffer = Buffer.from(source.piece.subarray(source.at).subarray(-pdfTail));
  let length = 8 + source.piece.length - source.at;
  source.atEnd = () => pdfEnd(tail.toString('latin1'), length);
  for (;;) {
    const piece = yield;
    length += piece.length;
    tail = Buffer.concat([tail, piece.subarray(-pdfTail)]).subarray(-pdfTail);
  }
}

function pdfEnd(tail: string, length: number): ScanFault | undefined {
  const offset = trailer.exec(tail)?.[1];
  if (offset === undefined) return /%%EOF/.test(tail) ? 'trailing_data' : 'truncated';
  return Number(offset) < length ? undefined : 'damaged';
}

const pngSignature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const headerLength = 13;
const crcLength = 4;
const longestChunk = 2 ** 31 - 1;

/** PNG (third edition) section 5: chunk after chunk from IHDR over the pixels to an empty IEND. */
function* png(source: Source<ScanFault>): Walk<ScanFault | undefined> {
  if (!(yield* begins(source, pngSignature))) return 'other_kind';
  let hasPixels = false;
  for (let first = true; ; first = false) {
    const head = yield* read(source, 8);
    const length = head.readUInt32BE(0);
    const type = head.toString('latin1', 4);
    const isHeader = type === 'IHDR' && length === headerLength;
    if (first !== isHeader || length > longestChunk || !/^[A-Za-z]{4}$/.test(type)) return 'damaged';
    yield* skip(source, length + crcLength);
    hasPixels ||= type === 'IDAT';
    if (type === 'IEND') return length === 0 && hasPixels ? undefined : 'damaged';
  }
}

/** ITU-T T.81 annex B. Cameras put further whole images (a preview, a gain map) behind the first, or fill up with zeros. */
function* jpeg(source: Source<ScanFault>): Walk<ScanFault | undefined> {
  if (!(yield* begins(source, Buffer.from([0xff, startOfImage])))) return 'other_kind';
  for (;;) {
    if (!(yield* jpegImage(source))) return 'damaged';
    source.atEnd = whole;
    let next: number;
    do next = yield* byte(source);
    while (next === 0);
    source.atEnd = truncated;
    if (next !== 0xff || (yield* byte(source)) !== startOfImage) return 'trailing_data';
  }
}

const startOfImage = 0xd8;
const endOfImage = 0xd9;
const startOfScan = 0xda;
const isRestart = (code: number): boolean => code >= 0xd0 && code <= 0xd7;
/** Codes that stand alone or mean nothing, and so begin no segment. */
const isBare = (code: number): boolean => code <= 0x01 || isRestart(code) || code === startOfImage;

/** From behind its start to its end. False when it is none. */
function* jpegImage(source: Source<ScanFault>): Walk<boolean> {
  let hasScan = false;
  if ((yield* byte(source)) !== 0xff) return false;
  for (let code = yield* markerCode(source); code !== endOfImage;) {
    if (isBare(code)) return false;
    const length = (yield* read(source, 2)).readUInt16BE(0);
    if (length < 2) return false;
    yield* skip(source, length - 2);
    if (code === startOfScan) {
      hasScan = true;
      code = yield* markerAfterScan(source);
    } else if ((yield* byte(source)) === 0xff) code = yield* markerCode(source);
    else return false;
  }
  return hasScan;
}

/** Any number of 0xFF may fill up before the code. */
function* markerCode(source: Source<ScanFault>): Walk<number> {
  for (;;) {
    const code = yield* byte(source);
    if (code !== 0xff) return code;
  }
}

/** Inside a scan 0xFF is followed by 0x00 or by a restart (B.1.1.5); anything else ends it. */
function* markerAfterScan(source: Source<ScanFault>): Walk<number> {
  for (;;) {
    yield* skipPast(source, 0xff);
    const code = yield* markerCode(source);
    if (code !== 0 && !isRestart(code)) return code;
  }
}
