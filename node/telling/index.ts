/** Telling people who were away what they have missed.
 *
 *      person ─ rooms with something to read ─► each room, in their name: what is behind their marker ─► page
 *                                                        └─ tell (protocols/telling): does it concern them?
 *
 *      reminder of the account ─► digest.ts: what of it was in no mail ─► one mail
 *
 *  Nothing is kept here: what was missed is what is behind the read markers, which the rooms keep. */
export { handleCatchUp } from "./catch-up.ts";
export { pushSendLimits, type TellingLimits } from "./limits.ts";
export { createPushCalls, type PushCalls } from "./push-calls.ts";
export { createDigests } from "./digest.ts";
