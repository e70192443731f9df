/** Mail to people who were away: what they want of it, and the link that ends it. */
import {
  acted,
  actorId,
  failure,
  ok,
  refused,
  type ActorId,
  type DigestOf,
  type DigestView,
  type Result,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { callerOf, originOf } from "../edge/http.ts";
import { addressKey } from "../edge/rates.ts";
import { demand } from "../edge/refusals.ts";
import type { GatewayContext } from "../options.ts";
import { noted, type OwnHandlers } from "../rest/own.ts";

type Handled = "digest.show" | "digest.set" | "digest.lookAtEnd" | "digest.end";

/** The handlers. The link that mails name in `List-Unsubscribe` is posted to by a press of a mail program (RFC 8058); a
 *  look at it changes nothing, for programs follow links by themselves. */
export function handleDigest(at: GatewayContext): Pick<OwnHandlers, Handled> {
  const { kernel, limits, digests } = at;
  const wrong = at.rates.limit("unsubscribe", limits.unsubscribeRate, "passes");
  const ask = async <Answer>(to: ActorId, message: Message): Promise<Result<Answer>> =>
    (await kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;
  const shown = (answer: Result<DigestOf>): Result<DigestView> => {
    if (!answer.ok) return answer;
    const { wants, ...rest } = answer.value;
    return ok({ ...wants, ...rest, allowed: digests?.allowed() ?? "off" });
  };
  return {
    "digest.show": async (_, __, { request }) => shown(await ask(callerOf(request).actor, { type: "digest" })),
    "digest.set": async (said, _, { request }) =>
      acted(shown(await ask(callerOf(request).actor, { ...said, type: "setDigest" }))),
    "digest.lookAtEnd": async ({ token }, _, { reply }) => {
      void reply.code(303).header("location", `${at.mail?.publicUrl ?? ""}/#unsubscribe=${token}`);
      return ok({});
    },
    "digest.end": async ({ token }, _, { request }) => {
      const key = addressKey(originOf(request).address);
      const waitMs = wrong.wait(key);
      if (waitMs > 0) demand(refused(failure("RATE_LIMITED", { retryAfterMs: waitMs })));
      const opened = (await digests?.userOf(token)) ?? refused(failure("LINK_INVALID"));
      if (!opened.ok) wrong.take(key);
      const user = demand(opened);
      const ended = await ask(actorId("user", user), { type: "endDigest" });
      // Of an account that is gone, too, there is no more mail.
      const isOver = !ended.ok && ended.error.code === "NOT_FOUND";
      return noted(isOver ? ok({}) : ended, () => ({}), { facts: { user } });
    },
  };
}
