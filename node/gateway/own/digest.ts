/** Mail to people who were away: what they want of it, and the link that ends it. */
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import {
  acted,
  actorId,
  ok,
  PlexusError,
  type ActorId,
  type DigestOf,
  type DigestView,
  type Result,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { noteAccount } from "../audited.ts";
import { callerOf, originOf } from "../edge/http.ts";
import { demand } from "../edge/refusals.ts";
import type { Accounts } from "../identity/accounts.ts";
import type { GatewayContext } from "../options.ts";
import type { OwnHandlers } from "../rest/own.ts";

const askerOf =
  ({ kernel, limits }: Pick<GatewayContext, "kernel" | "limits">) =>
  async <Answer>(to: ActorId, message: Message): Promise<Result<Answer>> =>
    (await kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;

/** The handlers. */
export function handleDigest(at: GatewayContext): Pick<OwnHandlers, "digest.show" | "digest.set"> {
  const ask = askerOf(at);
  const shown = (answer: Result<DigestOf>): Result<DigestView> => {
    if (!answer.ok) return answer;
    const { wants, ...rest } = answer.value;
    return ok({ ...wants, ...rest, allowed: at.digests?.allowed() ?? "off" });
  };
  return {
    "digest.show": async (_, __, { request }) => shown(await ask(callerOf(request).actor, { type: "digest" })),
    "digest.set": async (said, _, { request }) =>
      acted(shown(await ask(callerOf(request).actor, { ...said, type: "setDigest" }))),
  };
}

const byToken = Type.Object({ token: Type.String({ maxLength: 1_024, pattern: "^[A-Za-z0-9_-]+$" }) });

/** Adds the address that mails name in `List-Unsubscribe`. A press of a mail program posts a form there (RFC 8058), the
 *  page posts nothing; a look at it changes nothing, for programs follow links by themselves. */
export function addUnsubscribe(app: FastifyInstance, at: GatewayContext, accounts: Accounts): void {
  const { digests } = at;
  if (digests === undefined) return;
  const ask = askerOf(at);
  const schema = { params: byToken, tags: ["account"], security: [] };
  app.get<{ Params: { readonly token: string } }>(
    "/mail/unsubscribe/:token",
    { schema: { ...schema, summary: "Shows the page on which a person ends mail of what they have missed" } },
    (request, reply) => reply.redirect(`${at.mail?.publicUrl ?? ""}/#unsubscribe=${request.params.token}`, 303),
  );
  app.post<{ Params: { readonly token: string } }>(
    "/mail/unsubscribe/:token",
    {
      config: { crossSite: true, proves: true, errors: ["LINK_INVALID"] },
      bodyLimit: 1_024,
      schema: {
        ...schema,
        summary: "Ends mail of what somebody has missed, by the link in one",
        body: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.String(), { maxProperties: 16 })),
      },
    },
    async (request) => {
      demand(accounts.knock(originOf(request)));
      const user = demand(await digests.userOf(request.params.token));
      const ended = await ask(actorId("user", user), { type: "endDigest" });
      await noteAccount(at, request, "setDigest", user, ended.ok ? undefined : ended.error.code);
      if (!ended.ok && ended.error.code !== "NOT_FOUND") throw new PlexusError(ended.error);
      return {};
    },
  );
}
