import type { GroundKind } from '../policy/vocabulary.ts';
import type { LegalOrderRecord } from './legalOrderRecord.ts';
import { authorityWords, gradeWords, groundWords, recipientWords, wordFor } from './persianWords.ts';
import { dayHtml, numberHtml, textHtml } from './persianText.ts';
import { html, type Html } from './printedPage.ts';

/** What a package says of the order it rests on. Authority and letter are missing where the ground is no letter. */
export interface DisclosedOrder {
  readonly ground?: GroundKind | undefined;
  readonly authority?: LegalOrderRecord['authority'];
  readonly letter?:
    (NonNullable<LegalOrderRecord['letter']> & { readonly dateJalali?: string | undefined }) | undefined;
  readonly case?: LegalOrderRecord['case'];
  readonly basis?: LegalOrderRecord['basis'];
  readonly recipient?: RecipientNamed | undefined;
}

export interface RecipientNamed {
  readonly name: string;
  readonly title?: string | undefined;
  readonly unit?: string | undefined;
  readonly as?: string | undefined;
  /** Number of the card that was shown. */
  readonly card?: string | undefined;
}

/** One thing the letter says: its name, its value, and whether it wants a line of its own. */
export interface Fact {
  readonly name: string;
  readonly value: Html | undefined;
  readonly wide?: boolean;
}

/** Facts in two columns; what is not there is left out, and a fact that would stand beside a gap takes the line. */
export function factsHtml(facts: readonly Fact[]): Html {
  const there = facts.filter(({ value }) => value !== undefined);
  let beside = false;
  const rows = there.map(({ name, value, wide = false }, i) => {
    const next = there[i + 1];
    const alone = wide || (!beside && (next === undefined || next.wide === true));
    beside = !alone && !beside;
    return html`<div class="${alone ? 'wide' : 'half'}">
      <dt>${name}</dt>
      <dd>${value}</dd>
    </div>`;
  });
  return html`<dl class="facts">${rows}</dl>`;
}

/** The authority and its letter. Without `names`, nothing that is somebody's name, nor free text that could hold one. */
export function letterFacts(order: DisclosedOrder, show: { readonly names: boolean }): readonly Fact[] {
  const { authority, letter } = order;
  return [
    { name: 'مبنای ارائه', value: order.ground && html`${groundWords[order.ground]}` },
    { name: 'نوع مرجع', value: authority && html`${wordFor(authorityWords, authority.kind)}` },
    { name: 'مرجع صادرکننده', value: authority && textHtml(authority.name), wide: true },
    { name: 'شعبه', value: authority && branchHtml(authority) },
    { name: 'حوزهٔ قضایی', value: maybe(authority?.jurisdiction) },
    { name: 'مقام صادرکننده', value: authority && officialHtml(authority, show.names) },
    { name: 'شمارهٔ نامه', value: maybe(letter?.number) },
    { name: 'تاریخ نامه', value: letter && dayHtml(letter.date) },
    { name: 'شمارهٔ پرونده', value: maybe(letter?.caseNumber ?? order.case?.number, numberHtml) },
    { name: 'شمارهٔ بایگانی', value: maybe(letter?.archiveNumber) },
    { name: 'مرجع پرونده', value: maybe(order.case?.authority) },
    { name: 'موضوع', value: show.names ? maybe(letter?.subject) : undefined, wide: true },
    { name: 'پیوست', value: show.names ? maybe(letter?.annexes) : undefined },
    { name: 'مستند قانونی', value: basisHtml(order.basis), wide: true },
  ];
}

export function gradeText({ letter }: DisclosedOrder): string | undefined {
  return letter?.confidentiality === undefined ? undefined : gradeWords[letter.confidentiality];
}

export function recipientHtml({ name, title, unit, as }: RecipientNamed): Html {
  const role = as === undefined ? undefined : html` <small>(${wordFor(recipientWords, as)})</small>`;
  return html`${listed([name, title, unit])}${role}`;
}

type Authority = NonNullable<DisclosedOrder['authority']>;

/** «شعبهٔ ۳ بازپرسی». */
function branchHtml({ branchKind, branchNumber }: Authority): Html | undefined {
  if (branchNumber === undefined) return maybe(branchKind);
  return html`شعبهٔ ${textHtml(branchNumber)}${branchKind === undefined ? undefined : html` ${textHtml(branchKind)}`}`;
}

function officialHtml({ officialName, officialTitle }: Authority, named: boolean): Html | undefined {
  const parts = [named ? officialName : undefined, officialTitle];
  return parts.every((part) => part === undefined) ? undefined : listed(parts);
}

/** «مادهٔ ۶۷۱ قانون آیین دادرسی کیفری». */
function basisHtml(basis: DisclosedOrder['basis']): Html | undefined {
  if (basis?.article === undefined) return maybe(basis?.law);
  return html`مادهٔ ${textHtml(basis.article)}${basis.law === undefined ? undefined : html` ${textHtml(basis.law)}`}`;
}

function maybe(text: string | undefined, write: (text: string) => Html = textHtml): Html | undefined {
  return text === undefined ? undefined : write(text);
}

/** Parts that are there, with a Persian comma between them. */
export function listed(parts: readonly (string | undefined)[]): Html {
  const there = parts.filter((part) => part !== undefined);
  return html`${there.map((part, i) => html`${i === 0 ? '' : '، '}${textHtml(part)}`)}`;
}
