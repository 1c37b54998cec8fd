import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startVault, type TestVault } from '../support/vault.ts';
import { chromiumPath, openChromium } from './chromium.ts';

describe.skipIf(chromiumPath === undefined)('what everybody may read, on a telephone', () => {
  let vault: TestVault;
  let browser: Browser;
  beforeAll(async () => {
    [vault, browser] = await Promise.all([startVault(), openChromium()]);
  });
  afterAll(async () => {
    await browser?.close();
    await vault?.stop();
  });

  /** A public page of the tenant, 360 pixels wide. */
  async function onTelephone(path: string): Promise<Page> {
    const answer = await vault.request('GET', `/v1/tenants/${vault.tenantId}/${path}?format=html`);
    expect(answer.status).toBe(200);
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
    await page.setContent(answer.text);
    return page;
  }

  const narrowestCell = (page: Page): Promise<number> =>
    page.evaluate(`Math.min(...[...document.querySelectorAll('td')].map((cell) => cell.clientWidth))`);

  test('a row of the inventory is a card: no cell is too narrow for a word, and each says what it is', async () => {
    const page = await onTelephone('inventory');
    expect(await narrowestCell(page)).toBeGreaterThan(250);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    const heads = await page.evaluate<string[]>(
      `[...document.querySelectorAll('td')].slice(0, 5).map((cell) => getComputedStyle(cell, '::before').content)`,
    );
    expect(heads.map((head) => head.replace(/[": ]+/g, ' ').trim())).toEqual([
      'دسته',
      'هدف',
      'کسانی که ممکن است ببینند',
      'نگهداری',
      'بند',
    ]);
    // Control: as the table that it is on paper, words would be cut.
    await page.evaluate(`document.querySelectorAll('table').forEach((table) => table.classList.remove('cards'))`);
    expect(await narrowestCell(page)).toBeLessThan(70);
    await page.close();
  });

  test('articles of a law are read from right to left, and none runs into its date', async () => {
    const page = await onTelephone('policies/1');
    const places = await page.evaluate<{ text: string; right: number; top: number }[]>(
      `[...document.querySelectorAll('li bdi')].slice(1, 3).map((article) => {
        const { right, top } = article.getBoundingClientRect();
        return { text: article.textContent, right, top };
      })`,
    );
    const [first, second] = places;
    expect(places.map(({ text }) => text)).toEqual(['۳۷', '۳۸']);
    expect(first?.top).toBe(second?.top);
    expect(first?.right).toBeGreaterThan(second?.right ?? Infinity);
    expect(await page.innerText('li')).toContain('مصوب ۱۳۸۲/۱۰/۱۷');
    await page.close();
  });
});
