import { createTransport } from 'nodemailer';
import { isLoopback, longestTryMs, type Outgoing, type Sender, type Sent } from './sender.ts';

export interface SmtpSettings {
  /** `smtps://user:password@host:465` or `smtp://user:password@host:587`. */
  readonly url: string;
  /** `Name <address>`, or an address. */
  readonly from: string;
}

/**
 * A mail server. Outside this machine nothing is said before TLS with a certificate that is verified, from the first byte
 * (smtps) or by STARTTLS (smtp, RFC 3207); there is no falling back. A message keeps its Message-ID from try to try.
 */
export function smtpServer({ url, from }: SmtpSettings): Sender {
  const { protocol, hostname, port, username, password } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const local = isLoopback(hostname);
  const secure = protocol === 'smtps:';
  const domain = /@([^@>]+)>?$/.exec(from)?.[1] ?? 'localhost';
  const transport = createTransport({
    host,
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: !secure && !local,
    ignoreTLS: !secure && local,
    tls: { minVersion: 'TLSv1.2' },
    ...(username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    connectionTimeout: longestTryMs / 3,
    greetingTimeout: longestTryMs / 3,
    socketTimeout: longestTryMs / 2,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  });
  return {
    async send({ id, to, text, subject }: Outgoing): Promise<Sent> {
      try {
        await transport.sendMail({
          from,
          to: { name: '', address: to },
          subject: subject ?? '',
          text,
          messageId: `<${id}@${domain}>`,
          xMailer: false,
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
        return { outcome: 'taken' };
      } catch (error) {
        return faultOf(error);
      }
    },
    close: () => transport.close(),
  };
}

/** RFC 5321 section 4.2.1: 4yz is for now, 5yz for good, of this recipient or this message. A login is the operator's matter. */
function faultOf(error: unknown): Sent {
  const { code, originalCode, responseCode } = (error instanceof Error ? error : {}) as {
    readonly code?: unknown;
    /** Of the socket, where `code` is ESOCKET. */
    readonly originalCode?: unknown;
    readonly responseCode?: unknown;
  };
  const name = typeof code === 'string' ? code : '';
  if (name === 'EAUTH' || name === 'ENOAUTH') return { outcome: 'later', fault: 'login' };
  if (name === 'ETLS' || /CERT|SSL|TLS|ALTNAME/.test(String(originalCode))) return { outcome: 'later', fault: 'tls' };
  if (name === 'ETIMEDOUT') return { outcome: 'later', fault: 'timeout' };
  const isMessage = name === 'EENVELOPE' || name === 'EMESSAGE';
  if (isMessage && typeof responseCode === 'number')
    return responseCode >= 500 ? { outcome: 'never', fault: 'refused' } : { outcome: 'later', fault: 'busy' };
  return { outcome: 'later', fault: 'unreachable' };
}
