/** Spoils a valid body in one place, in every way that a client, or somebody who plays one, might. */

/** JSON that can say what JavaScript's values cannot: a member twice, a number of any size, text that is no JSON. */
export type Node = null | boolean | number | string | readonly Node[] | Members | Raw;
export interface Members {
  readonly members: readonly (readonly [string, Node])[];
}
export interface Raw {
  readonly raw: string;
}

export function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return value.map(nodeOf);
  if (typeof value === 'object' && value !== null) {
    return {
      members: Object.entries(value).flatMap(([name, inner]) => (inner === undefined ? [] : [[name, nodeOf(inner)]])),
    };
  }
  return value as Node;
}

export function textOf(node: Node): string {
  if (typeof node !== 'object' || node === null) return JSON.stringify(node);
  if ('raw' in node) return node.raw;
  if ('members' in node)
    return `{${node.members.map(([name, inner]) => `${JSON.stringify(name)}:${textOf(inner)}`).join(',')}}`;
  return `[${node.map(textOf).join(',')}]`;
}

export interface Way {
  readonly name: string;
  /** What to put in the place of what stands there; undefined takes it away. */
  readonly put: (was: Node, mark: string) => Node | undefined;
}

const raw = (text: string): Raw => ({ raw: text });
const into = (was: Node, ...more: readonly (readonly [string, Node])[]): Node =>
  typeof was === 'object' && was !== null && 'members' in was
    ? { members: [...was.members, ...more] }
    : { members: more };
const nested = (depth: number, open: string, close: string, inner: string): Raw =>
  raw(open.repeat(depth) + inner + close.repeat(depth));

/** A mark stands in every text that is put in; no answer may repeat it. Names that are plain words may be repeated. */
export const ways: readonly Way[] = [
  { name: 'taken away', put: () => undefined },
  { name: 'null', put: () => null },
  { name: 'true', put: () => true },
  { name: 'a number', put: () => 73_519 },
  { name: 'a list', put: (was) => [was] },
  { name: 'an empty list', put: () => [] },
  { name: 'an object', put: (was) => ({ members: [['value', was]] }) },
  { name: 'an empty object', put: () => ({ members: [] }) },
  { name: 'a text', put: (_, mark) => mark },
  { name: 'an empty text', put: () => '' },
  { name: 'blanks', put: () => ' \u00a0\u2003' },
  { name: 'a joiner alone', put: () => '\u200c' },
  { name: 'a long text', put: (_, mark) => `${mark} ${'ب'.repeat(20_000)}` },
  { name: 'more than a body may hold', put: (_, mark) => `${mark} ${'ب'.repeat(60_000)}` },
  { name: 'combining marks', put: (_, mark) => `${mark}${'\u0301'.repeat(5_000)}` },
  { name: 'a control character', put: (_, mark) => `${mark}\u0001` },
  { name: 'a line feed', put: (_, mark) => `${mark}\nSet-Cookie: a=b` },
  { name: 'a bare line feed', put: (_, mark) => raw(`"${mark}\n"`) },
  { name: 'a NUL', put: (_, mark) => raw(`"${mark}\\u0000"`) },
  { name: 'half a surrogate pair', put: (_, mark) => raw(`"${mark}\\ud800"`) },
  { name: 'the other half', put: (_, mark) => raw(`"\\udfff${mark}"`) },
  { name: 'a direction override', put: (_, mark) => `${mark}\u202e` },
  { name: 'an isolate', put: (_, mark) => `\u2066${mark}` },
  { name: 'a formula', put: (_, mark) => `=HYPERLINK("http://example.com/${mark}")` },
  { name: 'a command', put: (_, mark) => `@SUM(1+1)*cmd|' /C ${mark}'!A0` },
  { name: 'markup', put: (_, mark) => `<img src=x onerror=alert('${mark}')>` },
  { name: 'SQL', put: (_, mark) => `${mark}'; drop table amanat.customers; --` },
  { name: 'a card number', put: (_, mark) => `${mark} 9999 9900 0000 0014` },
  { name: 'a card number in Persian', put: (_, mark) => `${mark} ۹۹۹۹۹۹۰۰۰۰۰۰۰۰۱۴` },
  { name: 'a card number as a number', put: () => raw('9999990000000014') },
  { name: 'a CVV2', put: (_, mark) => `${mark} cvv2 735` },
  { name: 'a second password', put: (_, mark) => `رمز دوم 73519 ${mark}` },
  { name: 'a member more', put: (was, mark) => into(was, ['furtherMember', mark]) },
  { name: 'a member that is no word', put: (was, mark) => into(was, [`زهرا ${mark} 0970`, 'x']) },
  { name: 'a card number as a member', put: (was, mark) => into(was, [`9999990000000014 ${mark}`, 'x']) },
  { name: '__proto__', put: (was, mark) => into(was, ['__proto__', { members: [['role', mark]] }]) },
  { name: 'constructor', put: (was, mark) => into(was, ['constructor', { members: [['prototype', mark]] }]) },
  { name: 'toString', put: (was, mark) => into(was, ['toString', mark]) },
  { name: 'a member twice', put: (was, mark) => into(was, ['twice', mark], ['twice', mark]) },
  { name: 'forty lists deep', put: (_, mark) => nested(40, '[', ']', `"${mark}"`) },
  { name: 'two thousand objects deep', put: (_, mark) => nested(2_000, '{"a":', '}', `"${mark}"`) },
  { name: 'a number too large', put: () => raw('73519e999') },
  { name: 'a number with four hundred digits', put: () => raw(`73519${'0'.repeat(400)}`) },
  { name: 'a number beyond exactness', put: () => raw('9007199254740993735190000') },
  { name: 'a fraction', put: () => raw('0.73519') },
  { name: 'a negative number', put: () => -73_519 },
  { name: 'no number', put: () => raw('NaN') },
  { name: 'a comment', put: (_, mark) => raw(`/*${mark}*/1`) },
  { name: 'a comma more', put: (_, mark) => raw(`["${mark}",]`) },
  { name: 'single quotes', put: (_, mark) => raw(`'${mark}'`) },
  { name: 'an end too soon', put: (_, mark) => raw(`"${mark}`) },
];

type Step = string | number;

/** Every place of a body, the whole first. */
export function placesIn(node: Node, at: readonly Step[] = []): readonly (readonly Step[])[] {
  if (typeof node !== 'object' || node === null || 'raw' in node) return [at];
  const inner = 'members' in node ? node.members : node.map((item, i) => [i, item] as const);
  return [at, ...inner.flatMap(([step, below]) => placesIn(below, [...at, step]))];
}

/** The body with something else at one place; undefined when the whole was taken away. */
export function spoilt(node: Node, [step, ...rest]: readonly Step[], way: Way, mark: string): Node | undefined {
  if (step === undefined) return way.put(node, mark);
  if (typeof node !== 'object' || node === null || 'raw' in node) return node;
  const change = (inner: Node): Node | undefined => spoilt(inner, rest, way, mark);
  if ('members' in node) {
    return {
      members: node.members.flatMap(([name, inner]): (readonly [string, Node])[] => {
        const changed = name === step ? change(inner) : inner;
        return changed === undefined ? [] : [[name, changed]];
      }),
    };
  }
  return node.flatMap((inner, i) => {
    const changed = i === step ? change(inner) : inner;
    return changed === undefined ? [] : [changed];
  });
}
