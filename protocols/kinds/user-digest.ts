/** Mail to a person who was away. */
import { Type } from "typebox";
import { digestMark, digestOutcome, digestParts, type DigestSent, type DigestState } from "../wire/digest.ts";
import type { MailDigest } from "../wire/digest.ts";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { nothing, object, position, timeMs } from "../wire/schema.ts";

const byGateway = { from: ["gateway"], effect: "changes" } as const;

/** Answer to `digest`. */
export interface DigestOf {
  readonly wants: MailDigest;
  readonly last?: DigestSent;
  readonly to?: string;
}

export const userDigestCommands = {
  digest: command({
    ...byGateway,
    params: {},
    result: answer<DigestOf>("DigestOf"),
    effect: "reads",
    summary: "What the person wants of mail while they are away",
  }),
  /** What is not named stays. Error: BAD_REQUEST (no time zone). */
  setDigest: command({
    ...byGateway,
    params: digestParts.properties,
    result: answer<DigestOf>("DigestOf"),
    summary: "Sets what the person gets by mail while they are away",
  }),
  /** A link in a mail asks, which can do nothing else. */
  endDigest: command({
    ...byGateway,
    params: {},
    result: nothing,
    summary: "Sends the person no more mail of what they have missed",
  }),
  digestState: command({
    ...byGateway,
    params: {},
    result: answer<DigestState>("DigestState"),
    effect: "reads",
    summary: "Up to where the person was told by mail",
  }),
  /** Its node looks again then. */
  awaitDigest: command({
    ...byGateway,
    params: { revision: position, dueMs: timeMs },
    result: nothing,
    summary: "Says when to look again whether there is mail to send",
  }),
  /** From here on these notices count as told, whether or not the mail arrives. Error: CHANGED_MEANWHILE. */
  takeDigest: command({
    ...byGateway,
    params: {
      revision: position,
      told: Type.Array(digestMark, { minItems: 1, maxItems: limits.roomsPerUserMax }),
      notices: position,
    },
    result: object({ revision: position }),
    summary: "Takes notices for a mail, so that no other mail has them",
  }),
  /** After `away` they count as not told again: the mail server took nothing. `revision`: what `takeDigest` answered;
   *  settings that changed since do not matter. Error: CHANGED_MEANWHILE. */
  settleDigest: command({
    ...byGateway,
    params: { revision: position, outcome: digestOutcome, dueMs: timeMs },
    result: nothing,
    summary: "Says what became of a mail",
  }),
} as const;
