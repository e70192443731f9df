/** What a caller has shown to the gateway that sends a command of power. The owner of the state looks at it itself:
 *  a gateway of an older version decides by its own permissions (docs/decisions/0153-owners-look-at-power.md). */
import { Type, type Static } from "typebox";
import { isForTokens, needsFresh } from "../authority/index.ts";
import type { Command } from "../wire/command.ts";
import { failure, type Failure } from "../errors.ts";
import { wireLimits } from "../limits.ts";
import type { Permission } from "../authority/permissions.ts";
import { key, object } from "../wire/schema.ts";

/** `as`: `session` of a person, with its id and how long ago they proved who they are; `token` of the control endpoint;
 *  `operator`; `rule`, which somebody with the right has set, and nobody asks. Nothing else suffices: no `key`. */
const shown = object({
  as: Type.String({ maxLength: 16 }),
  session: Type.Optional(key),
  provedAgoMs: Type.Optional(Type.Integer({ minimum: 0 })),
});
export type Shown = Static<typeof shown>;

/** What such a command says of the caller; undefined: the gateway does not know it. */
export interface WithShown {
  readonly shown?: Shown | undefined;
}

/** Nobody asks: it follows from what somebody with the right has set. */
export const byRule: WithShown = { shown: { as: "rule" } };

/** The field of each command of power that a gateway sends. A gateway of before does not say it. */
export const shownField = { shown: Type.Optional(shown) } as const;

/** Which permission of power a gateway's command takes, by its row and by what is asked; undefined: none. */
export function powerNeeded(row: Pick<Command, "permission" | "needsFor">, message: object): Permission | undefined {
  return [row.needsFor?.(message as never), row.permission].find((one) => one !== undefined && needsFresh(one));
}

const untold =
  "this was asked at a node of an older version, which does not tell how you are signed in: " +
  "ask another node, or wait until that one is updated";

/** Why what was shown does not suffice for a permission; undefined: it does. Errors: FORBIDDEN, SIGN_IN_AGAIN. */
export function refusalOfShown(permission: Permission, said: Shown | undefined): Failure | undefined {
  const forbidden = (reason: string): Failure => failure("FORBIDDEN", { permission, reason });
  if (said === undefined) return forbidden(untold);
  const withinMs = wireLimits.freshSignInMs;
  switch (said.as) {
    case "operator":
    case "rule":
      return undefined;
    case "token":
      return isForTokens(permission) ? undefined : forbidden("this needs a person; control tokens may not do it");
    case "session":
      return (said.provedAgoMs ?? Number.POSITIVE_INFINITY) <= withinMs
        ? undefined
        : failure("SIGN_IN_AGAIN", { permission, withinMs });
    default:
      return forbidden("this needs a signed-in session; API keys may not do it");
  }
}
