/** Is there a person at the terminal? */
export const canAsk = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/** What somebody types, without showing it. Ends the process at Ctrl-C, as a terminal would. */
export function askSecret(question: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(question);
  return new Promise((resolve) => {
    let typed = '';
    const end = (): void => {
      stdin.off('data', hear).setRawMode(false).pause();
      stderr.write('\n');
    };
    const hear = (piece: string): void => {
      for (const letter of piece) {
        if (letter === '\r' || letter === '\n') {
          end();
          resolve(typed);
          return;
        }
        if (letter === '\u0003') {
          end();
          process.exit(130);
        }
        typed = letter === '\u007f' || letter === '\b' ? Array.from(typed).slice(0, -1).join('') : typed + letter;
      }
    };
    stdin.setEncoding('utf8').setRawMode(true).on('data', hear).resume();
  });
}
