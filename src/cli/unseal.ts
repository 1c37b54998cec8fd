import { askService } from '../adminSocket.ts';
import { readConfig } from '../config.ts';
import { asked, givenCredentials, secretIn } from '../keyAccess.ts';
import { KeyFault, type Credentials, type KeyFaultCode } from '../keys/folder.ts';
import { canAsk } from '../prompt.ts';
import { exit, noWords, type Arguments, type Command } from './command.ts';
import { ServiceFault } from './service.ts';

export const unseal: Command = {
  words: '',
  options: { 'share-file': { type: 'string', multiple: true } },
  help: { 'share-file': 'its first line is a share; may be given several times' },
  more: [
    'Opens a service that waits, sealed: one that was started without its passphrase, shares, PIN or hardware module, or one',
    'that was sealed by POST /v1/seal. Run it as the user that runs the service, with the same AMANAT_DATA_DIR: it speaks to',
    'the leading process, which tells its workers. What is missing is asked for at the terminal. Shares may be given one at a',
    'time, each with a command of its own, within a quarter of an hour. For keys that are not locked it says: load them again.',
    'Services of the same database on other machines open by themselves where their own keys can be had without anybody.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    let given: Credentials = { ...(await givenCredentials(config)), shares: await sharesIn(args) };
    for (let attempts = 0; ; attempts += 1) {
      const answer = await askService(config.dataDir, { op: 'unseal', given });
      if (answer === undefined)
        throw new ServiceFault('unavailable', `no service runs on ${config.dataDir}; start it, or set AMANAT_DATA_DIR`);
      if (answer.open) break;
      const { code, message, needs } = answer.fault;
      const fault = new KeyFault(code as KeyFaultCode, message, needs);
      const askable = ['keys_locked', 'keys_passphrase_wrong', 'keys_share_wrong'].includes(code);
      if (!askable || !canAsk() || attempts > 20) throw fault;
      // Shares that were right are with the service already.
      given = await asked({ ...given, shares: [] }, fault);
    }
    out.result({ open: true }, () => 'The vault is open. It serves as soon as /readyz answers 200.');
    return exit.ok;
  },
};

async function sharesIn(args: Arguments): Promise<readonly string[]> {
  return Promise.all(args.list('share-file').map((file) => secretIn(file)));
}
