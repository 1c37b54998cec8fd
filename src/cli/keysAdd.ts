import { readConfig } from '../config.ts';
import { addCheckpointKey, loadKeyFolder } from '../keys/folder.ts';
import { exit, onlyWord, UsageFault, type Command } from './command.ts';

export const keysAdd: Command = {
  words: 'checkpoint',
  options: {},
  help: {},
  more: [
    'For a keys folder made by a version that signed no checkpoints. Makes checkpoint-1.pem in AMANAT_KEYS_DIR (<data>/keys),',
    'mode 0600, and touches nothing else; where a checkpoint key is, nothing is made. A key that was lost is not made again',
    'by this: put it back from your backup, because witnesses and readers of the log know it.',
  ],
  async run(args, out) {
    if (onlyWord(args, 'kind of key') !== 'checkpoint') throw new UsageFault('the only kind is: checkpoint');
    const { keysDir, production } = readConfig(process.env);
    await addCheckpointKey(keysDir);
    const { checkpoint } = await loadKeyFolder(keysDir, { production });
    const fingerprint = checkpoint[0]?.kid;
    out.result({ keysDir, file: 'checkpoint-1.pem', fingerprint }, () =>
      [
        `New key checkpoint-1.pem in ${keysDir} (${fingerprint}).`,
        'Copy it to where the backup of the keys folder is, and to every machine that runs this vault, before the next start.',
      ].join('\n'),
    );
    return exit.ok;
  },
};
