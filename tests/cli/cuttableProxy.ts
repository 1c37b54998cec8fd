import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A wire between a client and a server that can be cut. */
export interface Proxy {
  readonly url: string;
  /** Cuts both ends of every connection once this many bytes of answers have passed from now on, and takes no more. */
  cutAfter(answerBytes: number): void;
  /** Takes connections again. */
  mend(): void;
  close(): Promise<void>;
}

export async function cuttableProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let left = Infinity;
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const server = createServer((near) => {
    if (left <= 0) return void near.resetAndDestroy();
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    near.on('data', (piece) => far.write(piece)).on('end', () => far.end());
    far
      .on('end', () => near.end())
      .on('data', (piece: Buffer) => {
        near.write(piece.subarray(0, Math.max(0, left)));
        left -= piece.length;
        if (left <= 0) cut();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAfter(answerBytes) {
      left = answerBytes;
    },
    mend() {
      left = Infinity;
    },
    close: () =>
      new Promise((resolve) => {
        cut();
        server.close(() => resolve());
      }),
  };
}
