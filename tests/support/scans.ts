import { createCipheriv } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import type { ScanType } from '../../src/formats/scan.ts';

/** Scans that viewers open, as large as wanted to the byte, with nothing in them but noise and a text to look for. */
export const scans: Readonly<Record<ScanType, (bytes: number, text?: string) => Buffer>> = {
  'application/pdf': pdf,
  'image/png': png,
  'image/jpeg': jpeg,
};

/** A PDF of a page's text, all ASCII, for bodies that are text. */
export function textPdf(text: string): string {
  return pdf(600 + text.length, text + 'x'.repeat(600)).toString('latin1');
}

/** The same for the same length, and no two stretches of it alike. */
export function noise(bytes: number): Buffer {
  return createCipheriv('aes-256-ctr', Buffer.alloc(32), Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

export function pdf(bytes: number, text = ''): Buffer {
  const head = `%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n`;
  const rows = [0, 9, head.indexOf('2 0 obj')].map((at, i) =>
    i === 0 ? '0000000000 65535 f \n' : `${String(at).padStart(10, '0')} 00000 n \n`,
  );
  const end = (at: number) =>
    `xref\n0 3\n${rows.join('')}trailer\n<</Size 3/Root 1 0 R>>\nstartxref\n${String(at).padStart(10, '0')}\n%%EOF\n`;
  const left = bytes - head.length - end(0).length;
  // A comment may hold anything but an end of line.
  const filling = Buffer.concat([Buffer.from(`%${text}`), noise(bytes).map((b) => (b === 10 || b === 13 ? 32 : b))]);
  const body = Buffer.concat([Buffer.from(head), filling.subarray(0, left - 1), Buffer.from('\n')]);
  return Buffer.concat([body, Buffer.from(end(body.length))]);
}

export function pngChunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, sum]);
}

export const pngSignature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** One grey pixel; the rest in a chunk that viewers pass over. */
export function png(bytes: number, text = ''): Buffer {
  const header = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
  const [first, pixels, end] = [
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.from([0, 127]))),
    pngChunk('IEND', Buffer.alloc(0)),
  ];
  const left = bytes - pngSignature.length - first.length - pixels.length - end.length - 12;
  const filling = Buffer.concat([Buffer.from(text), noise(bytes)]).subarray(0, left);
  return Buffer.concat([pngSignature, first, pngChunk('noIs', filling), pixels, end]);
}

/** Baseline, 8 x 8, grey, one block; the rest in comments. */
export function jpeg(bytes: number, text = ''): Buffer {
  const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
  const image = Buffer.concat([
    hex(`ff db 00 43 00 ${'01'.repeat(64)}`),
    hex('ff c0 00 0b 08 00 08 00 08 01 01 11 00'),
    hex(`ff c4 00 14 00 01 ${'00'.repeat(15)} 00`),
    hex(`ff c4 00 14 10 01 ${'00'.repeat(15)} 00`),
    hex('ff da 00 08 01 01 00 00 3f 00 3f ff d9'),
  ]);
  const comments: Buffer[] = [];
  let filling = Buffer.concat([Buffer.from(text), noise(bytes)]).subarray(0, bytes - 2 - image.length);
  while (filling.length > 0) {
    // No rest may be left that is too short for a comment of its own.
    const most = filling.length > 65_537 && filling.length < 65_541 ? 60_000 : 65_537;
    const comment = Buffer.from(filling.subarray(0, most));
    comment.writeUInt16BE(0xfffe, 0);
    comment.writeUInt16BE(comment.length - 2, 2);
    comments.push(comment);
    filling = filling.subarray(comment.length);
  }
  return Buffer.concat([hex('ff d8'), ...comments, image]);
}
