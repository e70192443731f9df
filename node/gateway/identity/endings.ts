/** How accounts end, and what they take with them: deletion, by the person or by an admin, and the export of what an
 *  account has. */
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import {
  acted,
  actorId,
  failure,
  PlexusError,
  schema,
  type AccountExport,
  type DraftList,
  conversationKey,
  type AgentConversations,
  type AgentHistory,
  type AgentView,
  type Result,
  type RoomHistory,
  type SharedLinks,
  type UserAbout,
  type WithShown,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { rolesWithin } from "../../cluster/facts/people.ts";
import { audited, audits, noteAccount } from "../audited.ts";
import { callerOf } from "../edge/http.ts";
import { tellByMail } from "./mail.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { addFile } from "../media/files.ts";
import { shownBy } from "./rights.ts";
import { askerOf } from "../rest/asker.ts";
import type { OwnHandlers } from "../rest/own.ts";
import type { Caller } from "./callers.ts";

const userParams = schema.object({ user: schema.userName });
const pageEntries = 200;

const askerAt =
  ({ kernel, limits }: Pick<GatewayContext, "kernel" | "limits">) =>
  async <T>(
    to: `${string}/${string}`,
    message: Message,
    from: Caller["actor"] | "gateway" = "gateway",
  ): Promise<Result<T>> =>
    (await kernel.ask({ to, from, message, timeoutMs: limits.askTimeoutMs })) as Result<T>;

/** The handler. */
export const handleDeletion = (at: GatewayContext): Pick<OwnHandlers, "account.delete"> => ({
  /** Deletes, or says when, and tells the person by mail. */
  "account.delete": async ({ atOnce = false }, _, { request }) => {
    const { user } = callerOf(request);
    const waitMs = atOnce ? 0 : at.limits.deletionGraceMs;
    const message = { type: "beginDeletion", waitMs, byAdmin: false, ...shownBy(at, request) };
    const begun = await askerAt(at)<{ atMs: number }>(actorId("user", user), message);
    // Only what is so: an admin's account is refused. The address is there until the account is gone.
    if (begun.ok && !atOnce) {
      const { atMs } = begun.value;
      await tellByMail(at, user, (to) => ({ what: "deletion", to, user, atMs, byAdmin: false })).catch(() => undefined);
    }
    return acted(begun);
  },
});

/** Adds the routes of exports. */
export function addExports(app: FastifyInstance, at: GatewayContext): void {
  const { limits, clock } = at;
  const ask = askerAt(at);
  const accountOf = (user: string, said: WithShown & { readonly byAdmin?: true }) =>
    ask<AccountExport>(actorId("user", user), { type: "exportAccount", ...said });
  let exporting = 0;

  addFile(
    app,
    "/me/export",
    {
      config: { access: "person", permission: "account.secure", audit: "exportUser" },
      summary:
        "What the caller's account has, as JSON lines: the account, its agents with their conversations, the " +
        "picture, links to conversations, drafts, and what the caller wrote in rooms",
      tag: "account",
    },
    async (request) => {
      const caller = callerOf(request);
      return fileOf(caller.user, async () => {
        const account = demand(await accountOf(caller.user, shownBy(at, request)));
        await noteAccount(at, request, "exportUser", caller.user);
        return rowsOf(account, caller);
      });
    },
  );

  addFile<{ params: Static<typeof userParams> }>(
    app,
    "/admin/users/:user/export",
    {
      config: audits("exportUser", "people.admit"),
      summary: "What a person's account has, as JSON lines, without what the person wrote or talked about with agents",
      description:
        "What people wrote to one another is theirs to export; admins bring it back from backups by the rules for " +
        "that.",
      tag: "admin",
      params: userParams,
    },
    async (request) => {
      const { user } = request.params;
      const find = async (): Promise<Result<AccountExport>> => {
        const may = await rolesWithin(
          { ask: (to, message) => ask(to, message), table: () => at.rights.table() },
          askerOf(at, request),
          user,
        );
        return may.ok ? accountOf(user, { byAdmin: true, ...shownBy(at, request) }) : may;
      };
      return fileOf(user, async () => rowsOf(await audited(at, request, { user }, find()), undefined));
    },
  );

  /** Rows of an export. `caller`: the person in whose name rooms and agents are asked; without, they are only named. */
  async function* rowsOf(account: AccountExport, caller: Caller | undefined): AsyncGenerator<object> {
    yield { type: "export", version: 1, of: account.user, atMs: clock.nowMs(), whole: caller !== undefined };
    yield { type: "account", account };
    if (account.avatar !== undefined && at.blobs !== undefined) {
      const bytes = await at.blobs.read(actorId("user", account.user), account.avatar.hash);
      if (bytes.ok)
        yield { type: "picture", format: account.avatar.format, base64: Buffer.from(bytes.value).toString("base64") };
      else yield { type: "missing", what: "picture", code: bytes.error.code };
    }
    yield* aboutRows(account.user);
    for (const agent of account.agents) yield* agentRows(agent, caller);
    for (const room of account.rooms) yield* roomRows(room, caller);
    const shared = await ask<SharedLinks>(actorId("user", account.user), { type: "shared" });
    if (!shared.ok) yield { type: "missing", what: "shared links", code: shared.error.code };
    for (const link of shared.ok ? shared.value.links : []) yield { type: "sharedLink", link };
    if (caller !== undefined) yield* draftRows(account.user, caller);
    yield { type: "end" };
  }

  /** What the person tells everybody of themselves. The account's row has the roles. */
  async function* aboutRows(user: string): AsyncGenerator<object> {
    const said = await ask<UserAbout>(actorId("user", user), { type: "about" }, `user/${user}`);
    if (!said.ok) return yield { type: "missing", what: "about", code: said.error.code };
    const { role: _role, ...about } = said.value;
    if (Object.keys(about).length > 0) yield { type: "about", about };
    return undefined;
  }

  /** What the person has begun to write is theirs alone. */
  async function* draftRows(user: string, caller: Caller): AsyncGenerator<object> {
    const list = await ask<DraftList>(actorId("user", user), { type: "drafts" }, caller.actor);
    if (!list.ok) yield { type: "missing", what: "drafts", code: list.error.code };
    for (const draft of list.ok ? list.value.drafts : []) yield { type: "draft", draft };
  }

  async function* agentRows(agent: string, caller: Caller | undefined): AsyncGenerator<object> {
    const to = actorId("agent", agent);
    if (caller === undefined) return yield { type: "agent", agent };
    const described = await ask<AgentView>(to, { type: "describe" }, caller.actor);
    if (!described.ok) return yield { type: "missing", what: to, code: described.error.code };
    yield { type: "agent", agent: described.value };
    const list = await ask<AgentConversations>(to, { type: "conversations" }, caller.actor);
    if (!list.ok) yield { type: "missing", what: `conversations of ${to}`, code: list.error.code };
    if (!list.ok) yield* turnRows(agent, caller);
    for (const one of list.ok ? list.value.conversations : []) {
      yield { type: "conversation", agent, conversation: one };
      yield* turnRows(conversationKey(agent, one.number), caller);
    }
    return undefined;
  }

  async function* turnRows(agent: string, caller: Caller): AsyncGenerator<object> {
    const to = actorId("agent", agent);
    for (let before: number | undefined; ;) {
      const message = { type: "history", limit: pageEntries, ...(before !== undefined && { before }) };
      const page = await ask<AgentHistory>(to, message, caller.actor);
      if (!page.ok) return yield { type: "missing", what: to, code: page.error.code };
      for (const turn of page.value.turns.toReversed()) yield { type: "turn", agent, turn };
      before = page.value.turns[0]?.turn;
      if (!page.value.more || before === undefined) return undefined;
    }
  }

  async function* roomRows(room: string, caller: Caller | undefined): AsyncGenerator<object> {
    yield { type: "room", room };
    if (caller === undefined) return;
    const to = actorId("room", room);
    for (let before: number | undefined; ;) {
      const message = { type: "history", limit: pageEntries, ...(before !== undefined && { before }) };
      const page = await ask<RoomHistory>(to, message, caller.actor);
      if (!page.ok) return yield { type: "missing", what: to, code: page.error.code };
      for (const one of page.value.messages.toReversed())
        if (one.author === caller.actor) yield { type: "message", room, message: one };
      before = page.value.messages[0]?.seq;
      if (!page.value.more || before === undefined) return undefined;
    }
  }

  /** An export as a file. One too many is refused before anything is read for it, or written down. */
  async function fileOf(user: string, read: () => Promise<AsyncGenerator<object>>) {
    if (exporting >= limits.exportsMax) throw new PlexusError(failure("OVERLOADED", { exportsMax: limits.exportsMax }));
    exporting += 1;
    const over = (): void => void (exporting -= 1);
    const rows = await read().catch((error: unknown) => {
      over();
      throw error;
    });
    const lines = async function* (): AsyncGenerator<string> {
      for await (const row of rows) yield `${JSON.stringify(row)}\n`;
    };
    const body = Readable.from(lines());
    body.once("close", over);
    return { type: "application/jsonl", name: `plexus-${user}.jsonl`, body };
  }
}
