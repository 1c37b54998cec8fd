import { VaultError } from '../errors.ts';
import type { KeyFolder } from './folder.ts';

/** The keys of a serving process: they can be taken away and given back. While they are away every use of one is `sealed`. */
export interface LiveKeys extends KeyFolder {
  readonly sealed: boolean;
  /** Lets go of every key at once. */
  seal(): void;
  open(folder: KeyFolder): void;
}

/** `undefined`: sealed from the start. */
export function liveKeys(folder: KeyFolder | undefined): LiveKeys {
  let held = folder;
  const here = (): KeyFolder => {
    if (held === undefined) throw new VaultError('sealed');
    return held;
  };
  return {
    get root() {
      return here().root;
    },
    get token() {
      return here().token;
    },
    get exportSigning() {
      return here().exportSigning;
    },
    get formerExport() {
      return here().formerExport;
    },
    get retiredExport() {
      return here().retiredExport;
    },
    get checkpoint() {
      return here().checkpoint;
    },
    get formerCheckpoint() {
      return here().formerCheckpoint;
    },
    get example() {
      return here().example;
    },
    get files() {
      return here().files;
    },
    get lock() {
      return here().lock;
    },
    get sealed() {
      return held === undefined;
    },
    seal() {
      forgetKeys(held);
      held = undefined;
    },
    open(next) {
      if (held !== next) forgetKeys(held);
      held = next;
    },
  };
}

/** Lets go of the root keys; the other keys are gone with the folder itself. */
export function forgetKeys(folder: KeyFolder | undefined): void {
  for (const key of folder?.root.byId.values() ?? []) key.forget();
}
