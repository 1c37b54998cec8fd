import { describe, expect, it } from 'vitest';
import { escape, inline, isolated, jsonHtml, prose } from '../../../src/http/docsText.ts';

const text = (html: string): string =>
  html
    .replace(/<[^>]+>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

describe('documentation text', () => {
  it('is escaped wherever it stands', () => {
    const hostile = `<script>alert('x')</script> & "q"`;
    const escaped = '&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;q&quot;';
    expect(escape(hostile)).toBe(escaped);
    expect(isolated(hostile)).toBe(escaped);
    expect(inline(`\`${hostile}\``)).toBe(`<code>${escaped}</code>`);
    for (const html of [prose(hostile), jsonHtml({ [hostile]: hostile })]) expect(html).not.toContain('<script');
  });

  it('isolates Persian words, and only them', () => {
    expect(isolated('زهرا')).toBe('<bdi>زهرا</bdi>');
    expect(isolated('Zahra')).toBe('Zahra');
    expect(inline('کد ملی, ten digits; نام')).toBe('<bdi lang="fa">کد ملی</bdi>, ten digits; <bdi lang="fa">نام</bdi>');
    expect(inline('علی‌زاده')).toBe('<bdi lang="fa">علی‌زاده</bdi>');
  });

  it('knows code, strong words, paragraphs, and the page of problems', () => {
    expect(prose('One `a`\nline.\n\n**Two.** See /docs/problems now.')).toBe(
      '<p>One <code>a</code> line.</p>\n<p><strong>Two.</strong> See <a href="/docs/problems">/docs/problems</a> now.</p>',
    );
  });

  it.each([
    { a: 1, b: [true, null, 'x'], c: {}, d: [] },
    [],
    'کوچه نمونه ۳',
    { address: { city: 'تهران', plaque: '12' }, lines: ['"', '\\', '<'] },
  ])('writes JSON that reads back as it was: %j', (value) => {
    expect(JSON.parse(text(jsonHtml(value)))).toEqual(value);
  });
});
