import { openVault } from '../app.ts';
import { readConfig } from '../config.ts';
import { checkpointKey } from '../crypto/checkpoint.ts';
import { vkeyOf } from '../crypto/signedNote.ts';
import { keysOf } from '../keyAccess.ts';
import { createLog } from '../log.ts';
import { epochOf } from '../vault/epochs.ts';
import { exit, noWords, type Command } from './command.ts';
import { withDatabase } from './vaultDatabase.ts';

export const auditVkey: Command = {
  words: '',
  options: {},
  help: {},
  more: [
    'One line a tenant: what a witness is told of a log (`amanat witness trust`), and what an auditor checks its checkpoints with.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    const keys = await keysOf(config);
    const logs = await withDatabase(config, async (db) => {
      const vault = openVault({ db, keys, issuer: '', now: Date.now, log: createLog({ level: 'silent' }) });
      await vault.watch.look();
      const found: { readonly tenantId: string; readonly vkey: string }[] = [];
      for (const tenantId of vault.watch.tenants()) {
        const epoch = await epochOf(vault, await vault.keyring.tenant(tenantId));
        found.push({ tenantId, vkey: vkeyOf(checkpointKey(tenantId, keys.checkpoint[0].publicKey, epoch)) });
      }
      return found;
    });
    out.result({ logs }, () => logs.map(({ vkey }) => vkey).join('\n'));
    return exit.ok;
  },
};
