import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { messageOf } from '../../src/cli/faults.ts';
import { amanat } from './process.ts';

describe('help', () => {
  test('every command tells its options and its exit codes', async () => {
    const told = await Promise.all(commands.map(({ name }) => amanat([...name.split(' '), '--help'])));
    for (const [i, { name, summary, load }] of commands.entries()) {
      const { options, found } = await load();
      const { code, stdout = '', stderr } = told[i] ?? {};
      expect({ code, stderr }, name).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(summary);
      for (const option of [...Object.keys(options), 'json', 'help']) expect(stdout, name).toContain(`--${option}`);
      expect(stdout).toMatch(/Exit codes\n {2}0 {3}done/);
      if (found !== undefined) expect(stdout).toContain(`  1   ${found}`);
      for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(125);
    }
  });

  test('every option of every command is explained', async () => {
    for (const { name, load } of commands) {
      const { options, help } = await load();
      expect(Object.keys(help).toSorted(), name).toEqual(Object.keys(options).toSorted());
    }
  });

  test('all of it, and a group of it, also beside --json', async () => {
    const calls = [[], ['--help'], ['help'], ['-h'], ['--help', '--json']];
    for (const { code, stdout } of await Promise.all(calls.map((argv) => amanat(argv)))) {
      expect(code).toBe(0);
      for (const { name } of commands) expect(stdout).toContain(name);
    }
    const group = await amanat(['clients', '--help']);
    expect(group.code).toBe(0);
    expect(group.stdout).toContain('clients disable');
    expect(group.stdout).not.toContain('audit verify');
  });
});

test('a file or a folder that cannot be used is named, and of any other error only its class', async () => {
  const fault = await readFile('/nowhere/at-all').catch((error: unknown) => error);
  expect(messageOf(fault)).toBe("ENOENT: no such file or directory, open '/nowhere/at-all'");
  // Control: what says so itself, or was not answered by the system.
  expect(messageOf(Object.assign(new Error('a value'), { code: 'EVALUE', syscall: 'read' }))).toBe('unexpected Error');
  expect(messageOf(new RangeError('EVALUE: a value'))).toBe('unexpected RangeError');
});

describe('a wrong call is 64, says what to type, and does nothing', () => {
  test.each([
    ['no such command', ['bogus']],
    ['half a command', ['clients']],
    ['an unknown option', ['tenants', 'list', '--frob']],
    ['an option without its value', ['audit', 'verify', '--tenant']],
    ['a word too many', ['migrate', 'now']],
    ['no file', ['import']],
    ['a file that is not there', ['import', '/nonexistent.ndjson']],
    ['no profile', ['profile', 'check']],
    ['a profile that does not ship', ['profile', 'check', 'nobodys']],
    ['a role that does not exist', ['clients', 'create', '--name', 'x', '--role', 'king']],
    ['a client id that is none', ['clients', 'disable', 'somebody']],
    ['no name', ['tenants', 'create']],
  ])('%s', async (_what, argv) => {
    const { code, stdout, stderr } = await amanat(argv);
    expect({ code, stdout }, stderr).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(/--help|amanat <command>/);
  });
});

describe('settings', () => {
  test('a faulty environment is 78, by name and without the value', async () => {
    const { code, stderr } = await amanat(['tenants', 'list'], {
      AMANAT_PORT: 'eighty',
      AMANAT_DATABASE_URL: 'mysql://secret@host/x',
    });
    expect(code).toBe(78);
    expect(stderr).toContain('AMANAT_PORT');
    expect(stderr).toContain('AMANAT_DATABASE_URL');
    expect(stderr).not.toMatch(/eighty|secret/);
  });

  test('a folder without a vault is 78, and stays without one', async () => {
    const { code, stderr } = await amanat(['audit', 'verify'], { AMANAT_DATA_DIR: '/nonexistent/data' });
    expect(code).toBe(78);
    expect(stderr).toContain('There is no vault in /nonexistent/data');
  });

  test('a database that cannot be reached is 69', async () => {
    const env = { AMANAT_DATABASE_URL: 'postgres://nobody:nothing@127.0.0.1:1/none' };
    for (const argv of [['migrate'], ['audit', 'verify'], ['init']]) {
      const { code, stderr } = await amanat(argv, env);
      expect(code, stderr).toBe(69);
      expect(stderr).not.toContain('nothing');
    }
  });

  test('a connection in clear to another host is refused before it is made', async () => {
    const { code, stderr } = await amanat(['migrate'], { AMANAT_DATABASE_URL: 'postgres://u:secret@192.0.2.1/x' });
    expect(code).toBe(78);
    expect(stderr).toContain('would not be encrypted');
    expect(stderr).not.toContain('secret');
  });
});
