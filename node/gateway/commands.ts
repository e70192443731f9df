import { Type, type TObject, type TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import {
  actorId,
  agentCommands,
  catalogCommands,
  clientCommands,
  failure,
  isKey,
  ok,
  refused,
  roomCommands,
  schema,
  userCommands,
  type ActorId,
  type Result,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import { invalid } from "./refusals.ts";

/** A REST route that is one command to one actor. Fields of the message named in the path come from there; the others
 *  come from the query of GET and DELETE, and from the body otherwise. */
export interface CommandRoute {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly kind: "room" | "user" | "agent" | "catalog";
  readonly command: string;
  /** The actor's key: a parameter of the path, the caller's own name, or a fixed key. */
  readonly key: { readonly param: string } | "caller" | { readonly fixed: string };
  /** Fields that the route itself sets. */
  readonly set?: Readonly<Record<string, unknown>>;
  readonly summary: string;
}

const tables: Readonly<Record<CommandRoute["kind"], Readonly<Record<string, TSchema>>>> = {
  room: roomCommands,
  user: userCommands,
  agent: agentCommands,
  catalog: catalogCommands,
};

type Line = readonly [CommandRoute["method"], string, string, string, Readonly<Record<string, unknown>>?];

const rows = (
  kind: CommandRoute["kind"],
  key: CommandRoute["key"],
  lines: readonly Line[],
): readonly CommandRoute[] =>
  lines.map(([method, path, command, summary, set]) => ({
    method, path, kind, command, key, summary, ...(set && { set }),
  })); // prettier-ignore

/** Commands that API keys may not send: a leaked key must not lock its owner out. */
export const personOnly: ReadonlySet<string> = new Set(["user.revokeSession"]);

/** Commands with answers that may be large, and what of them counts until they are there. */
export const largeAnswers: ReadonlyMap<string, "pageBytes" | "listBytes"> = new Map([
  ["room.history", "pageBytes"],
  ["agent.history", "pageBytes"],
  ["room.describe", "listBytes"],
  ["user.rooms", "listBytes"],
  ["catalog.find", "listBytes"],
]);

/** Every route that is one command. The others (sign-in, keys, lists made of many answers) have handlers of their own. */
export const commandRoutes: readonly CommandRoute[] = [
  ...rows("user", "caller", [
    ["PATCH", "/api/me", "setProfile", "Changes the caller's display name or theme"],
    ["DELETE", "/api/me/sessions/:id", "revokeSession", "Ends a session or API key and its connections"],
    ["GET", "/api/rooms", "rooms", "The caller's rooms with unread counts"],
    ["POST", "/api/agents", "createAgent", "Creates an agent"],
    ["DELETE", "/api/agents/:agent", "deleteAgent", "Deletes an agent and its conversation"],
  ]),
  ...rows("room", { param: "room" }, [
    ["GET", "/api/rooms/:room", "describe", "The room and its members"],
    ["GET", "/api/rooms/:room/summary", "summary", "The room's line in a room list"],
    ["POST", "/api/rooms/:room/join", "join", "Joins a public room"],
    ["POST", "/api/rooms/:room/leave", "leave", "Leaves the room; its last owner names a successor"],
    ["PUT", "/api/rooms/:room/members/:member", "invite", "Makes somebody a member"],
    ["DELETE", "/api/rooms/:room/members/:member", "remove", "Removes a member; `ban` keeps them out"],
    ["GET", "/api/rooms/:room/bans", "bans", "Who is kept out, by whom, why and until when"],
    ["DELETE", "/api/rooms/:room/bans/:member", "unban", "Lifts a ban"],
    ["PUT", "/api/rooms/:room/members/:member/role", "setRole", "Changes a member's role"],
    ["PUT", "/api/rooms/:room/title", "setTitle", "Changes the title"],
    ["PUT", "/api/rooms/:room/topic", "setTopic", "Changes the topic"],
    ["PUT", "/api/rooms/:room/read", "markRead", "Moves the caller's read marker forward"],
    ["POST", "/api/rooms/:room/typing", "typing", "Shows the others that the caller is typing"],
    ["GET", "/api/rooms/:room/messages", "history", "A page of messages, oldest first"],
    ["POST", "/api/rooms/:room/messages", "post", "Posts a message"],
    ["PATCH", "/api/rooms/:room/messages/:seq", "edit", "Edits a message"],
    ["DELETE", "/api/rooms/:room/messages/:seq", "delete", "Deletes a message"],
    ["PUT", "/api/rooms/:room/messages/:seq/reactions/:emoji", "react", "Adds a reaction", { on: true }],
    ["DELETE", "/api/rooms/:room/messages/:seq/reactions/:emoji", "react", "Takes a reaction back", { on: false }],
    ["PUT", "/api/rooms/:room/pins/:seq", "pin", "Pins a message", { on: true }],
    ["DELETE", "/api/rooms/:room/pins/:seq", "pin", "Unpins a message", { on: false }],
  ]),
  ...rows("agent", { param: "agent" }, [
    ["GET", "/api/agents/:agent", "describe", "The agent's settings"],
    ["PATCH", "/api/agents/:agent", "update", "Changes persona, model or sampling"],
    ["GET", "/api/agents/:agent/turns", "history", "A page of the conversation, oldest first"],
    ["POST", "/api/agents/:agent/say", "say", "Says something; the answer streams over the WebSocket"],
    ["POST", "/api/agents/:agent/stop", "stop", "Stops the answer that is being written"],
    ["POST", "/api/agents/:agent/regenerate", "regenerate", "Regenerates the last answer"],
    ["POST", "/api/agents/:agent/clear", "clear", "Forgets the conversation"],
  ]),
  ...rows("catalog", { fixed: "rooms" }, [["GET", "/api/catalog/rooms", "find", "Finds public rooms"]]),
  ...rows("catalog", { fixed: "users" }, [["GET", "/api/catalog/users", "find", "Finds people"]]),
];

/** The schemas of one route's path, query and body, cut from the command's own. */
export function schemasOf(route: CommandRoute): { params?: TObject; querystring?: TObject; body?: TObject } {
  const command = tables[route.kind][route.command] as TObject;
  const names = new Set([...route.path.matchAll(/:(\w+)/g)].map((match) => match[1] as string));
  const keyParam = typeof route.key === "object" && "param" in route.key ? route.key.param : undefined;
  const params: Record<string, TSchema> = {};
  for (const name of names) params[name] = name === keyParam ? schema.key : (command.properties[name] ?? Type.String());
  const rest = Object.entries(command.properties).filter(([name]) => !names.has(name) && !(name in (route.set ?? {})));
  const carried = schema.object(Object.fromEntries(rest));
  const inQuery = route.method === "GET" || route.method === "DELETE";
  return { ...(names.size > 0 && { params: schema.object(params) }), [inQuery ? "querystring" : "body"]: carried };
}

/** Builds the message of one request whose parts were validated. */
export function messageOf(
  route: CommandRoute,
  parts: { readonly user: string; readonly params: unknown; readonly carried: unknown },
): { readonly to: ActorId; readonly message: Message } {
  const params = { ...(parts.params as Record<string, unknown>) };
  const { key } = route;
  let name: string;
  if (key === "caller") name = parts.user;
  else if ("fixed" in key) name = key.fixed;
  else {
    name = String(params[key.param]);
    delete params[key.param];
  }
  return {
    to: actorId(route.kind, name),
    message: { ...(parts.carried as object | undefined), ...params, ...route.set, type: route.command },
  };
}

const validators = new Map<string, { readonly kind: string; readonly command: string; readonly check: Validator }>();
for (const [kind, commands] of Object.entries(clientCommands))
  for (const [command, parameters] of Object.entries(commands))
    validators.set(`${kind}.${command}`, { kind, command, check: Compile(parameters) });

/** Reads a command as a WebSocket frame names it, `room.post` to `lobby` with `{ text }`. Errors: BAD_REQUEST. */
export function readCommand(
  name: string,
  key: string | undefined,
  parameters: unknown,
  user: string,
): Result<{ readonly to: ActorId; readonly message: Message }> {
  const known = validators.get(name);
  if (known === undefined) return refused(failure("BAD_REQUEST", { path: "/do", problem: "unknown command" }));
  // The user's own actor needs no name.
  const to = key ?? (known.kind === "user" ? user : "");
  if (!isKey(to))
    return refused(failure("BAD_REQUEST", { path: "/to", problem: "not a valid key of a room, agent or user" }));
  const fields = parameters ?? {};
  if (!known.check.Check(fields)) return refused(invalid(known.check.Errors(fields), "/with"));
  return ok({ to: actorId(known.kind, to), message: { ...(fields as object), type: known.command } });
}
