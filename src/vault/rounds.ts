/**
 * Does the work every `ms` milliseconds, whatever became of it before; a round that takes longer is not begun beside itself. Keeps
 * no process alive. Returns how to stop it: a round under way goes on.
 */
export function rounds(ms: number, work: () => Promise<unknown>): () => void {
  let isWorking = false;
  const round = async (): Promise<void> => {
    if (isWorking) return;
    isWorking = true;
    try {
      await work();
    } catch {
      // The next one makes up for it.
    } finally {
      isWorking = false;
    }
  };
  const timer = setInterval(() => void round(), ms).unref();
  return () => clearInterval(timer);
}
