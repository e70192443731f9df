/** Links into rooms: the gateway makes the secret and shows it once, and counts wrong ones; the room knows its hash. */
import {
  acted,
  actorId,
  failure,
  ok,
  refused,
  joinMark,
  type ActorId,
  type LinkLookedThrough,
  type Result,
  type RoomBehindLink,
  type RoomLink,
  type RoomView,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { callerOf } from "../edge/http.ts";
import { createGuessLimit } from "../edge/guess-limit.ts";
import { createDevice, sha256 } from "../identity/tokens.ts";
import type { GatewayContext } from "../options.ts";
import type { OwnHandlers } from "../rest/own.ts";
import { mayMake } from "./makers.ts";

type Handled = "rooms.addLink" | "rooms.removeLink" | "rooms.lookThrough" | "rooms.joinByLink";

/** The handlers. */
export function handleJoinLinks(
  at: Pick<GatewayContext, "kernel" | "limits" | "rates" | "random" | "newId" | "rights">,
): Pick<OwnHandlers, Handled> {
  const { kernel, limits, rates, random, newId } = at;
  const guesses = createGuessLimit(rates.limit("joinLink", limits.joinLinkRate), limits.guessesWaitingMax);
  const ask = (to: ActorId, message: Message, operationId?: string) =>
    kernel.ask({
      to,
      from: "gateway",
      message,
      timeoutMs: limits.askTimeoutMs,
      ...(operationId !== undefined && { operationId }),
    });

  /** A link is its maker's word: the room is asked for nothing while they may not sign in, or make links no more. */
  async function brought(message: Message, to: ActorId, operationId?: string): Promise<Result<unknown>> {
    const isJoin = message.type === "joinByLink";
    const found = (await ask(to, { ...message, type: "lookThrough" })) as Result<LinkLookedThrough>;
    // What the room refuses to show it may have taken before: it knows the operation.
    if (!found.ok) return isJoin ? ask(to, message, operationId) : found;
    // A node of the version before does not say who made it.
    const { by, ...behind } = found.value as Partial<LinkLookedThrough> & RoomBehindLink;
    const maker = by === undefined ? undefined : await ask(by as ActorId, { type: "credentials" });
    if (maker?.ok === false) return maker;
    const isOut = (maker?.value as { readonly suspended?: boolean } | undefined)?.suspended === true;
    if (isOut) return refused(failure("JOIN_LINK_ENDED"));
    const may = by === undefined ? ok(true) : await mayMake(at, by as ActorId, "room.links");
    if (!may.ok) return may;
    if (!may.value) return refused(failure("JOIN_LINK_ENDED"));
    return isJoin ? ask(to, message, operationId) : ok(behind);
  }

  /** Brings the secret of a link to its room. Whether there is such a room is not told to those who have none. */
  async function bring<T>(
    { user, actor }: { readonly user: string; readonly actor: string },
    { room, secret }: { readonly room: string; readonly secret: string },
    type: "lookThrough" | "joinByLink",
    operationId?: string,
  ): Promise<Result<T>> {
    const retryAfterMs = await guesses.begin(user);
    if (retryAfterMs > 0) return refused(failure("RATE_LIMITED", { retryAfterMs }));
    let isWrong = false;
    try {
      const to = actorId("room", room);
      const message = { type, member: actor, hash: sha256(secret) };
      const answer = await brought(message, to, operationId);
      isWrong = !answer.ok && (answer.error.code === "JOIN_LINK_ENDED" || answer.error.code === "NOT_FOUND");
      return isWrong ? refused(failure("JOIN_LINK_ENDED")) : (answer as Result<T>);
    } finally {
      guesses.end(user, isWrong);
    }
  }

  return {
    "rooms.addLink": async ({ room, ...terms }, _, { request }) => {
      const secret = createDevice(random);
      const link = { by: callerOf(request).actor, id: newId(), hash: sha256(secret), ...terms };
      const made = (await ask(actorId("room", room), { type: "addLink", ...link })) as Result<RoomLink>;
      if (!made.ok) return { result: made };
      const path = `/room/${encodeURIComponent(room)}#${joinMark}${secret}`;
      return acted(ok({ ...made.value, path }), { id: made.value.id });
    },

    "rooms.removeLink": async ({ room, id }, _, { request }) =>
      acted(
        (await ask(actorId("room", room), { type: "removeLink", by: callerOf(request).actor, id })) as Result<RoomLink>,
      ),

    "rooms.lookThrough": ({ room, secret }, _, { request }) =>
      bring<RoomBehindLink>(callerOf(request), { room, secret }, "lookThrough"),

    "rooms.joinByLink": async ({ room, secret }, { operation }, { request }) =>
      acted(await bring<RoomView>(callerOf(request), { room, secret }, "joinByLink", operation)),
  };
}
