import { nameOf, type Description, type Schema } from './docsDescription.ts';
import { escape, inline } from './docsText.ts';

/** The fields of a body as nested lists; inside it, a schema that many places use is a link to where it is shown once. */
export function fieldsHtml(api: Description, schema: Schema): string {
  const found = api.follow(schema);
  const body = inner(api, found);
  return body === '' ? `<p>${kindOf(api, found)}${choice(found)}${note(found)}</p>` : `${described(found)}${body}`;
}

/** A shared schema where it is shown itself. */
export function sharedHtml(api: Description, name: string): string {
  const schema = api.components.schemas[name] ?? {};
  return `${described(schema)}${inner(api, schema)}`;
}

function described({ description }: Schema): string {
  return description === undefined ? '' : `<p>${inline(description)}</p>`;
}

/** What is inside: fields, variants or items. Empty for a plain value. */
function inner(api: Description, schema: Schema): string {
  const found = api.follow(schema);
  const variants = variantsOf(found);
  if (variants.length > 1)
    return list(
      variants.map((variant) => `<li>${variantHtml(api, variant)}</li>`),
      'variants',
    );
  if (found.properties !== undefined) {
    const required = new Set(found.required);
    const fields = Object.entries(found.properties);
    return list(
      fields.map(([name, field]) => fieldHtml(api, name, field, required.has(name))),
      'fields',
    );
  }
  const items = found.items ?? (variants[0] === undefined ? undefined : api.follow(variants[0]).items);
  if (items === undefined || linkTo(api, items) !== undefined) return '';
  return inner(api, items);
}

const list = (items: readonly string[], kind: string): string => `<ul class="${kind}">\n${items.join('\n')}\n</ul>`;

/** Alternatives other than null. */
function variantsOf({ oneOf, anyOf }: Schema): readonly Schema[] {
  return (oneOf ?? anyOf ?? []).filter(({ type }) => type !== 'null');
}

function variantHtml(api: Description, variant: Schema): string {
  const link = linkTo(api, variant);
  if (link !== undefined) return link;
  const found = api.follow(variant);
  return `<span class="variant">${escape(words(nameOf(variant)))}</span>${described(found)}${inner(api, found)}`;
}

/** `NewPerson` as `new person`. */
function words(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}

function fieldHtml(api: Description, name: string, field: Schema, required: boolean): string {
  const found = api.follow(field);
  const link = linkTo(api, field);
  const must = required === api.answered ? '' : presence(api);
  const head = `<code class="name">${escape(name)}</code> <span class="kind">${link ?? kindOf(api, found)}</span>`;
  // What is said where it is used goes before what is said of it everywhere.
  const said = link === undefined ? { ...found, description: field.description ?? found.description } : field;
  return `<li>${head}${choice(found)}${must}${note(said)}${link === undefined ? inner(api, found) : ''}</li>`;
}

const presence = ({ answered }: Description): string =>
  answered ? ' <span class="kind">not always there</span>' : ' <span class="must">required</span>';

function note({ description }: Pick<Schema, 'description'> | { readonly description: string | undefined }): string {
  return description === undefined ? '' : ` <span class="note">${inline(description)}</span>`;
}

function choice({ enum: values = [] }: Schema): string {
  return values.length < 2 ? '' : ` <span class="choice">${choices(values)}</span>`;
}

const choices = (values: readonly string[]): string => values.map((value) => `<code>${escape(value)}</code>`).join(' ');

/** A link for a schema that is shown apart. */
function linkTo(api: Description, schema: Schema): string | undefined {
  const name = nameOf(schema);
  return api.shared.has(name) ? `<a href="#schema-${name}">${escape(words(name))}</a>` : undefined;
}

/** What kind of value it is and its bounds, in words. */
export function kindOf(api: Description, schema: Schema): string {
  const found = api.follow(schema);
  const only = found.const ?? (found.enum?.length === 1 ? found.enum[0] : undefined);
  if (only !== undefined) return `always <code>${escape(String(only))}</code>`;
  const variants = variantsOf(found);
  const nullable =
    (found.anyOf ?? found.oneOf ?? []).some(({ type }) => type === 'null') || found.type?.includes('null') === true;
  const kind =
    variants.length === 1 && variants[0] !== undefined ? linkedKind(api, variants[0]) : plainKind(api, found);
  return nullable ? `${kind}, or null` : kind;
}

function linkedKind(api: Description, schema: Schema): string {
  return linkTo(api, schema) ?? kindOf(api, schema);
}

function plainKind(api: Description, schema: Schema): string {
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.find((name) => name !== 'null');
  switch (type) {
    case 'string':
      return textKind(schema);
    case 'integer':
    case 'number':
      return `${type === 'integer' ? 'whole number' : 'number'}${range(schema.minimum, schema.maximum)}${otherwise(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `list${range(schema.minItems, schema.maxItems)}${itemKind(api, schema.items)}`;
    case undefined:
    default:
      return variantsOf(schema).length > 1 ? 'one of' : 'object';
  }
}

/** What is in a list; the fields of an object follow below it anyway. */
function itemKind(api: Description, items: Schema = {}): string {
  const kind = linkedKind(api, items);
  return kind === 'object' || kind === 'one of' ? '' : ` of ${kind}`;
}

const formats: Readonly<Record<string, string>> = { uuid: 'UUID', date: 'day', 'date-time': 'time', uri: 'URI' };

function textKind({ enum: values, format, minLength, maxLength }: Schema): string {
  if (values !== undefined) return 'one of';
  const named = formats[format ?? ''];
  if (named !== undefined) return named;
  const least = minLength === undefined || minLength <= 1 ? undefined : minLength;
  return maxLength !== undefined && least === maxLength
    ? `text of ${maxLength} characters`
    : `text${range(least, maxLength)}`;
}

function range(least: number | undefined, most: number | undefined): string {
  if (least === undefined) return most === undefined ? '' : `, up to ${grouped(most)}`;
  return most === undefined ? `, from ${grouped(least)}` : `, ${grouped(least)} to ${grouped(most)}`;
}

const grouped = (n: number): string => n.toLocaleString('en-US');

function otherwise({ default: value }: Schema): string {
  return typeof value === 'number' ? `, ${grouped(value)} when absent` : '';
}
