import { isLonger } from './duration.ts';
import type { Finding } from './finding.ts';
import type { Profile } from './profile.ts';
import { processorKinds } from './vocabulary.ts';
import type { Field, ProcessorKind } from './vocabulary.ts';

/** Where a policy's own sentences collide with each other, or with the law that stands above them. */
export function contradictions(profile: Profile): readonly Finding[] {
  return [
    ...processorKinds.flatMap((kind) => workWithoutProcessor(profile, kind)),
    ...processorKinds.flatMap((kind) => cellsOfClosedProcessor(profile, kind)),
    ...invoices(profile),
    ...marketing(profile),
    ...notices(profile),
    ...disclosure(profile),
    ...silence(profile),
    ...lengths(profile),
  ];
}

/** The purpose that a firm of this kind serves; the form and items that promise its work where no such purpose is declared. */
const serves: Readonly<Record<ProcessorKind, { purpose: string; form: 'order' | 'refund'; items: readonly Field[] }>> =
  {
    courier: { purpose: 'shipping', form: 'order', items: ['address', 'recipientAddress'] },
    payment_processor: { purpose: 'payment', form: 'refund', items: ['iban'] },
  };

/** C12 and D21 against C4 and D3: nobody else may see the data, yet the shop promises to ship. */
function workWithoutProcessor(profile: Profile, kind: ProcessorKind): readonly Finding[] {
  const { allowed, title, clauses } = profile.processors[kind];
  const promised = promiseOf(profile, kind);
  if (allowed || promised === undefined) return [];
  const [by, off] = [promised.clauses.join(', '), clauses.join(', ')];
  return [
    {
      severity: 'contradiction',
      code: `${kind}_off`,
      message: `${promised.en} (${by}), but no ${kind} may act for the shop (${off}): it must do this work itself, or publish a version that allows one`,
      messageFa: `${promised.fa} (${by}) ولی «${title.fa}» اجازهٔ کار ندارد (${off}): فروشگاه باید خود این کار را انجام دهد یا نسخه‌ای منتشر کند که اجازه بدهد`,
    },
  ];
}

interface Promised {
  readonly en: string;
  readonly fa: string;
  readonly clauses: readonly string[];
}

/** What of the profile promises the work of such a firm. */
function promiseOf(profile: Profile, kind: ProcessorKind): Promised | undefined {
  const { purpose, form, items } = serves[kind];
  const declared = Object.hasOwn(profile.purposes, purpose) ? profile.purposes[purpose] : undefined;
  if (declared !== undefined) {
    const { title, clauses } = declared;
    return { en: `The purpose ${purpose} is declared`, fa: `هدف «${title.fa}» اعلام شده`, clauses };
  }
  const asking = Object.values(profile.forms[form]).find(({ demands }) =>
    demands.some((choice) => choice.some((field) => items.includes(field))),
  );
  if (asking === undefined) return undefined;
  const { clauses } = asking;
  return { en: `The form ${form} asks for what such work needs`, fa: `فرم ${form} دادهٔ این کار را می‌خواهد`, clauses };
}

function cellsOfClosedProcessor(profile: Profile, kind: ProcessorKind): readonly Finding[] {
  const written = Object.values(profile.access).some((row) => Object.hasOwn(row, kind));
  if (profile.processors[kind].allowed || !written) return [];
  return [
    {
      severity: 'note',
      code: 'processor_cells_closed',
      message: `The access matrix has cells for ${kind}, which is switched off: they stay closed`,
      messageFa: `ماتریس دسترسی برای «${profile.processors[kind].title.fa}» خانه دارد ولی این نقش بسته است`,
    },
  ];
}

/** C6 against the books: a shop that sells writes invoices, and here nobody may read what one prints. */
function invoices(profile: Profile): readonly Finding[] {
  const sells = Object.keys(profile.forms.order).length > 0;
  if (!sells || profile.grantKinds.invoice !== undefined) return [];
  return [
    {
      severity: 'contradiction',
      code: 'invoice_off',
      message:
        'Orders are taken, but no department may read what an invoice prints: it must be written without the vault',
      messageFa: 'سفارش گرفته می‌شود ولی هیچ بخشی دادهٔ فاکتور را نمی‌بیند: فاکتور باید بیرون از این سامانه صادر شود',
    },
  ];
}

/** E31 against ECA 55: consent that was never said does not make sending lawful. */
function marketing(profile: Profile): readonly Finding[] {
  const { methods, impliedOpensSending, withdrawal } = profile.consent;
  const found: Finding[] = [];
  if (impliedOpensSending && Object.values(methods).some(({ explicit }) => !explicit)) {
    found.push({
      severity: 'contradiction',
      code: 'implied_consent_sends',
      message: 'Consent by mere use opens sending, although ECA 55 wants the person to decide',
      messageFa: 'رضایت ضمنی ارسال تبلیغ را باز می‌کند، با آنکه مادهٔ ۵۵ قانون تجارت الکترونیکی انتخاب شخص را می‌خواهد',
    });
  }
  if (withdrawal.impliedConsentOverrides) {
    found.push({
      severity: 'contradiction',
      code: 'withdrawal_overridden',
      message: 'A later implied consent overrides a withdrawal that may be made at any time',
      messageFa: 'رضایت ضمنی بعدی انصراف شخص را بی‌اثر می‌کند',
    });
  }
  return found;
}

/** B26 and A26 against the duty to tell: a change that nobody hears of. */
function notices(profile: Profile): readonly Finding[] {
  const { requiredBeforeEffect, atLeast, channels } = profile.notice;
  if (!requiredBeforeEffect) {
    return [
      {
        severity: 'note',
        code: 'version_unannounced',
        message: 'A new version takes effect without a notice: whoever is concerned has to look for it',
        messageFa: 'نسخهٔ تازه بدون اطلاع‌رسانی اثر می‌کند و خود شخص باید سراغ آن را بگیرد',
      },
    ];
  }
  if (Object.values(channels).filter(({ counts }) => counts).length >= atLeast) return [];
  return [
    {
      severity: 'error',
      code: 'notice_without_channel',
      pointer: '/notice/channels',
      message: 'A version needs notices before it takes effect, but fewer channels count than it needs',
      messageFa:
        'اثر هر نسخه به اطلاع‌رسانی بسته است ولی راه‌هایی که اطلاع‌رسانی شمرده می‌شوند کمتر از آن است که لازم است',
    },
  ];
}

/** An order of a court has to be obeyed whatever the policy says (CPC 669 to 675). */
function disclosure(profile: Profile): readonly Finding[] {
  const { judicial_order: order, consent } = profile.grounds;
  const found: Finding[] = [];
  if (!order.allowed) {
    found.push({
      severity: 'contradiction',
      code: 'judicial_order_off',
      message: 'The policy allows no disclosure on a judicial order, which the law compels',
      messageFa: 'این سیاست افشا با حکم قضایی را نمی‌پذیرد، حال آنکه قانون به آن ملزم می‌کند',
    });
  }
  if (consent.allowed && order.allowed) {
    found.push({
      severity: 'contradiction',
      code: 'order_beside_permission',
      message:
        'Every disclosure needs permission first, yet an order of a court is obeyed without: the record says which',
      messageFa: 'هر افشا اجازهٔ قبلی می‌خواهد ولی حکم دادگاه بدون آن اجرا می‌شود؛ پرونده می‌گوید کدام بوده است',
    });
  }
  if (consent.allowed && processorKinds.some((kind) => profile.processors[kind].allowed)) {
    found.push({
      severity: 'contradiction',
      code: 'processors_beside_permission',
      message: 'Firms act for the shop, although every disclosure needs the permission of the person first',
      messageFa: 'شرکت‌های همکار مجازند، با آنکه هر افشا اجازهٔ قبلی شخص را می‌خواهد',
    });
  }
  return found;
}

/** A text may be silent on it; whoever publishes the profile should know what the vault then does. */
function silence(profile: Profile): readonly Finding[] {
  const found: Finding[] = [];
  if (profile.disclosureNotice === undefined) {
    found.push({
      severity: 'note',
      code: 'disclosure_notice_silent',
      message: 'The policy does not say whether a person is told of a disclosure, so nobody is told',
      messageFa: 'این سیاست نمی‌گوید که افشا به شخص اطلاع داده می‌شود یا نه؛ پس به کسی اطلاع داده نمی‌شود',
    });
  }
  if (profile.complaintContact === undefined) {
    found.push({
      severity: 'note',
      code: 'complaint_contact_silent',
      message: 'The policy does not say where to complain: its contact is the only address',
      messageFa: 'این سیاست نشانی شکایت ندارد و تنها نشانی همان نشانی تماس است',
    });
  }
  return found;
}

/** Lengths that the law bounds from above or below. */
function lengths(profile: Profile): readonly Finding[] {
  const { order_shipping: shipping, preservation_hold: hold, alternate_recipient: alternate } = profile.retention;
  const found: Finding[] = [];
  // Seven working days are never more than eleven days, holidays aside.
  if (shipping.clock === 'delivery' && isLonger('P11D', shipping.keep)) {
    found.push({
      severity: 'contradiction',
      code: 'withdrawal_window',
      message: 'Shipping data are erased before the right of withdrawal ends (ECA 37: seven working days)',
      messageFa: 'دادهٔ ارسال پیش از پایان مهلت انصراف پاک می‌شود (مادهٔ ۳۷: هفت روز کاری)',
    });
  }
  if (hold.most === undefined || isLonger(hold.most.length, 'P3M')) {
    found.push({
      severity: 'contradiction',
      code: 'hold_too_long',
      message: 'A preservation hold may last longer than three months (CPC 669)',
      messageFa: 'نگهداری حفاظتی از سه ماه درازتر است (مادهٔ ۶۶۹ آیین دادرسی کیفری)',
    });
  }
  if (alternate.most !== undefined && isLonger(alternate.keep, alternate.most.length)) {
    found.push({
      severity: 'error',
      code: 'keep_beyond_most',
      pointer: '/retention/alternate_recipient/most',
      message: 'Alternate recipients are kept longer than the most that is allowed',
      messageFa: 'دادهٔ گیرندهٔ دیگر بیش از حداکثر مجاز نگه داشته می‌شود',
    });
  }
  return found;
}
