/** A claim on a name from outside: a mail address belongs to one account of the cluster. `claim/mail.HASH` says to
 *  which. */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { nothing, userName } from "../wire/schema.ts";

const byGateway = { from: ["gateway"], effect: "changes" } as const;

/** Commands to a claim. */
export const claimCommands = {
  find: command({
    ...byGateway,
    params: {},
    result: answer<ClaimHolder>("ClaimHolder"),
    effect: "reads",
    summary: "Whose it is",
  }),
  /** Holds it for a while, in which the person's actor keeps it, or it is free again. Error: NAME_TAKEN. */
  take: command({
    ...byGateway,
    params: { user: userName },
    result: answer<ClaimTaken>("ClaimTaken"),
    summary: "Takes it for a person who has shown that it is theirs",
  }),
  /** The person's actor sends it. Error: NAME_TAKEN. */
  keep: command({
    params: {},
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Keeps it for the sender",
  }),
  /** A gateway may release only what is not kept yet. */
  release: command({
    params: { user: Type.Optional(userName) },
    result: nothing,
    from: ["actor", "gateway"],
    effect: "changes",
    summary: "Releases it",
  }),
} as const;

/** Answer to `find`. */
export interface ClaimHolder {
  readonly user?: string;
}

/** Answer to `take`. */
export interface ClaimTaken {
  /** It was this person's before. */
  readonly had: boolean;
}
