import type { Media, Operation } from './docsDescription.ts';
import { escape, jsonHtml } from './docsText.ts';

/** A call that can be pasted into a shell, as HTML. `$VAULT`, `$TOKEN`, `$ID` … stand for what the reader has. */
export function curlHtml(operation: Operation): string {
  const { method, path, security } = operation;
  const url = `"$VAULT${escape(path.replace('{id}', '$ID'))}${queryOf(operation)}"`;
  const verb = method === 'get' ? '' : `-X ${method.toUpperCase()} `;
  const token = security?.some((one) => one['oauth2'] !== undefined) === true;
  const parts = [
    `curl ${verb}${url}`,
    ...(token ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    ...headersOf(operation),
    ...bodyOf(operation),
  ];
  return `<pre dir="ltr"><code>${parts.join(' \\\n  ')}</code></pre>`;
}

/** The first example of a body or an answer. */
export function exampleOf(media: Media | undefined): unknown {
  return media?.example ?? Object.values(media?.examples ?? {})[0]?.value;
}

function queryOf({ parameters }: Operation): string {
  const shown: Readonly<Record<string, string>> = {
    grant: 'grant=$GRANT',
    firstLine: 'firstLine=1',
    limit: 'limit=50',
  };
  const query = parameters.flatMap(({ in: place, name }) =>
    place === 'query' && shown[name] !== undefined ? [shown[name]] : [],
  );
  return query.length === 0 ? '' : `?${escape(query.join('&'))}`;
}

function headersOf({ parameters, requestBody }: Operation): string[] {
  const type = Object.keys(requestBody?.content ?? {})[0];
  const typed = type === undefined || type === form ? [] : [`-H "Content-Type: ${type}"`];
  const headers = parameters.filter(({ in: place, example }) => place === 'header' && example !== undefined);
  return [...typed, ...headers.map(({ name, example }) => escape(`-H '${name}: ${String(example)}'`))];
}

const form = 'application/x-www-form-urlencoded';

function bodyOf({ requestBody }: Operation): string[] {
  const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  if (media === undefined) return [];
  if (type === 'application/x-ndjson') return ['-T customers.ndjson'];
  if (type === 'application/pdf') return ['-T letter.pdf'];
  const example = exampleOf(media);
  if (type === form) return ['-u "$CLIENT_ID:$CLIENT_SECRET"', ...formParts(example)];
  // What ends a word in a shell does not stand in our examples; a test sees to it.
  return [`-d '${jsonHtml(example, '  ')}'`];
}

function formParts(example: unknown): string[] {
  return Object.entries(example as Record<string, string>).map(
    ([name, value]) => `--data-urlencode '${escape(`${name}=${value}`)}'`,
  );
}
