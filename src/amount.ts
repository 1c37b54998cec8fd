/** A number with its noun, for a person: `1 leaf`, `2 leaves`. The plural is made with an s when it is left out. */
export function amountOf(number: number, one: string, several = `${one}s`): string {
  return `${number} ${number === 1 ? one : several}`;
}

export const leavesOf = (number: number): string => amountOf(number, 'leaf', 'leaves');
