import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { description, follow, operationFor, pointerTo, type DocumentedAnswer, type Operation } from './openapi.ts';

/**
 * Holds answers, and the requests that were taken, against openapi.yaml: status, media type, headers and every member of
 * the body. Breaches are told by place and rule, never by value.
 */

export class ContractBreach extends Error {
  readonly breaches: readonly string[];

  constructor(what: string, breaches: readonly string[]) {
    super(`${what}: ${breaches.join('; ')}`);
    this.name = 'ContractBreach';
    this.breaches = breaches;
  }
}

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
addFormats.default(ajv);
const root = 'openapi.yaml';
ajv.addSchema(description, root);

const validators = new Map<string, ValidateFunction>();

/** The schema at a pointer of the document, compiled once. */
function schemaAt(pointer: string): ValidateFunction {
  const known = validators.get(pointer) ?? ajv.compile({ $ref: `${root}${pointer}` });
  validators.set(pointer, known);
  return known;
}

function faultsOf(pointer: string, value: unknown, where: string): string[] {
  const validate = schemaAt(pointer);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, keyword, params }) => {
    const named = 'additionalProperty' in params ? ` ${String(params['additionalProperty'])}` : '';
    const missing = 'missingProperty' in params ? ` ${String(params['missingProperty'])}` : '';
    return `${where}${instancePath} breaks ${keyword}${named}${missing}`;
  });
}

/** Answers to what is on no documented path, or comes before routing. */
const unrouted: ReadonlySet<number> = new Set([400, 404, 405, 408, 414, 431, 500]);
/** Sent only where the description says so; the rest (helmet's, Date, Content-Length …) says nothing about the answer. */
const telling =
  /^(etag|location|allow|retry-after|ratelimit|www-authenticate|repr-digest|link|set-cookie|amanat-.*|access-control-.*)$/;

/** Throws ContractBreach unless the description allows this answer to this request. `path` may have its query. */
export function checkAnswer(
  method: string,
  path: string,
  status: number,
  headers: Headers | Readonly<Record<string, string>>,
  body: string | Uint8Array,
): void {
  const [bare = ''] = path.split('?');
  const operation = operationFor(method, bare);
  const got = headers instanceof Headers ? headers : new Headers(headers);
  const text = typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body);
  const breaches =
    operation === undefined
      ? unroutedBreaches(status, got, text)
      : answerBreaches(operation, method.toUpperCase(), status, got, text);
  if (breaches.length > 0) throw new ContractBreach(`${method} ${operation?.path ?? bare} ${status}`, breaches);
}

function unroutedBreaches(status: number, headers: Headers, text: string): string[] {
  const breaches = unrouted.has(status) ? [] : ['nothing is documented there'];
  if (status === 405 && !headers.has('allow')) breaches.push('header Allow is missing');
  if (text === '') return breaches;
  if (essenceOf(headers) !== problemJson) return [...breaches, 'is no problem+json'];
  const problem = parsed(text);
  return [
    ...breaches,
    ...faultsOf(pointerTo('components', 'schemas', 'Problem'), problem, ''),
    ...agreement(problem, status, headers),
  ];
}

const problemJson = 'application/problem+json';

function answerBreaches(
  operation: Operation,
  method: string,
  status: number,
  headers: Headers,
  text: string,
): string[] {
  const documented = operation.raw.responses[String(status)];
  // Told on the connection, or of HEAD where only GET is possible; no operation lists it.
  if (documented === undefined) return method === 'HEAD' && status === 405 ? [] : ['status is not documented'];
  const { value, pointer } = follow(
    documented,
    pointerTo('paths', operation.path, operation.method, 'responses', String(status)),
  );
  return [...headerBreaches(value, pointer, headers), ...bodyBreaches(value, pointer, method, status, headers, text)];
}

function headerBreaches({ headers: documented = {} }: DocumentedAnswer, pointer: string, headers: Headers): string[] {
  const breaches = Object.entries(documented).flatMap(([name, header]) => {
    const { value, pointer: at } = follow(header, `${pointer}/headers/${name}`);
    const sent = headers.get(name);
    if (sent === null) return value.required === true ? [`header ${name} is missing`] : [];
    const integer = (value.schema as { type?: string }).type === 'integer';
    return faultsOf(`${at}/schema`, integer && /^\d+$/.test(sent) ? Number(sent) : sent, `header ${name}`);
  });
  const known = new Set(Object.keys(documented).map((name) => name.toLowerCase()));
  for (const name of headers.keys())
    if (telling.test(name) && !known.has(name)) breaches.push(`header ${name} is not documented`);
  return breaches;
}

function bodyBreaches(
  { content = {} }: DocumentedAnswer,
  pointer: string,
  method: string,
  status: number,
  headers: Headers,
  text: string,
): string[] {
  if (method === 'HEAD') return text === '' ? [] : ['HEAD has a body'];
  const essence = essenceOf(headers);
  if (content[essence] === undefined) return [`media type ${essence || 'none'} is not documented`];
  const schema = `${pointer}/content/${essence.replaceAll('/', '~1')}/schema`;
  if (essence === 'application/x-ndjson') {
    return text.split('\n').flatMap((line, i) => (line === '' ? [] : faultsOf(schema, parsed(line), `line ${i + 1} `)));
  }
  if (!/[/+]json$/.test(essence)) return faultsOf(schema, text, '');
  const value = parsed(text);
  return [...faultsOf(schema, value, ''), ...(essence === problemJson ? agreement(value, status, headers) : [])];
}

function agreement(problem: unknown, status: number, headers: Headers): string[] {
  const { status: told, requestId } = problem as { status?: unknown; requestId?: unknown };
  return [
    ...(told === status ? [] : ['/status is not the answer’s']),
    ...(requestId === headers.get('x-request-id') ? [] : ['/requestId is not X-Request-Id']),
  ];
}

function essenceOf(headers: Headers): string {
  return (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

const notJson = Symbol('not JSON');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return notJson;
  }
}

/** Each of their items is judged by itself, so a taken request may hold a faulty one. */
const itemByItem: ReadonlySet<string> = new Set(['createCustomers', 'importCustomers']);

/** Throws ContractBreach when a request that the vault took (2xx) is one that the description does not allow. */
export function checkTaken(method: string, path: string, headers: Headers, body: string | undefined): void {
  const [bare = '', query = ''] = path.split('?');
  const operation = operationFor(method, bare);
  if (operation === undefined) return;
  const breaches = [...queryBreaches(operation, query), ...requestBodyBreaches(operation, headers, body)];
  if (breaches.length > 0) throw new ContractBreach(`${method} ${operation.path} was taken`, breaches);
}

function queryBreaches({ parameters }: Operation, query: string): string[] {
  return [...new URLSearchParams(query)].flatMap(([name, value]) => {
    const parameter = parameters.find((p) => p.in === 'query' && p.name === name);
    if (parameter === undefined) return [`query ${name} is not documented`];
    const integer = (parameter.schema as { type?: string }).type === 'integer';
    return faultsOf(`${parameter.pointer}/schema`, integer ? Number(value) : value, `query ${name}`);
  });
}

function requestBodyBreaches({ method, path, raw }: Operation, headers: Headers, body: string | undefined): string[] {
  if (itemByItem.has(raw.operationId)) return [];
  if (body === undefined || body === '') return raw.requestBody?.required === true ? ['body is missing'] : [];
  const essence = essenceOf(headers);
  if (raw.requestBody?.content[essence] === undefined) return [`body of type ${essence || 'none'} is not documented`];
  const value = bodyValue(essence, body);
  return faultsOf(pointerTo('paths', path, method, 'requestBody', 'content', essence, 'schema'), value, 'body');
}

function bodyValue(essence: string, body: string): unknown {
  if (essence.endsWith('json')) return parsed(body);
  return essence === 'application/x-www-form-urlencoded' ? Object.fromEntries(new URLSearchParams(body)) : body;
}

/** fetch, below `baseUrl`, that holds every exchange against the description. */
export function contractFetch(baseUrl: string): (path: string, init?: RequestInit) => Promise<Response> {
  return async (path, init = {}) => {
    const method = init.method ?? 'GET';
    const response = await fetch(baseUrl + path, init);
    const text = await response.clone().text();
    checkAnswer(method, path, response.status, response.headers, text);
    if (response.ok) checkTaken(method, path, new Headers(init.headers), textOf(init.body));
    return response;
  };
}

/** Bodies that are not text (a stream) are not looked at. */
function textOf(body: RequestInit['body']): string | undefined {
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  if (body instanceof URLSearchParams) return body.toString();
  return typeof body === 'string' ? body : undefined;
}
