/** What a recall into place needs of a running node: its living actors, and how those that are gone are made anew by
 *  their rows in a backup. */
import type { Message, Sender } from "../../../actors/behavior.ts";
import { namedIn, remaking, settingsOf } from "../../../actors/index.ts";
import { conversationIn, failure, parseActorId, refused, type ActorId, type Result } from "../../../protocols/index.ts";
import { commandLimits, type PlaceTarget } from "../index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import type { Kernel } from "../../kernel/api.ts";
import { stateOf } from "./backed-up-actor.ts";

/** The actors of the cluster, asked as the node. */
export const placeTarget = (kernel: Pick<Kernel, "ask">, blobs: Pick<ActorBlobs, "put">): PlaceTarget => ({
  ask: (to, message, operationId) =>
    kernel.ask({
      to,
      from: "node",
      message,
      timeoutMs: commandLimits.placeTimeoutMs,
      ...(operationId && { operationId }),
    }),
  remake: (actor, rows) =>
    actor.startsWith("agent/") ? remakeAgent(kernel, actor, rows) : remakeRoom(kernel, actor, rows),
  file: (actor, hash, bytes, message) =>
    blobs.put(actor, bytes, async (name) =>
      name === hash
        ? ask(kernel, actor, message)
        : refused(failure("BACKUP_DAMAGED", { reason: "the bytes are not those of the file", file: hash })),
    ),
});

const ask = (kernel: Pick<Kernel, "ask">, to: ActorId, message: Message, from: Sender = "node") =>
  kernel.ask({ to, from, message, timeoutMs: commandLimits.placeTimeoutMs });

type Rows = Parameters<typeof stateOf>[1];

async function remakeRoom(kernel: Pick<Kernel, "ask">, room: ActorId, rows: Rows): Promise<Result<unknown>> {
  const command = remaking(stateOf(room, rows));
  return command === undefined ? refused(failure("NOT_FOUND", { actor: room })) : ask(kernel, room, command);
}

/** A conversation beside the first, under its number. Its agent is made anew where that is gone, with the settings that
 *  the conversation had of it. */
async function remakeConversation(
  kernel: Pick<Kernel, "ask">,
  conversation: ActorId,
  { agent, number }: { readonly agent: string; readonly number: number },
  rows: Rows,
): Promise<Result<unknown>> {
  const to: ActorId = `agent/${agent}`;
  const state = stateOf(conversation, rows);
  const again = { type: "reopen", number, ...namedIn(state) };
  const reopened = await ask(kernel, to, again);
  if (reopened.ok || reopened.error.code !== "NOT_FOUND") return reopened;
  const made = await makeAgent(kernel, agent, settingsOf(state));
  return made.ok ? ask(kernel, to, again) : made;
}

/** In the name of the person who owns it, who must have an account; with its instructions of then. */
async function remakeAgent(kernel: Pick<Kernel, "ask">, agent: ActorId, rows: Rows): Promise<Result<unknown>> {
  const { key = "" } = parseActorId(agent) ?? {};
  const of = conversationIn(key);
  if (of !== undefined) return remakeConversation(kernel, agent, of, rows);
  return makeAgent(kernel, key, settingsOf(stateOf(agent, rows)));
}

async function makeAgent(
  kernel: Pick<Kernel, "ask">,
  key: string,
  settings: ReturnType<typeof settingsOf>,
): Promise<Result<unknown>> {
  const agent: ActorId = `agent/${key}`;
  const [person = "", ...name] = key.split(".");
  const owner: ActorId = `user/${person}`;
  if (settings === undefined) return refused(failure("NOT_FOUND", { actor: agent }));
  const { persona, model, sampling, tools } = settings;
  const create = { type: "createAgent", name: name.join("."), persona, ...(model !== "" && { model }) };
  const made = await ask(kernel, owner, create, owner);
  if (!made.ok && made.error.code === "NOT_FOUND") {
    const reason = `${person} has no account: the person has to sign up first, then the agent can be created again`;
    return refused(failure("NOT_FOUND", { actor: agent, reason }));
  }
  if (!made.ok) return made;
  return ask(kernel, agent, { type: "update", sampling, ...(tools !== undefined && { tools }) }, owner);
}
