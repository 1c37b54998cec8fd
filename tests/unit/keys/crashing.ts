/**
 * A program that does `work` and kills itself, truly, before the n-th call into the file system, or after it. Writes one line
 * for each call before it is made. Its arguments: a folder, before or after, n.
 */
export const crashing = (work: string): string => `
  import { readFileSync, writeSync } from 'node:fs';
  import fs from 'node:fs/promises';
  import { syncBuiltinESMExports } from 'node:module';
  const [folder, when, nth] = process.argv.slice(2);
  let calls = 0;
  const step = async (name, path, act) => {
    calls += 1;
    writeSync(1, name + ' ' + path + '\\n');
    if (when === 'before' && calls === Number(nth)) process.kill(process.pid, 'SIGKILL');
    const result = await act();
    if (when === 'after' && calls === Number(nth)) process.kill(process.pid, 'SIGKILL');
    return result;
  };
  for (const name of ['mkdir', 'mkdtemp', 'rename', 'rm']) {
    const real = fs[name];
    fs[name] = (path, ...rest) => step(name, path, () => real(path, ...rest));
  }
  const open = fs.open;
  fs.open = (path, ...rest) => step('open', path, async () => {
    const handle = await open(path, ...rest);
    for (const name of ['writeFile', 'sync', 'close']) {
      const real = handle[name].bind(handle);
      handle[name] = (...given) => step(name, path, () => real(...given));
    }
    return handle;
  });
  syncBuiltinESMExports();
  ${work}
`;
