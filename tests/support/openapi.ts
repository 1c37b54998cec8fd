import { readFileSync } from 'node:fs';
import { inject } from 'vitest';

/** openapi.yaml as far as tests ask about it, with references to parameters, headers and responses followed. */

export const openapiText = readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8');

export interface Referable {
  readonly $ref?: string;
}
export interface Parameter extends Referable {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: object;
}
export interface Header extends Referable {
  readonly required?: boolean;
  readonly schema: object;
}
interface Media {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
export interface DocumentedAnswer extends Referable {
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Readonly<Record<string, Media>>;
}
export interface RawOperation {
  readonly operationId: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, DocumentedAnswer>>;
  readonly 'x-action'?: string;
  readonly 'x-roles'?: readonly string[];
}
export interface Description {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, { readonly enum?: readonly string[] }>>;
    readonly responses: Readonly<Record<string, DocumentedAnswer>>;
    readonly securitySchemes: {
      readonly oauth2: {
        readonly flows: { readonly clientCredentials: { readonly scopes: Readonly<Record<string, string>> } };
      };
    };
  };
}

/** One operation, with the pointer at which each of its parts stands in the document. */
export interface Operation {
  readonly method: string;
  /** `/v1/customers/{id}`. */
  readonly path: string;
  readonly raw: RawOperation;
  readonly parameters: readonly (Parameter & { readonly pointer: string })[];
}

export const description = inject('openapi') as Description;

const methods = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options', 'trace'] as const;

/** `#/components/…` to the thing itself and where it stands. */
export function follow<T extends Referable>(
  found: T,
  pointer: string,
): { readonly value: T; readonly pointer: string } {
  if (found.$ref === undefined) return { value: found, pointer };
  const value = found.$ref
    .slice(2)
    .split('/')
    .reduce<unknown>(
      (at, step) => (at as Record<string, unknown>)[step.replaceAll('~1', '/').replaceAll('~0', '~')],
      description,
    );
  return { value: value as T, pointer: found.$ref };
}

/** RFC 6901, as a fragment. */
export const pointerTo = (...steps: readonly string[]): string =>
  `#/${steps.map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`;

export const operations: readonly Operation[] = Object.entries(description.paths).flatMap(([path, item]) =>
  methods
    .filter((method) => item[method] !== undefined)
    .map((method) => {
      const raw = item[method] as RawOperation;
      const shared = (item['parameters'] ?? []) as readonly Parameter[];
      const own = raw.parameters ?? [];
      const parameters = [
        ...shared.map((p, i) => follow(p, pointerTo('paths', path, 'parameters', String(i)))),
        ...own.map((p, i) => follow(p, pointerTo('paths', path, method, 'parameters', String(i)))),
      ];
      return { method, path, raw, parameters: parameters.map(({ value, pointer }) => ({ ...value, pointer })) };
    }),
);

const shapes = Object.keys(description.paths)
  .map((path) => ({
    path,
    shape: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`),
  }))
  // A literal path comes before a pattern that it would fit as well, as it does for the router.
  .sort((one, other) => Number(one.path.includes('{')) - Number(other.path.includes('{')));

/** The operation that serves a request, HEAD by its GET. Undefined when none is documented. */
export function operationFor(method: string, path: string): Operation | undefined {
  const wanted = method.toLowerCase() === 'head' ? 'get' : method.toLowerCase();
  const found = shapes.find(({ shape }) => shape.test(path))?.path;
  return operations.find((operation) => operation.path === found && operation.method === wanted);
}
