import type { Profile } from './profile.ts';

/** What decides when a version takes effect. Times in milliseconds since the epoch. */
export interface DatedVersion {
  readonly number: number;
  readonly effectiveFrom: number;
  /** Does its publisher call the change an important one? */
  readonly material: boolean;
  readonly notice: Profile['notice'];
  /** Nobody can read it, or tell whose it is: it holds nobody up and waits for nothing, so that all is closed at once. */
  readonly unreadable?: true;
}

/** People were told of a version by one of the profile's channels. */
export interface GivenNotice {
  readonly number: number;
  readonly channel: string;
  readonly recordedAt: number;
}

/** From this moment on, till the next turn, everything is judged by this version. */
export interface Turn {
  readonly number: number;
  readonly from: number;
}

/**
 * Which version is in force from when, past and future, as far as versions and notices tell today. `versions` ascending. A
 * version takes effect on its day, or later, once people were told of it as the version in force has promised them (E33 «به
 * شرط مطلع کردن شما») and as it promises itself; until then the one before stays in force. Of several the highest does.
 * `start`: what is known to have taken effect already; else the first version does on its day.
 */
export function turnsOf(
  versions: readonly DatedVersion[],
  notices: readonly GivenNotice[],
  start?: Turn,
): readonly Turn[] {
  const [first] = versions;
  if (first === undefined) return [];
  const turns: Turn[] = [start ?? { number: first.number, from: first.effectiveFrom }];
  const begin = turns[0]?.from ?? 0;
  const moments = [...versions.map((v) => v.effectiveFrom), ...notices.map((n) => n.recordedAt)];
  for (const at of [...new Set([begin, ...moments.filter((moment) => moment > begin)])].sort((a, b) => a - b)) {
    const told = notices.filter((notice) => notice.recordedAt <= at);
    // A version that promises less may let a later one through at the same moment.
    for (let next = nextOf(versions, told, turns, at); next !== undefined; next = nextOf(versions, told, turns, at)) {
      turns.push({ number: next.number, from: at });
    }
  }
  return turns;
}

function nextOf(
  versions: readonly DatedVersion[],
  told: readonly GivenNotice[],
  turns: readonly Turn[],
  at: number,
): DatedVersion | undefined {
  const current = versions.find(({ number }) => number === turns.at(-1)?.number);
  return versions.findLast(
    (version) =>
      current !== undefined &&
      version.number > current.number &&
      version.effectiveFrom <= at &&
      missingNotices(current, version, told) === 0,
  );
}

/** In how many more ways people have to be told of `version` before it may take the place of `current`. */
export function missingNotices(
  current: Pick<DatedVersion, 'notice'>,
  version: DatedVersion,
  notices: readonly GivenNotice[],
): number {
  if (version.unreadable === true) return 0;
  const channels = notices.filter(({ number }) => number === version.number).map(({ channel }) => channel);
  return Math.max(...[current, version].map(({ notice }) => missing(notice, version.material, new Set(channels))));
}

function missing(rule: Profile['notice'], material: boolean, told: ReadonlySet<string>): number {
  if (!rule.requiredBeforeEffect || (rule.onlyIfMaterial && !material)) return 0;
  const counting = Object.entries(rule.channels).filter(([channel, { counts }]) => counts && told.has(channel));
  return Math.max(0, rule.atLeast - counting.length);
}
