import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser of this machine, if it has one: none is downloaded for tests. */
export const chromiumPath = paths.find((path) => existsSync(path));

if (chromiumPath === undefined) process.stdout.write(`skipped: no Chromium at ${paths.join(', ')}\n`);

/** Without its own sandbox only where it would refuse to start with it: as root. */
export async function openChromium(): Promise<Browser> {
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: chromiumPath ?? '', args });
}
