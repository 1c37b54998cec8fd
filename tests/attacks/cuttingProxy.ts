import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between two programs and can cut them off from each other at one exact moment. */
export interface CuttingProxy {
  readonly port: number;
  /**
   * Cuts the next connection on which the first side says `pattern`: before it is passed on, or when the other side
   * answers, of whose answer nothing arrives. Resolves when it has happened.
   */
  cut(when: 'before' | 'at the answer', pattern: string): Promise<void>;
  stop(): Promise<void>;
}

export async function cuttingProxy(port: number): Promise<CuttingProxy> {
  let armed:
    { readonly when: 'before' | 'at the answer'; readonly pattern: Buffer; readonly done: () => void } | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    let cutting: (() => void) | undefined;
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', end).on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    near.on('data', (said) => {
      if (armed?.when !== undefined && said.includes(armed.pattern)) {
        const { when, done } = armed;
        armed = undefined;
        if (when === 'before') {
          end();
          return done();
        }
        cutting = done;
      }
      far.write(said);
    });
    far.on('data', (said) => {
      if (cutting === undefined) return void near.write(said);
      end();
      cutting();
      cutting = undefined;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut: (when, pattern) =>
      new Promise((resolve) => {
        armed = { when, pattern: Buffer.from(pattern), done: resolve };
      }),
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
