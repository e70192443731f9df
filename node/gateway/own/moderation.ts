/** What moderators decide in rooms, through the gateway, so that the audit has it: mutes, warnings, messages that are
 *  deleted together. The room asks whether the person may. */
import {
  acted,
  actorId,
  type Result,
  type RoomDeletions,
  type RoomView,
  type RoomWarning,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import type { OwnHandlers } from "../rest/own.ts";

type Handled = "rooms.mute" | "rooms.unmute" | "rooms.warn" | "rooms.deleteMessages";

/** The handlers. */
export function handleModeration({
  kernel,
  limits,
  newId,
}: Pick<GatewayContext, "kernel" | "limits" | "newId">): Pick<OwnHandlers, Handled> {
  const ask = async <Answer>(room: string, message: Message, operationId?: string): Promise<Result<Answer>> =>
    (await kernel.ask({
      to: actorId("room", room),
      from: "gateway",
      message,
      timeoutMs: limits.askTimeoutMs,
      ...(operationId !== undefined && { operationId }),
    })) as Result<Answer>;
  return {
    "rooms.mute": async ({ room, ...terms }, _, { request }) =>
      acted(await ask<RoomView>(room, { type: "mute", by: callerOf(request).actor, ...terms })),

    "rooms.unmute": async ({ room, member }, _, { request }) =>
      acted(await ask<RoomView>(room, { type: "unmute", by: callerOf(request).actor, member })),

    "rooms.warn": async ({ room, ...warning }, { operation }, { request }) => {
      const message = { type: "warn", by: callerOf(request).actor, id: newId(), ...warning };
      const warned = await ask<RoomWarning>(room, message, operation);
      return acted(warned, warned.ok ? { id: warned.value.id } : undefined);
    },

    "rooms.deleteMessages": async ({ room, seqs }, _, { request }) => {
      const done = await ask<RoomDeletions>(room, { type: "deleteMessages", by: callerOf(request).actor, seqs });
      const count = done.ok ? done.value.outcomes.filter(({ outcome }) => outcome === "deleted").length : 0;
      return acted(done, done.ok ? { deleted: count } : undefined);
    },
  };
}
