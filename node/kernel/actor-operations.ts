/** What the operations on actors do, and on rooms as admins see them: which there are, how large, and where. Nothing of
 *  what is said in them. */
import {
  acted,
  actorId,
  finder,
  ok,
  parseActorId,
  wireLimits,
  type actorOperations,
  type ActorId,
  type ActorRow,
  type AdminRoomRow,
  type HandlersOf,
  type OperationInput,
  type RoomFacts,
  type roomOperations,
} from "../../protocols/index.ts";
import type { ClusterActors, Kernel } from "./api.ts";

/** The handlers for actors. */
export const handleActors = (actors: ClusterActors): HandlersOf<typeof actorOperations> => ({
  "actors.list": async (filter) => ok(await actors.list({ ...filter, limit: filter.limit ?? 100 })),
  "actors.show": ({ kind, key }) => actors.show(actorId(kind, key)),
  "actors.release": async ({ kind, key, redeliver = true }) => {
    const actor = actorId(kind, key);
    const result = await actors.release(actor, redeliver);
    if (!result.ok) return acted(result);
    return { result, told: { facts: { actor, redelivered: String(result.value.redelivered) } } };
  },
});

/** How much is looked at for one page of rooms. */
interface RoomListLimits {
  readonly adminRoomsScanned: number;
  readonly adminRoomsAtOnce: number;
  readonly adminRoomTimeoutMs: number;
}

/** The handler that lists rooms. */
export function handleRooms(
  actors: Pick<ClusterActors, "list">,
  kernel: Pick<Kernel, "ask">,
  limits: RoomListLimits,
): HandlersOf<typeof roomOperations> {
  /** Rooms whose names have a text, until there are enough or enough was looked at. */
  async function find({ text = "", after, limit = wireLimits.adminRoomRowsMax }: OperationInput<"rooms.all">) {
    const found: ActorRow[] = [];
    const unanswered = new Set<string>();
    let from: ActorId | undefined = after === undefined ? undefined : actorId("room", after);
    const isFound = finder(text);
    for (let looked = 0; ;) {
      const rows = text === "" ? limit - found.length : wireLimits.actorRowsMax;
      const page = await actors.list({ kind: "room", limit: rows, ...(from !== undefined && { after: from }) });
      for (const node of ("unanswered" in page && page.unanswered) || []) unanswered.add(node);
      looked += page.rows.length;
      for (const row of page.rows) {
        from = row.actor as ActorId;
        if (isFound(keyOf(row))) found.push(row);
        if (found.length === limit) return { found, unanswered, from };
      }
      if (!page.more || page.rows.length === 0) return { found, unanswered, from: undefined };
      if (looked >= limits.adminRoomsScanned) return { found, unanswered, from };
    }
  }

  async function rowOf(actor: ActorRow): Promise<AdminRoomRow> {
    const { status, node } = actor;
    const place = { room: keyOf(actor), status, ...(node !== undefined && { node }) };
    if (status === "quarantined") return place;
    const to = actorId("room", place.room);
    const message = { type: "inspect" };
    const answer = await kernel.ask({ to, from: "gateway", message, timeoutMs: limits.adminRoomTimeoutMs });
    return answer.ok ? { ...(answer.value as RoomFacts), ...place } : { ...place, failure: answer.error };
  }

  return {
    "rooms.all": async (query) => {
      const { found, unanswered, from } = await find(query);
      const rooms: AdminRoomRow[] = [];
      // A few at a time: each may have to be read from a disk.
      for (let at = 0; at < found.length; at += limits.adminRoomsAtOnce)
        rooms.push(...(await Promise.all(found.slice(at, at + limits.adminRoomsAtOnce).map(rowOf))));
      return ok({
        rooms,
        ...(from !== undefined && { next: parseActorId(from)?.key ?? from }),
        ...(unanswered.size > 0 && { unanswered: [...unanswered] }),
      });
    },
  };
}

const keyOf = ({ actor }: ActorRow): string => actor.slice("room/".length);
