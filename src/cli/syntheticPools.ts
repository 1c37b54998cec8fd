/**
 * The pools that every made-up value comes from: number ranges that no public list shows as allotted, names drawn
 * independently, real cities with invented doors. Nothing here is taken from a person.
 */
import { parseEmail } from '../formats/email.ts';
import { parseForeignerId } from '../formats/foreignerId.ts';
import { parseIban } from '../formats/iban.ts';
import type { Parsed } from '../formats/identifier.ts';
import { parseLandline } from '../formats/landline.ts';
import { parseLegalNationalId } from '../formats/legalNationalId.ts';
import { parseMobile } from '../formats/mobile.ts';
import { parseNationalId } from '../formats/nationalId.ts';

export type PoolKind = 'nationalId' | 'legalNationalId' | 'foreignerId' | 'iban' | 'mobile' | 'landline' | 'email';

const pools: Readonly<Record<PoolKind, readonly [parse: (value: string) => Parsed, pool: RegExp]>> = {
  nationalId: [parseNationalId, /^99/],
  legalNationalId: [parseLegalNationalId, /^999/],
  foreignerId: [parseForeignerId, /^9900/],
  iban: [parseIban, /^IR\d\d099/],
  mobile: [parseMobile, /^\+98970/],
  landline: [parseLandline, /^\+98\d\d99990/],
  email: [parseEmail, /@example\.(?:com|org|net)$/],
};

/** Refuses, by RangeError, a value that is not well formed or could be somebody's. The message never has the value. */
export function guardPool(kind: PoolKind, value: string): void {
  const [parse, pool] = pools[kind];
  const parsed = parse(value);
  if (!parsed.ok || !pool.test(parsed.canonical)) throw new RangeError(`${kind} is outside the synthetic pools`);
}

// Some names twice, in another spelling, for the normaliser.
export const givenNames: readonly string[] = [
  'زهرا، فاطمه، مریم، سارا، نرگس، لیلا، الهام، نگار، مینا، پریسا، فاطمة، فاطمهٔ، رؤیا',
  'محمد، علی، حسین، رضا، امیر، مهدی، سعید، بهرام، کاوه، آرش، ارش',
].flatMap((line) => line.split('، '));

export const familyNames: readonly string[] = [
  'محمدی، حسینی، احمدی، رضایی، کریمی، موسوی، جعفری، صادقی، علی‌زاده، نوری',
  'کاظمی، رحیمی، اکبری، یوسفی، شریفی، تهرانی‌نژاد، كريمي، علی زاده',
].flatMap((line) => line.split('، '));

export const streets: readonly string[] = 'آزادی، امام خمینی، ولیعصر، شریعتی، فردوسی، سعدی، حافظ'.split('، ');

export interface Place {
  readonly province: string;
  readonly city: string;
  /** Without the trunk 0. */
  readonly areaCode: string;
  /** First two digits of the city's postal codes, without 0 and 2. */
  readonly postalPrefixes: readonly string[];
  readonly lat: number;
  readonly lng: number;
}

export const places: readonly Place[] = [
  place('تهران', 'تهران', '21', ['11', '13', '14', '15', '16', '17', '18', '19'], 35.7, 51.4),
  place('البرز', 'کرج', '26', ['31'], 35.84, 50.97),
  place('خراسان رضوی', 'مشهد', '51', ['91'], 36.3, 59.6),
  place('اصفهان', 'اصفهان', '31', ['81'], 32.65, 51.67),
  place('فارس', 'شیراز', '71', ['71'], 29.6, 52.53),
  place('آذربایجان شرقی', 'تبریز', '41', ['51'], 38.08, 46.29),
  place('آذربایجان غربی', 'ارومیه', '44', ['57'], 37.55, 45.07),
  place('خوزستان', 'اهواز', '61', ['61'], 31.32, 48.67),
  place('قم', 'قم', '25', ['37'], 34.64, 50.88),
  place('گیلان', 'رشت', '13', ['41'], 37.28, 49.58),
  place('مازندران', 'ساری', '11', ['48'], 36.56, 53.06),
  place('کرمان', 'کرمان', '34', ['76'], 30.28, 57.08),
  place('یزد', 'یزد', '35', ['89'], 31.9, 54.37),
  place('کرمانشاه', 'کرمانشاه', '83', ['67'], 34.31, 47.06),
  place('همدان', 'همدان', '81', ['65'], 34.8, 48.52),
  place('هرمزگان', 'بندرعباس', '76', ['79'], 27.18, 56.27),
];

function place(
  province: string,
  city: string,
  areaCode: string,
  postalPrefixes: readonly string[],
  lat: number,
  lng: number,
): Place {
  return { province, city, areaCode, postalPrefixes, lat, lng };
}
