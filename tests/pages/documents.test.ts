import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { toPersianDigits } from '../../src/formats/jalali.ts';
import { disclosureDocument, type DisclosurePack } from '../../src/vault/disclosureDocument.ts';
import { minutesDocument } from '../../src/vault/minutes.ts';
import { transparencyDocument } from '../../src/vault/transparencyDocument.ts';
import { chromiumPath, openChromium } from './chromium.ts';
import { linesOf, pagesOf } from './pdfText.ts';
import { sampleMinutes, samplePack, sampleReport } from './samples.ts';

const capturedAt = '2025-09-02T07:15:00.000Z';

/** Somebody else's server, which counts what reaches it. */
const reached: string[] = [];
const other = createServer((request, response) => {
  reached.push(request.url ?? '');
  response.end();
}).listen(0, '127.0.0.1');
await once(other, 'listening');
afterAll(() => other.close());
const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}/stolen`;

/** What would run or fetch if any of it were markup. */
const attacks = [
  '<script>window.ran = 1</script>',
  `</script><script>window.ran = 2</script><img src="${elsewhere}" onerror="window.ran = 3">`,
  '</style></title></bdi></td></table><svg onload="window.ran = 4">',
  `"><iframe srcdoc="<script>parent.ran = 5</script>"></iframe><link rel=stylesheet href=${elsewhere}>`,
  `<!--<script>window.ran = 6`,
  `"; } @import url(${elsewhere}); body { background: url(${elsewhere}) } {`,
  '\u202Egnp.exe\u2069\u2069',
];

/** Values in every place that a shop or a letter fills. */
function hostilePack(): DisclosurePack {
  const pack = samplePack(1);
  const all = attacks.join(' ');
  const held = { value: all, capturedAt };
  const { letter, authority } = pack.order;
  if (letter === undefined || authority === undefined) throw new Error('the sample has a letter');
  return {
    ...pack,
    controller: all,
    order: {
      ...pack.order,
      authority: { kind: all, name: all, jurisdiction: all, branchKind: all, officialName: all, officialTitle: all },
      letter: { ...letter, number: all, caseNumber: all, subject: all, annexes: all },
      basis: { law: all, article: all },
      recipient: { name: all, title: all, unit: all, as: all },
    },
    persons: [
      {
        number: 1,
        kind: 'natural',
        identifiedBy: [{ by: 'externalRef', value: all }],
        fields: {
          givenName: held,
          email: held,
          iban: held,
          mobile: [{ ...held, extension: all }],
          address: [{ value: { province: all, note: all }, capturedAt }],
          location: [{ value: { [all]: all }, capturedAt }],
        },
        notHeld: [],
      },
    ],
  };
}

const long = 'ن'.repeat(200);
const longWords = samplePack(1, {
  controller: long,
  persons: [
    {
      number: 1,
      kind: 'natural',
      identifiedBy: [{ by: 'externalRef', value: 'W'.repeat(100) }],
      fields: {
        givenName: { value: long, capturedAt },
        familyName: { value: `ن${'\u0654'.repeat(90)}`, capturedAt },
        email: { value: `${'m'.repeat(240)}@example.com`, capturedAt },
        nationalId: { value: '9'.repeat(200), capturedAt },
        mobile: [{ value: `+${'9'.repeat(200)}`, capturedAt, primary: true, extension: '1'.repeat(60) }],
        address: [{ value: { province: long, city: long, note: 'W'.repeat(200) }, capturedAt }],
      },
      notHeld: [],
    },
  ],
});

const documents: Readonly<Record<string, string>> = {
  'a package': disclosureDocument(samplePack(7)),
  'a hostile package': disclosureDocument(hostilePack()),
  'a package of very long words': disclosureDocument(longWords),
  'the minutes': minutesDocument(sampleMinutes()),
  'hostile minutes': minutesDocument(
    sampleMinutes({
      controller: attacks.join(' '),
      kind: attacks.join(' '),
      order: hostilePack().order,
      registeredBy: { clientId: attacks.join(' '), actor: long },
      delivery: { to: { name: attacks.join(' '), title: long, unit: 'W'.repeat(300) }, means: 'by_hand' },
    }),
  ),
  'the yearly report': transparencyDocument(sampleReport()),
  'a hostile report': transparencyDocument({
    ...sampleReport(),
    controller: long,
    orders: attacks.map((attack) => ({ kind: attack, authority: long, outcome: attack, count: 1 })),
  }),
};
const names = Object.keys(documents);

describe.skipIf(chromiumPath === undefined)('in a real browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'amanat-pages-'));
  let browser: Browser;
  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(() => {
    reached.length = 0;
  });

  let files = 0;
  /** Opened from a disk as an authority would, with JavaScript on; `fetched` is what it asked for besides itself. */
  async function open(html: string, width = 794): Promise<{ page: Page; fetched: string[] }> {
    const file = join(folder, `${(files += 1)}.html`);
    writeFileSync(file, html);
    const url = pathToFileURL(file).href;
    const page = await browser.newPage({ viewport: { width, height: 1000 }, javaScriptEnabled: true });
    const fetched: string[] = [];
    page.on('request', (request) => {
      if (request.url() !== url && !request.url().startsWith('data:')) fetched.push(request.url());
    });
    await page.goto(url, { waitUntil: 'load' });
    return { page, fetched };
  }

  /** In the page, as text: these tests are compiled without the types of a browser. */
  const ran = (page: Page) => page.evaluate('window.ran');

  test.each(names)('%s: nothing runs and nothing is fetched', async (name) => {
    const { page, fetched } = await open(documents[name] ?? '');
    expect(await ran(page)).toBeUndefined();
    expect({ fetched, reached }).toEqual({ fetched: [], reached: [] });
    expect(await page.evaluate('[...document.scripts].map(({ type }) => type)')).toEqual(
      name.includes('package') ? ['application/json'] : [],
    );
    expect(await page.evaluate(`document.querySelectorAll('img, svg, iframe, link, object, a, [onload]').length`)).toBe(
      0,
    );
    await page.close();
  });

  test('control: the same texts as markup run and fetch', async () => {
    const { page, fetched } = await open(`<!doctype html><html><body>${attacks.slice(0, 3).join('')}</body></html>`);
    expect(await ran(page)).toBeDefined();
    expect(fetched).toEqual([elsewhere]);
    expect(reached).toEqual(['/stolen']);
    await page.close();
  });

  test('control: were one text to slip through, the policy in the file would still stop it', async () => {
    const head = (documents['a package'] ?? '').split('</head>')[0] ?? '';
    const { page } = await open(`${head}</head><body>${attacks.slice(0, 3).join('')}</body></html>`);
    expect(await ran(page)).toBeUndefined();
    expect(reached).toEqual([]);
    await page.close();
  });

  test('a program reads the package out of the page, whatever is in it', async () => {
    for (const pack of [samplePack(7), hostilePack()]) {
      const { page } = await open(disclosureDocument(pack));
      const { exportId: _id, controller: _name, ...body } = pack;
      expect(await page.evaluate(`JSON.parse(document.getElementById('amanat-export').textContent)`)).toEqual(body);
      await page.close();
    }
  });

  test('what is read is right-to-left; the values stand on the page as they were given', async () => {
    const { page } = await open(documents['a hostile package'] ?? '');
    expect(await page.evaluate(`getComputedStyle(document.body).direction`)).toBe('rtl');
    expect(await page.evaluate(`document.documentElement.lang`)).toBe('fa');
    const shown = await page.evaluate<string>(`document.querySelector('main').innerText`);
    for (const attack of attacks.slice(0, 6)) expect(shown).toContain(attack.replaceAll('  ', ' '));
    expect(shown).toContain('[U+202E]gnp.exe[U+2069][U+2069]');
    await page.close();
  });

  describe.each([
    ['A4', 794],
    ['a telephone', 400],
  ])('as wide as %s', (_, width) => {
    test.each(names)('%s fits', async (name) => {
      const { page } = await open(documents[name] ?? '', width);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      const outside = `[...document.querySelectorAll('main *')].filter((e) => {
        const { left, right, width } = e.getBoundingClientRect();
        return width > 0 && (left < -0.5 || right > innerWidth + 0.5);
      }).length`;
      expect(await page.evaluate(outside)).toBe(0);
      await page.close();
    });

    test('control: a word that may not break does not fit', async () => {
      const { page } = await open(
        `<!doctype html><body><p style="white-space:nowrap">${'W'.repeat(300)}</p></body>`,
        width,
      );
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeGreaterThan(width);
      await page.close();
    });
  });

  /** Lines of every printed page. */
  async function print(html: string): Promise<readonly (readonly string[])[]> {
    const { page } = await open(html);
    const pdf = await page.pdf({ preferCSSPageSize: true });
    await page.close();
    return pagesOf(pdf).map(linesOf);
  }

  const numbered = /^صفح\p{Mark}?ه?\p{Mark}? ([۰-۹]+) از ([۰-۹]+)(?= |$)/u;

  test('forty persons print on numbered pages, with digest and identifier on each', async () => {
    const pack = samplePack(40);
    const pages = await print(disclosureDocument(pack));
    expect(pages.length).toBeGreaterThan(15);
    const numbers = pages.map((lines) => lines.flatMap((line) => numbered.exec(line)?.slice(1) ?? []));
    expect(numbers).toEqual(pages.map((_, i) => [i + 1, pages.length].map((n) => toPersianDigits(String(n)))));
    for (const lines of pages) {
      expect(lines.some((line) => line.includes(pack.exportId))).toBe(true);
      expect(lines.some((line) => /[0-9a-f]{64}/.test(line) && line.includes('SHA-256'))).toBe(true);
    }
    const running = pages.map((lines) => lines[0]?.includes('۱۴۰۴/۱۲۳') && lines[0].includes('محرمانه'));
    expect(running).toEqual(pages.map((_, i) => i > 0));
    for (let number = 1; number <= 40; number++) {
      const title = `شخص ${toPersianDigits(String(number))} از ۴۰`;
      expect(
        pages.some((lines) => lines.some((line) => line.startsWith(title))),
        title,
      ).toBe(true);
    }
  });

  test('a table that goes on has its head again, and no row is cut in two', async () => {
    const note = `A B ${'متن توضیح '.repeat(15)}`;
    const address = Array.from({ length: 60 }, (_, i) => ({
      value: { province: `START${i}`, city: 'تهران', alley: note, note: `END${i}` },
      capturedAt,
      place: i + 1,
    }));
    const person = { number: 1, kind: 'natural', fields: { address }, notHeld: [] } as const;
    const pages = await print(disclosureDocument(samplePack(1, { fields: ['address'], persons: [person] })));
    const texts = pages.map((lines) => lines.join('\n'));
    const withRows = texts.filter((text) => text.includes('START'));
    expect(withRows.length).toBeGreaterThan(3);
    for (const text of withRows) {
      expect(text).toContain('شخص ۱ از ۱');
      expect(text).toContain('مقدار');
    }
    for (const { value } of address) {
      const row = new RegExp(`${value.province}\\b[^]*${value.note}\\b`);
      expect(
        texts.filter((text) => row.test(text)),
        value.province,
      ).toHaveLength(1);
    }
  });

  test('the minutes print on two pages, with room to sign and the whole receipt', async () => {
    const minutes = sampleMinutes();
    const pages = await print(minutesDocument(minutes));
    expect(pages).toHaveLength(2);
    const text = pages.flat().join('\n');
    expect(text.match(/امضا و تاریخ/g)).toHaveLength(3);
    expect(text.replace(/\s+/g, '')).toContain(minutes.receipt);
  });
});
