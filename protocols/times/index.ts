/** Times that are kept until they come. No node can tell later which of them a wrong clock has set, so each is compared
 *  with what its own rule allows. */

/** So far the clocks of one cluster may lie apart. What lies further off was set by one that was wrong. */
export const clocksApartMs = 24 * 3_600_000;

/** How long ago something was. What lies further ahead than clocks lie apart was noted by one that was wrong: as long
 *  ago as can be, so that it is done anew. */
export const agoMs = (nowMs: number, atMs: number): number =>
  atMs - nowMs > clocksApartMs ? nowMs : Math.max(0, nowMs - atMs);

/** Whether what holds for `lifeMs`, and ends at `untilMs`, holds now. What would end later than anything that begins
 *  now was begun while a clock was ahead, and is over: it would hold for years else. */
export const holdsAt = (nowMs: number, untilMs: number, lifeMs: number): boolean =>
  untilMs > nowMs && untilMs - nowMs <= lifeMs + clocksApartMs;
