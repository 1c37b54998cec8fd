import { isLoopback, type Senders } from './sending/sender.ts';
import { smsGateway, type SmsSettings } from './sending/smsGateway.ts';
import { smtpServer, type SmtpSettings } from './sending/smtp.ts';
import { webhookSender } from './sending/webhookSender.ts';

/** How messages go out. */
export interface SendingConfig {
  readonly sms: SmsSettings | undefined;
  readonly email: SmtpSettings | undefined;
  /** Hosts to which webhooks may go although they are not public ones. */
  readonly webhookHosts: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Adds every fault, by the variable's name and never by a value: the URLs hold passwords. */
export function readSending(env: Environment, faults: string[]): SendingConfig {
  const text = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  return { sms: smsOf(text, faults), email: smtpOf(text, faults), webhookHosts: hostsOf(text, faults) };
}

type Text = (name: string) => string | undefined;

function smtpOf(text: Text, faults: string[]): SmtpSettings | undefined {
  const [url, from] = [text('AMANAT_SMTP_URL'), text('AMANAT_SMTP_FROM')];
  if (url === undefined && from === undefined) return undefined;
  if (url === undefined || from === undefined) {
    faults.push('AMANAT_SMTP_URL and AMANAT_SMTP_FROM go together.');
    return undefined;
  }
  if (!isUrl(url, ['smtp:', 'smtps:']))
    faults.push('AMANAT_SMTP_URL must be smtps://user:password@host:465 or smtp://….');
  // RFC 5322 section 3.4, without its rarer forms: `Name <local@domain>`.
  if (!/^(?:[^<>@\p{Cc}"]{1,80} <[\w.+-]{1,64}@[\w.-]{1,200}>|[\w.+-]{1,64}@[\w.-]{1,200})$/u.test(from))
    faults.push('AMANAT_SMTP_FROM must be an address, or a name and an address: Kalak <no-reply@example.com>.');
  return { url, from };
}

function smsOf(text: Text, faults: string[]): SmsSettings | undefined {
  const [url, token, from] = [text('AMANAT_SMS_URL'), text('AMANAT_SMS_TOKEN'), text('AMANAT_SMS_FROM')];
  if (url === undefined) {
    if (token !== undefined || from !== undefined)
      faults.push('AMANAT_SMS_TOKEN and AMANAT_SMS_FROM go with AMANAT_SMS_URL.');
    return undefined;
  }
  const secure = isUrl(url, ['https:']) || (isUrl(url, ['http:']) && isLoopback(new URL(url).hostname));
  if (!secure || new URL(url).username !== '')
    faults.push('AMANAT_SMS_URL must be an https:// URL without a login in it (http:// only for this machine).');
  if (token !== undefined && !/^[\x21-\x7e]{1,1000}$/.test(token))
    faults.push('AMANAT_SMS_TOKEN must be visible ASCII characters.');
  if (from !== undefined && !/^[\w+]{1,20}$/.test(from))
    faults.push('AMANAT_SMS_FROM must be the number or name of a line.');
  return { url, token, from };
}

/** Names or addresses with commas between them. */
function hostsOf(text: Text, faults: string[]): readonly string[] {
  const hosts = (text('AMANAT_WEBHOOK_HOSTS') ?? '').split(',').map((host) => host.trim().toLowerCase());
  const named = hosts.filter((host) => host !== '');
  if (!named.every((host) => /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:]{2,45})$/.test(host)))
    faults.push('AMANAT_WEBHOOK_HOSTS must be host names or addresses, without ports, with commas between them.');
  return named;
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, hash } = new URL(text);
  return protocols.includes(protocol) && hostname !== '' && hash === '';
}

export function openSenders({ sms, email, webhookHosts }: SendingConfig): Senders {
  return {
    webhook: webhookSender(webhookHosts),
    ...(sms === undefined ? {} : { sms: smsGateway(sms) }),
    ...(email === undefined ? {} : { email: smtpServer(email) }),
  };
}
