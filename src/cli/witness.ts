import { amountOf } from '../amount.ts';
import { createLog } from '../log.ts';
import { lockFolder } from '../db/embeddedLock.ts';
import { EmbeddedFault } from '../db/embeddedFault.ts';
import { vkeyOf } from '../crypto/signedNote.ts';
import { openLogFolder } from '../witness/logFolder.ts';
import { loadCosigner, logKey, makeWitness, trustedLogs, trustLogs } from '../witness/witnessFolder.ts';
import { answering } from '../witness/witnessing.ts';
import { serveWitness, type RunningWitness } from '../witness/witnessServer.ts';
import { exit, noWords, required, UsageFault, type Arguments, type Command } from './command.ts';

export const defaultWitnessPort = 8788;

export const witnessInit: Command = {
  words: '',
  options: { dir: { type: 'string' }, name: { type: 'string' }, log: { type: 'string', multiple: true } },
  help: {
    dir: 'where its key and what it has seen are kept; on another machine than the vault, and never restored from a backup',
    name: 'name that its signatures bear, like witness.example.org',
    log: 'vkey of a log that it watches, as `amanat audit vkey` prints it; may be repeated',
  },
  async run(args, out) {
    noWords(args);
    const folder = required(args, 'dir');
    const logs = args.list('log');
    for (const log of logs) logKey(log);
    const vkey = vkeyOf(await makeWitness(folder, required(args, 'name')));
    await trustLogs(folder, logs);
    out.result({ dir: folder, vkey, logs }, () =>
      [
        `A witness in ${folder}, for ${amountOf(logs.length, 'log')}. Its public key:`,
        `  AMANAT_WITNESS_KEY=${vkey}`,
        `Serve it with: amanat witness --dir ${folder}`,
      ].join('\n'),
    );
    return exit.ok;
  },
};

export const witnessTrust: Command = {
  words: '<vkey>...',
  options: { dir: { type: 'string' } },
  help: { dir: 'the folder of the witness' },
  more: [
    'Holds at once; a witness that serves needs no restart. Also the confirmation, on the witness’s side, that a log goes on',
    'under a new name after a database was restored: compare the vkey with the one that `amanat reconcile` prints.',
  ],
  async run(args, out) {
    if (args.words.length === 0) throw new UsageFault('give the vkey of a log');
    const folder = required(args, 'dir');
    await loadCosigner(folder);
    const added = (await trustLogs(folder, args.words)).map(vkeyOf);
    out.result({ added }, () =>
      added.length === 0 ? 'Known already; nothing was changed.' : added.map((vkey) => `added ${vkey}`).join('\n'),
    );
    return exit.ok;
  },
};

export const witness: Command = {
  words: '',
  options: {
    dir: { type: 'string' },
    host: { type: 'string' },
    port: { type: 'string' },
    log: { type: 'string', multiple: true },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
  },
  help: {
    dir: 'its folder, made by `amanat witness init`',
    host: 'address to listen on; 127.0.0.1 when left out',
    port: `${defaultWitnessPort} when left out; 0 takes a free one`,
    log: 'vkey of a log to watch besides those in logs.txt; may be repeated',
    'tls-cert': 'PEM file of its certificate',
    'tls-key': 'PEM file of the key of that certificate',
  },
  more: [
    'Serves until SIGTERM. Keeps the last checkpoint of each log and never signs one that does not begin with it.',
  ],
  async run(args, out) {
    noWords(args);
    const folder = required(args, 'dir');
    const cosigner = await loadCosigner(folder);
    const also = args.list('log').map(logKey);
    await trustedLogs(folder);
    const lock = await lockFolder(folder).catch((error: unknown) => {
      if (!(error instanceof EmbeddedFault)) throw error;
      throw new EmbeddedFault(error.code, `${folder} is served by another process. Stop that one first.`);
    });
    const log = createLog({ level: 'info' });
    const ask = answering({
      folder: openLogFolder(folder),
      keysOf: async (origin) => [...also, ...(await trustedLogs(folder))].filter(({ name }) => name === origin),
      cosigner,
      now: Date.now,
    });
    const running = await serveWitness(ask, addressOf(args), () => log.event('fault', { code: 'witness_failed' }));
    out.line(`witness ${vkeyOf(cosigner.key)} serves on ${running.url}`);
    await untilTold(running);
    await lock.release();
    return exit.ok;
  },
};

function addressOf(args: Arguments): Parameters<typeof serveWitness>[1] {
  const port = args.text('port') ?? String(defaultWitnessPort);
  const [cert, key] = [args.text('tls-cert'), args.text('tls-key')];
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new UsageFault('--port must be from 0 to 65535');
  if ((cert === undefined) !== (key === undefined)) throw new UsageFault('--tls-cert and --tls-key go together');
  const tls = cert === undefined || key === undefined ? undefined : { cert, key };
  return { host: args.text('host') ?? '127.0.0.1', port: Number(port), tls };
}

function untilTold(running: RunningWitness): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => void running.stop().then(resolve);
    process.once('SIGTERM', stop).once('SIGINT', stop);
  });
}
