/** Read-only links to conversations with agents: the gateway makes the secret and shows it once, and shows what it
 *  leads to as a page without a script. The account of its maker knows the hash. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  acted,
  actorId,
  agentOfKey,
  conversationIn,
  failure,
  ok,
  refused,
  type ActorId,
  type AgentConversations,
  type AgentHistory,
  type ConversationTurn,
  type Result,
  type SharedLink,
  type SharedLinks,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { callerOf } from "../edge/http.ts";
import { createGuessLimit } from "../edge/guess-limit.ts";
import { createDevice, sha256 } from "../identity/tokens.ts";
import type { GatewayContext } from "../options.ts";
import type { OwnHandlers } from "../rest/own.ts";
import { mayMake } from "./makers.ts";
import { endedPage, sharedHeaders, sharedPage, type SharedConversation } from "./shared-page.ts";
import { saidBefore, settledLeaf } from "./shared-path.ts";

type Handled = "sharedLinks.list" | "sharedLinks.make" | "sharedLinks.remove";

type At = Pick<
  GatewayContext,
  "kernel" | "limits" | "rates" | "random" | "newId" | "rights" | "sharedLinks" | "declared"
>;

const asking =
  ({ kernel, limits }: At) =>
  async <Answer>(to: ActorId, from: ActorId | "gateway", message: Message): Promise<Result<Answer>> =>
    (await kernel.ask({ to, from, message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;

/** The handlers. */
export function handleSharedLinks(at: At): Pick<OwnHandlers, Handled> {
  const ask = asking(at);
  return {
    "sharedLinks.list": async (_, __, { request }) => {
      const caller = callerOf(request).actor as ActorId;
      const held = await ask<SharedLinks>(caller, "gateway", { type: "shared" });
      return held.ok ? ok({ links: await titled(at, caller, held.value.links) }) : held;
    },

    "sharedLinks.make": async ({ agent, lifeMs }, _, { request }) => {
      if (at.sharedLinks?.() === "off") return { result: refused(failure("SHARING_OFF")) };
      const caller = callerOf(request).actor as ActorId;
      const message = { type: "history", limit: at.limits.sharedPageTurns };
      const shown = await ask<AgentHistory>(actorId("agent", agent), caller, message);
      if (!shown.ok) return { result: shown };
      const leaf = settledLeaf(shown.value.turns);
      if (leaf === undefined) return { result: refused(failure("NOT_FOUND", { agent })) };
      const secret = createDevice(at.random);
      const link = { id: at.newId(), hash: sha256(secret), conversation: agent, leaf, title: "", lifeMs };
      const made = await ask<SharedLink>(caller, "gateway", { type: "addShared", ...link });
      if (!made.ok) return { result: made };
      const path = `/shared/${caller.slice("user/".length)}/${secret}`;
      return acted(ok({ ...made.value, path }), { id: made.value.id });
    },

    "sharedLinks.remove": async ({ id }, _, { request }) =>
      acted(await ask<SharedLink>(callerOf(request).actor as ActorId, "gateway", { type: "removeShared", id })),
  };
}

/** With the titles that their conversations have now; one that cannot be asked for is empty. */
async function titled(at: At, maker: ActorId, links: readonly SharedLink[]): Promise<readonly SharedLink[]> {
  const titles = new Map<string, string>();
  const ask = asking(at);
  const look = async (agent: string): Promise<void> => {
    const list = await ask<AgentConversations>(actorId("agent", agent), maker, { type: "conversations" });
    for (const { number, title } of list.ok ? list.value.conversations : []) titles.set(`${agent} ${number}`, title);
  };
  await Promise.all([...new Set(links.map(({ conversation }) => agentOfKey(conversation)))].map(look));
  return links.map((link) => {
    const number = conversationIn(link.conversation)?.number ?? 0;
    return { ...link, title: titles.get(`${agentOfKey(link.conversation)} ${number}`) ?? "" };
  });
}

/** Adds the page that everybody sees who has a link. */
export function addSharedPage(site: FastifyInstance, at: At): void {
  const guesses = createGuessLimit(at.rates.limit("sharedLink", at.limits.sharedLinkRate), at.limits.guessesWaitingMax);

  const ofReader = at.rates.limit("sharedReader", at.limits.sharedReaderRate, "passes");
  const ofLink = at.rates.limit("sharedRead", at.limits.sharedReadRate, "passes");
  const tooMany = (reply: FastifyReply, waitMs: number, says: string): FastifyReply =>
    reply
      .code(429)
      .header("retry-after", Math.ceil(waitMs / 1_000))
      .send(endedPage(says));

  const show = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { user, secret } = request.params as { readonly user: string; readonly secret: string };
    void reply.headers(sharedHeaders).type("text/html; charset=utf-8");
    const readMs = ofReader.take(request.address);
    if (readMs > 0) return tooMany(reply, readMs, "Too many links were opened from here. Try again in a minute.");
    const guessMs = await guesses.begin(request.address);
    if (guessMs > 0)
      return tooMany(reply, guessMs, "Too many links that lead nowhere were tried from here. Try again in a minute.");
    let isWrong = true;
    try {
      const opened = await openedBy(at, user, secret);
      const waitMs = opened.ok ? ofLink.take(opened.value.id) : 0;
      isWrong = waitMs === 0;
      if (waitMs > 0) return tooMany(reply, waitMs, "Too many people read this now. Try again in a minute.");
      const found = opened.ok ? await sharedBy(at, `user/${user}`, opened.value) : opened;
      isWrong = !found.ok && found.error.code === "NOT_FOUND";
      if (found.ok) return await reply.send(sharedPage(found.value));
      return isWrong
        ? await reply.code(404).send(endedPage("This link leads nowhere any more. Ask the person who gave it to you."))
        : await reply.code(503).send(endedPage("The conversation cannot be shown now. Try again later."));
    } finally {
      guesses.end(request.address, isWrong);
    }
  };
  const schema = { hide: true };
  site.get("/shared/:user/:secret", { schema }, show);
}

const none = refused(failure("NOT_FOUND"));

/** The link, while its maker may have one. Error: NOT_FOUND, whatever of it is not there: a stranger is not told
 *  what. */
async function openedBy(at: At, user: string, secret: string): Promise<Result<SharedLink>> {
  if (at.sharedLinks?.() === "off" || !/^[a-z0-9][a-z0-9_-]{0,31}$/.test(user) || !/^[A-Za-z0-9_-]{43}$/.test(secret))
    return none;
  const ask = asking(at);
  const found = await ask<SharedLink>(`user/${user}`, "gateway", { type: "openShared", hash: sha256(secret) });
  if (!found.ok) return found.error.outcome === "failed" ? none : found;
  const may = await mayMake(at, `user/${user}`, "agent.use");
  if (!may.ok) return may;
  return may.value ? found : none;
}

/** What a link shows. Error: NOT_FOUND, as above. */
async function sharedBy(at: At, maker: ActorId, link: SharedLink): Promise<Result<SharedConversation>> {
  const ask = asking(at);
  const turns: ConversationTurn[] = [];
  let chars = 0;
  for (let before = link.leaf + 1; ;) {
    const message = { type: "history", of: link.leaf, before, limit: at.limits.sharedPageTurns };
    const page = await ask<AgentHistory>(actorId("agent", link.conversation), maker, message);
    if (!page.ok) return page.error.outcome === "failed" ? none : page;
    turns.unshift(...page.value.turns);
    chars += page.value.turns.reduce((sum, { text }) => sum + text.length, 0);
    const first = turns[0]?.turn;
    // Forgotten or deleted: then the link leads nowhere.
    if (first === undefined || turns.at(-1)?.turn !== link.leaf) return none;
    if (!page.value.more) return ok({ link, turns: saidBefore(turns, link), isCut: false });
    if (turns.length >= at.limits.sharedTurnsMax || chars >= at.limits.sharedCharsMax)
      return ok({ link, turns: saidBefore(turns, link), isCut: true });
    before = first;
  }
}
