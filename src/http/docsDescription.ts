import { parse } from 'yaml';

/** openapi.yaml as far as the page shows it. */

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly const?: string | boolean;
  readonly default?: unknown;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

interface Referable {
  readonly $ref?: string;
}
export interface Parameter extends Referable {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
  readonly example?: unknown;
}
export interface Media {
  readonly schema: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly summary?: string; readonly value: unknown }>>;
}
export interface Reply extends Referable {
  readonly description: string;
  readonly headers?: Readonly<Record<string, Referable & { readonly description?: string }>>;
  readonly content?: Readonly<Record<string, Media>>;
}
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Reply>>;
  readonly 'x-roles'?: readonly string[];
}

interface Document {
  readonly info: {
    readonly title: string;
    readonly summary: string;
    readonly version: string;
    readonly description: string;
  };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly securitySchemes: {
      readonly oauth2: {
        readonly description: string;
        readonly flows: { readonly clientCredentials: { readonly scopes: Readonly<Record<string, string>> } };
      };
    };
  };
}

export interface Description extends Document {
  readonly operations: readonly Operation[];
  /** What a reference stands for; the thing itself when it is none. */
  readonly follow: <T extends Referable>(found: T) => T;
  /** Names of the schemas that are shown once, in a section of their own, because many places use them. */
  readonly shared: ReadonlySet<string>;
  /** Is it an answer's fields that are shown? Then a field is there or not, and nothing is required. */
  readonly answered: boolean;
}

const methods = new Set(['get', 'post', 'patch', 'put', 'delete']);
/** Places that use a schema before it is shown apart. */
const shownApart = 3;

/** Reads the description whole. It is our own file, checked by tests, so nothing is checked again here. */
export function readDescription(yaml: string): Description {
  const document = parse(yaml) as Document;
  const follow = <T extends Referable>(found: T): T => {
    if (found.$ref === undefined) return found;
    const steps = found.$ref.slice(2).split('/');
    return steps.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], document) as T;
  };
  const operations = operationsOf(document, follow);
  return { ...document, follow, operations, shared: sharedSchemas(document, yaml), answered: false };
}

function operationsOf({ paths }: Document, follow: Description['follow']): Operation[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    // In the order of the file, which is the order in which calls are made.
    Object.entries(item).flatMap(([method, found]) => {
      if (!methods.has(method)) return [];
      const operation = found as Operation;
      const own = [...((item['parameters'] ?? []) as Parameter[]), ...(operation.parameters ?? [])];
      return [{ ...operation, method, path, parameters: own.map((parameter) => follow(parameter)) }];
    }),
  );
}

function sharedSchemas({ components }: Document, yaml: string): Set<string> {
  const uses = new Map<string, number>();
  for (const [, name = ''] of yaml.matchAll(/#\/components\/schemas\/(\w+)/g))
    uses.set(name, (uses.get(name) ?? 0) + 1);
  const structured = Object.entries(components.schemas).filter(([, s]) => s.properties ?? s.oneOf ?? s.items);
  return new Set(structured.filter(([name]) => (uses.get(name) ?? 0) >= shownApart).map(([name]) => name));
}

export function nameOf(schema: Schema): string {
  return schema.$ref?.split('/').at(-1) ?? '';
}
