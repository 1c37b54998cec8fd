import type { Outgoing, Sender, Senders } from '../../src/sending/sender.ts';

/** Senders that keep what they are given, for tests about what goes out; the real servers are in tests/http/messages.test.ts. */
export function postbox(): { readonly senders: Senders; readonly sms: Outgoing[]; readonly email: Outgoing[] } {
  const sms: Outgoing[] = [];
  const email: Outgoing[] = [];
  return { senders: { sms: into(sms), email: into(email) }, sms, email };
}

const into = (box: Outgoing[]): Sender => ({
  send(message) {
    box.push(message);
    return Promise.resolve({ outcome: 'taken' });
  },
  close: () => undefined,
});
