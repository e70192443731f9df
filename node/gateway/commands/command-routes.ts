import { Type, type TObject, type TSchema } from "typebox";
import { checkOf, type Check } from "../../../protocols/wire/check.ts";
import {
  actorId,
  allCommands,
  clientCommands,
  failure,
  followedKinds,
  isKey,
  ok,
  ownKinds,
  parseActorId,
  refused,
  schema,
  type ActorId,
  type Command,
  type NamedCommand,
  type Permission,
  type Result,
  type Route,
  isForKeys,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { invalid } from "../edge/refusals.ts";

/** A REST route that is one command to one actor. */
interface CommandRoute extends NamedCommand {
  readonly route: Route;
}

/** Every route that is one command. The others (sign-in, keys, lists made of many answers) have handlers of their
 *  own. */
export const commandRoutes: readonly CommandRoute[] = allCommands.flatMap((command) =>
  (command.row.http ?? []).map((route) => ({ ...command, route })),
);

/** The commands that only read, as those whose every route is a GET. */
const reading: ReadonlySet<string> = new Set(
  allCommands.flatMap(({ kind, name, row: { http = [] } }) =>
    http.length > 0 && http.every(({ method }) => method === "GET") ? [`${kind}.${name}`] : [],
  ),
);

/** Whether a command, as it is named on wires that carry both ways, can change nothing. */
export const readsOnly = (named: string): boolean => reading.has(named);

/** What the description of the interface calls a route: its command, with what tells apart the routes of one. */
export function operationName({ kind, name, row, route }: CommandRoute): string {
  const alone = (row.http ?? []).length === 1;
  return [kind, name, ...(alone ? [] : [route.key ?? route.method.toLowerCase()])].join(".");
}

/** Whether a command is closed to API keys. */
export const isPersonOnly = ({ permission }: Command): boolean => permission !== undefined && !isForKeys(permission);

/** What counts of a large answer until it is there. */
export const answerCosts = { page: "pageBytes", list: "listBytes" } as const;

const isQuery = ({ method }: Route): boolean => method === "GET" || method === "DELETE";

/** Where a route has the actor's key: in its path, in what it carries, or nowhere. */
function keyPlace({ kind, route }: CommandRoute): "path" | "carried" | undefined {
  if (route.path.split("/").includes(`:${kind}`)) return "path";
  return route.key === undefined && !ownKinds.has(kind) ? "carried" : undefined;
}

/** The schemas of one route's path, query and body, cut from the command's own. */
export function schemasOf(at: CommandRoute): { params?: TObject; querystring?: TObject; body?: TObject } {
  const { kind, row, route } = at;
  const fields: Record<string, TSchema> = row.params.properties;
  const names = new Set([...route.path.matchAll(/:(\w+)/g)].map((match) => match[1] as string));
  const place = keyPlace(at);
  const inPath = (name: string): TSchema =>
    place === "path" && name === kind ? schema.key : (fields[name] ?? Type.String());
  const rest = Object.entries(fields).filter(([name]) => !names.has(name) && !(name in (route.set ?? {})));
  const carried = schema.object({ ...(place === "carried" && { [kind]: schema.key }), ...Object.fromEntries(rest) });
  return {
    ...(names.size > 0 && {
      params: schema.object(Object.fromEntries([...names].map((name) => [name, inPath(name)]))),
    }),
    [isQuery(route) ? "querystring" : "body"]: carried,
  };
}

/** Builds the message of one request whose parts were validated. */
export function messageOf(
  at: CommandRoute,
  user: string,
  request: { readonly params: unknown; readonly query: unknown; readonly body: unknown },
): { readonly to: ActorId; readonly message: Message } {
  const { kind, name, route } = at;
  const carried = isQuery(route) ? request.query : request.body;
  const fields = { ...(carried as object), ...(request.params as object), ...route.set } as Record<string, unknown>;
  if (keyPlace(at) === undefined) return { to: actorId(kind, route.key ?? user), message: { ...fields, type: name } };
  const { [kind]: key, ...others } = fields;
  return { to: actorId(kind, String(key)), message: { ...others, type: name } };
}

/** A command that a connection may send. */
interface Opened extends NamedCommand {
  readonly check: Check;
  /** Keys of the only actors that it is for, where not all of the kind are. */
  readonly keys: readonly string[];
}

const opened: ReadonlyMap<string, Opened> = new Map(
  clientCommands.map((command) => {
    const { kind, name, row } = command;
    const keys = (row.http ?? []).flatMap(({ key }) => key ?? []);
    return [`${kind}.${name}`, { ...command, check: checkOf(row.params), keys }];
  }),
);

/** The row of a command as a WebSocket frame names it, `room.post`; undefined: there is none that clients may send. */
export const rowNamed = (name: string): Command | undefined => opened.get(name)?.row;

/** Reads a command as a WebSocket frame names it, `room.post` to `lobby` with `{ text }`. Errors: BAD_REQUEST. */
export function readCommand(
  name: string,
  key: string | undefined,
  parameters: unknown,
  user: string,
): Result<{ readonly to: ActorId; readonly message: Message }> {
  const known = opened.get(name);
  if (known === undefined) return refused(failure("BAD_REQUEST", { path: "/do", problem: "unknown command" }));
  const { kind, check, keys } = known;
  const to = key ?? (ownKinds.has(kind) ? user : "");
  if (!isKey(to) || (keys.length > 0 && !keys.includes(to)))
    return refused(failure("BAD_REQUEST", { path: "/to", problem: `not a valid key for ${name}` }));
  const fields = parameters ?? {};
  if (!check.Check(fields)) return refused(invalid(check.Errors(fields), "/with"));
  return ok({ to: actorId(kind, to), message: { ...(fields as object), type: known.name } });
}

/** What following actors of a kind needs. */
const followingNeeds: Readonly<Record<string, Permission>> = {
  room: "room.read",
  user: "account.use",
  agent: "agent.use",
};

/** What following a topic needs. */
export const permissionToFollow = (topic: string): Permission =>
  followingNeeds[parseActorId(topic)?.kind ?? ""] ?? "cluster.administer";

/** Whether a user may ask to follow this topic at all; whether they may read it the actor decides. */
export function isTopicFor(user: string, topic: string): boolean {
  const id = parseActorId(topic);
  return id !== undefined && followedKinds.has(id.kind) && (!ownKinds.has(id.kind) || id.key === user);
}
