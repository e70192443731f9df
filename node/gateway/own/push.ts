/** Browsers that take notices for the caller while their page is closed. */
import { hash } from "node:crypto";
import {
  acted,
  failure,
  ok,
  refused,
  type HeldPushes,
  type PushDevice,
  type Result,
} from "../../../protocols/index.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import type { OwnHandlers } from "../rest/own.ts";
import type { Caller } from "../identity/callers.ts";

type Handled = "push.show" | "push.add" | "push.set" | "push.remove";

/** The handlers. */
export function handlePush(at: GatewayContext): Pick<OwnHandlers, Handled> {
  const { kernel, limits, push, newId } = at;
  const ask = async <Answer>({ actor }: Caller, message: { readonly type: string }): Promise<Result<Answer>> => {
    const asked = { to: actor as `user/${string}`, from: "gateway" as const, message, timeoutMs: limits.askTimeoutMs };
    return (await kernel.ask(asked)) as Result<Answer>;
  };
  return {
    "push.show": async (_, __, { request }) => {
      const held = await ask<HeldPushes>(callerOf(request), { type: "pushes" });
      if (!held.ok) return held;
      const devices = held.value.pushes.map(({ id, name, content, addedAtMs, endpoint }) => {
        const place = hash("sha256", endpoint, "buffer").toString("base64url");
        return { id, name, content, addedAtMs, place };
      });
      const publicKey = push?.isOn() === true ? await push.publicKey() : undefined;
      return ok({ devices, ...(publicKey !== undefined && { publicKey }) });
    },
    "push.add": async ({ content = "sender", ...place }, _, { request }) => {
      if (push?.isOn() !== true) return acted<PushDevice>(refused(failure("PUSH_OFF")));
      const caller = callerOf(request);
      const { session } = caller;
      return acted(
        await ask<PushDevice>(caller, { type: "addPush", ...place, content, session, id: newId() } as never),
      );
    },
    "push.set": async ({ id, content }, _, { request }) =>
      acted(await ask<Record<never, never>>(callerOf(request), { type: "setPush", id, content } as never)),
    "push.remove": async ({ id }, _, { request }) =>
      acted(await ask<Record<never, never>>(callerOf(request), { type: "removePush", id } as never)),
  };
}
