import { curlHtml, exampleOf } from './docsCurl.ts';
import type { Description, Media, Operation, Parameter, Reply, Schema } from './docsDescription.ts';
import { fieldsHtml, kindOf } from './docsSchema.ts';
import { escape, inline, jsonHtml, prose } from './docsText.ts';

/** One call: who may make it, what it takes, what it answers, how it looks in a shell. */
export function operationHtml(api: Description, operation: Operation): string {
  const { operationId, method, path, summary, description } = operation;
  return `<article id="${operationId}">
<h3><a href="#${operationId}">${escape(summary)}</a></h3>
<p class="call"><span class="method ${method}">${method.toUpperCase()}</span> <code>${breakable(path)}</code></p>
${prose(description)}
${whoHtml(operation)}
${parametersHtml(api, operation.parameters)}
${bodyHtml(api, operation)}
<h4>Example</h4>
${curlHtml(operation)}
${answersHtml(api, operation)}
</article>`;
}

/** A long path may break after a slash. */
const breakable = (path: string): string => escape(path).replaceAll('/', '/<wbr>');

function whoHtml({ security = [], 'x-roles': roles = [] }: Operation): string {
  const scopes = security.flatMap((one) => one['oauth2'] ?? []);
  if (roles.length > 0) return `<p class="who">Roles ${codes(roles)} · scope ${codes(scopes)}</p>`;
  return security.length === 0
    ? '<p class="who">Public, without a token</p>'
    : '<p class="who">Any client, by its own credentials</p>';
}

const codes = (names: readonly string[]): string => names.map((name) => `<code>${escape(name)}</code>`).join(' ');

function parametersHtml(api: Description, parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return '';
  const items = parameters.map(({ name, in: place, required, schema, description = '' }) => {
    const must = required === true ? ' <span class="must">required</span>' : '';
    const head = `<code class="name">${escape(name)}</code> <span class="kind">${place}, ${kindOf(api, schema)}</span>${must}`;
    return `<li>${head} <span class="note">${inline(description)}</span></li>`;
  });
  return `<h4>Parameters</h4>\n<ul class="fields">\n${items.join('\n')}\n</ul>`;
}

function bodyHtml(api: Description, { requestBody }: Operation): string {
  if (requestBody === undefined) return '';
  const parts = Object.entries(requestBody.content).map(([type, media]) => {
    const optional = requestBody.required === true ? '' : ' <span class="kind">may be left out</span>';
    return `<h4>Body <code>${escape(type)}</code>${optional}</h4>\n${fieldsHtml(api, media.schema)}\n${moreExamples(media)}`;
  });
  return parts.join('\n');
}

/** The first example stands in the curl call. */
function moreExamples({ examples = {} }: Media): string {
  const [, ...others] = Object.values(examples);
  return others
    .map(({ summary = 'Another example', value }) => {
      const shown = `<pre dir="ltr"><code>${jsonHtml(value)}</code></pre>`;
      return `<details><summary>Example: ${escape(summary)}</summary>${shown}</details>`;
    })
    .join('\n');
}

function answersHtml(api: Description, { responses }: Operation): string {
  const answers = Object.entries(responses)
    .sort(([one], [other]) => Number(one) - Number(other))
    .map(([status, reply]) => ({ status, reply: api.follow(reply) }));
  const good = answers.filter(({ status }) => status.startsWith('2'));
  const refused = answers.filter(({ status }) => !status.startsWith('2'));
  return `<h4>Answers</h4>
${good.map(({ status, reply }) => goodHtml(api, status, reply)).join('\n')}
<dl class="refusals">
${refused.map(({ status, reply }) => refusalHtml(api, status, reply)).join('\n')}
</dl>`;
}

function goodHtml(api: Description, status: string, { description, headers = {}, content = {} }: Reply): string {
  const telling = Object.keys(headers).filter((name) => ['ETag', 'Location', 'Repr-Digest'].includes(name));
  const parts = Object.entries(content).map(([type, media]) => mediaHtml({ ...api, answered: true }, type, media));
  const told = telling.length === 0 ? '' : `<p>Headers ${codes(telling)}</p>`;
  return `<details><summary><b class="good">${status}</b> ${inline(description)}</summary>${told}${parts.join('\n')}</details>`;
}

function mediaHtml(api: Description, type: string, media: Media): string {
  const example = exampleOf(media);
  const shown = example === undefined ? '' : `<pre dir="ltr"><code>${jsonHtml(example)}</code></pre>`;
  return `<p><code>${escape(type)}</code></p>\n${fieldsHtml(api, media.schema)}\n${shown}`;
}

function refusalHtml(api: Description, status: string, { description, content = {} }: Reply): string {
  const listed = codesOf(api, content['application/problem+json']?.schema);
  const links = listed.map((code) => `<a href="#${code}"><code>${code}</code></a>`).join(' ');
  return `<dt><b>${status}</b></dt><dd>${links} <span class="note">${inline(description)}</span></dd>`;
}

/** The problem codes that an answer narrows its schema to. */
function codesOf(api: Description, schema: Schema | undefined): readonly string[] {
  const parts = schema === undefined ? [] : (api.follow(schema).allOf ?? []);
  return parts.flatMap((part) => part.properties?.['code']?.enum ?? []);
}
