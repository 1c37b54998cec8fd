import { describe, expect, test } from 'vitest';
import { ConfigFault, readConfig } from '../../src/config.ts';
import { openSenders, readSending } from '../../src/sendingConfig.ts';

function faultsOf(env: Readonly<Record<string, string>>): readonly string[] {
  const faults: string[] = [];
  readSending(env, faults);
  return faults;
}

const mail = {
  AMANAT_SMTP_URL: 'smtps://user:pa%40ss@mail.example.com',
  AMANAT_SMTP_FROM: 'Kalak <no-reply@example.com>',
};
const sms = {
  AMANAT_SMS_URL: 'https://sms.example.com/send',
  AMANAT_SMS_TOKEN: 'secret-token',
  AMANAT_SMS_FROM: '3000',
};

describe('settings of messages', () => {
  test('nothing set is nothing open', () => {
    const faults: string[] = [];
    // Webhooks have an endpoint each, which is looked at when it is written down and again for every connection.
    expect(Object.keys(openSenders(readSending({ AMANAT_SMS_URL: '' }, faults)))).toEqual(['webhook']);
    expect(faults).toEqual([]);
  });

  test('what is right is taken', () => {
    for (const env of [
      mail,
      sms,
      { ...mail, ...sms },
      { ...mail, AMANAT_SMTP_URL: 'smtp://127.0.0.1:25', AMANAT_SMTP_FROM: 'a@example.com' },
      { ...mail, AMANAT_SMTP_FROM: 'کالاک <no-reply@example.com>' },
      { AMANAT_SMS_URL: 'http://127.0.0.1:9000/send' },
      { AMANAT_SMS_URL: 'http://[::1]/send' },
    ])
      expect(faultsOf(env), JSON.stringify(env)).toEqual([]);
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ['AMANAT_SMTP_URL', { AMANAT_SMTP_URL: mail.AMANAT_SMTP_URL }],
    ['AMANAT_SMTP_URL', { AMANAT_SMTP_FROM: mail.AMANAT_SMTP_FROM }],
    ['AMANAT_SMTP_URL', { ...mail, AMANAT_SMTP_URL: 'https://user:secret@mail.example.com' }],
    ['AMANAT_SMTP_URL', { ...mail, AMANAT_SMTP_URL: 'user:secret@mail' }],
    ['AMANAT_SMTP_FROM', { ...mail, AMANAT_SMTP_FROM: 'secret' }],
    ['AMANAT_SMTP_FROM', { ...mail, AMANAT_SMTP_FROM: 'secret\r\nBcc: a@b.c <a@example.com>' }],
    ['AMANAT_SMS_URL', { ...sms, AMANAT_SMS_URL: 'http://sms.example.com/secret' }],
    ['AMANAT_SMS_URL', { ...sms, AMANAT_SMS_URL: 'https://user:secret@sms.example.com' }],
    ['AMANAT_SMS_URL', { ...sms, AMANAT_SMS_URL: 'http://127.0.0.1.secret.example.com' }],
    ['AMANAT_SMS_URL', { ...sms, AMANAT_SMS_URL: 'secret' }],
    ['AMANAT_SMS_TOKEN', { AMANAT_SMS_TOKEN: 'secret' }],
    ['AMANAT_SMS_TOKEN', { ...sms, AMANAT_SMS_TOKEN: 'sec ret' }],
    ['AMANAT_SMS_FROM', { ...sms, AMANAT_SMS_FROM: 'sec ret' }],
  ])('%s is named when it is wrong, and no value is', (name, env) => {
    const faults = faultsOf(env);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(name);
    expect(faults[0]).not.toMatch(/sec ?ret/);
    try {
      readConfig(env);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigFault);
    }
  });
});
