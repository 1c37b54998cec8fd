import type { Profile } from './profile.ts';
import type { Channel, ConsentMethod } from './vocabulary.ts';

/** How a person stands to messages of one purpose by one channel. */
export const consentStates = ['none', 'explicit', 'implied', 'withdrawn'] as const;
export type ConsentState = (typeof consentStates)[number];

/** required: goes out only to whom has agreed. opt_out: to whoever has not said no. undefined: nobody is asked. */
export function consentAsked(profile: Profile, purpose: string): 'required' | 'opt_out' | undefined {
  if (consentPurposes(profile).includes(purpose)) return 'required';
  return profile.consent.optOut?.includes(purpose) === true ? 'opt_out' : undefined;
}

/** Purposes of which a consent or a withdrawal can be said, in the profile's order. */
export function ledgerPurposes(profile: Profile): readonly string[] {
  return Object.keys(profile.purposes).filter((purpose) => consentAsked(profile, purpose) !== undefined);
}

/** A profile from before there was such a rule: everything that its marketing department is for. */
function consentPurposes(profile: Profile): readonly string[] {
  return profile.consent.purposes ?? profile.departments['marketing']?.purposes ?? [];
}

/** Is this way of agreeing one by which the person says so? */
export function isExplicit(profile: Profile, method: ConsentMethod): boolean {
  return profile.consent.methods[method].explicit;
}

/** What a person who agrees, in this way, stands at. An implied consent weakens nothing and, as a rule, revives nothing. */
export function afterGiving(profile: Profile, before: ConsentState, explicit: boolean): ConsentState {
  if (explicit || before === 'explicit') return 'explicit';
  return before === 'withdrawn' && !profile.consent.withdrawal.impliedConsentOverrides ? 'withdrawn' : 'implied';
}

/** Does agreeing in this way take a contact point off the suppression list? */
export function liftsSuppression(profile: Profile, explicit: boolean): boolean {
  return explicit || profile.consent.withdrawal.impliedConsentOverrides;
}

/** May messages of this purpose go out to whom stands so? Suppression of the contact point is asked apart, and wins. */
export function opensSending(profile: Profile, purpose: string, channel: Channel, state: ConsentState): boolean {
  switch (consentAsked(profile, purpose)) {
    case undefined:
      return true;
    case 'opt_out':
      return state !== 'withdrawn';
    case 'required':
      if (!profile.consent.channels.includes(channel)) return false;
      return state === 'explicit' || (state === 'implied' && profile.consent.impliedOpensSending);
  }
}
