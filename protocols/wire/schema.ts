import { Type, type Static, type TSchema, type TStringOptions } from "typebox";
import { keyText } from "../ids.ts";
import { wireLimits as limits } from "../limits.ts";
import { textFault, type TextKind } from "../text/text.ts";

/** Pieces that the schemas of several kinds share. A schema is JSON Schema: HTTP, WebSocket, OpenAPI and tools use the
 *  same. */

export const object = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

export const key = Type.String({ pattern: `^${keyText}$`, maxLength: 96 });

/** A user's name: no dot, because an agent is `owner.name`. */
export const userName = Type.String({
  pattern: "^[a-z0-9][a-z0-9_-]{0,31}$",
  maxLength: limits.nameCharsMax,
  description: "Lower-case letters, digits, _ and -",
});

/** A room's name. Direct rooms are named by the node, `dm.ada.bob`. */
export const roomKey = key;

/** A user (`user/ada`) or an agent (`agent/ada.helper`) as member, author or sender. */
export const principal = Type.String({ pattern: `^(user|agent)/${keyText}$`, maxLength: 104 });

/** The name of a blob: 64 hexadecimal digits that say what it consists of. */
export const blobHash = Type.String({ pattern: "^[0-9a-f]{64}$" });

export const position = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** For how long, counted from when the receiver hears of it: no two clocks are the same. */
export const spanMs = Type.Integer({ minimum: 0, maximum: 400 * 24 * 3_600_000 });
export const timeMs = Type.Integer({ minimum: 0, description: "Milliseconds since 1970, node clock" });
export const limit = Type.Integer({ minimum: 1, maximum: limits.pageEntriesMax, default: limits.pageEntriesDefault });

/** A string that `textFault` finds nothing wrong with. */
const taken = (kind: TextKind, minLength: number, options: TStringOptions) =>
  Type.Refine(
    Type.String({ ...(minLength > 0 && { minLength }), ...options }),
    (value) => textFault(value, kind) === undefined,
    (value) => textFault(value, kind) ?? "",
  );

/** What is shown by itself: messages, personas. */
export const text = (maxLength: number, minLength = 1) =>
  taken("lines", minLength, {
    maxLength,
    description: "Well-formed text with something visible in it; of control characters only tab and line end",
  });

/** What is shown within a line: titles, topics, people's names, labels, reasons. */
export const line = (maxLength: number, minLength = 1, pattern?: string) =>
  taken("line", minLength, {
    maxLength,
    ...(pattern !== undefined && { pattern }),
    description: "One line of well-formed text with something visible in it; no control characters",
  });

/** What the writer of something has seen of it, or null where there was none. If it is something else by now,
 *  nothing is written: CHANGED_MEANWHILE, with `now`. Without it, the write takes the place of whatever is there. */
export const seenOf = <Seen extends TSchema>(seen: Seen) => Type.Optional(Type.Union([Type.Null(), seen]));

/** Nothing to say: the empty object. */
export const nothing = object({});
export type Nothing = Static<typeof nothing>;

/** The answer to `resume`. Without `after`: `state` at `head`. With it: the events after it, oldest first, `more` when
 *  the page was not enough (ask again from the last one's position). Errors: CURSOR_INVALID, CURSOR_EXPIRED. */
export interface Resumed<State, Event> {
  readonly head: number;
  readonly state?: State;
  readonly events?: readonly { readonly at: number; readonly event: Event }[];
  readonly more?: boolean;
  /** With the last of the events: best-effort signals that say again what goes on now. */
  readonly signals?: readonly unknown[];
}
