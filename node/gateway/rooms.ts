/** Rooms of the whole cluster, for admins: which there are, how large, and where. Nothing of what is said in them. */
import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import {
  actorId,
  parseActorId,
  schema,
  type ActorId,
  type ActorRow,
  type AdminRoomPage,
  type AdminRoomRow,
  type RoomFacts,
  finder,
} from "../../protocols/index.ts";
import type { ClusterActors } from "../kernel/api.ts";
import type { GatewayContext } from "./options.ts";

/** Adds `GET /api/v1/admin/rooms`. */
export function addRoomRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits } = at;
  const actors: Pick<ClusterActors, "list"> = at.actors ?? { list: (filter) => kernel.listActors(filter) };
  const query = schema.object({
    /** Part of its name. */
    text: Type.Optional(Type.String({ maxLength: 64 })),
    after: Type.Optional(schema.key),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.adminRoomRowsMax })),
  });

  /** Rooms whose names have a text, until there are enough or enough was looked at. */
  async function find({ text = "", after, limit = limits.adminRoomRowsMax }: Static<typeof query>) {
    const found: ActorRow[] = [];
    const unanswered = new Set<string>();
    let from: ActorId | undefined = after === undefined ? undefined : actorId("room", after);
    const isFound = finder(text);
    for (let looked = 0; ;) {
      const rows = text === "" ? limit - found.length : limits.actorRowsMax;
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
    const message = { type: "inspect" };
    const answer = await kernel.ask({ to: actorId("room", place.room), from: "gateway", message, timeoutMs: limits.adminRoomTimeoutMs }); // prettier-ignore
    return answer.ok ? { ...(answer.value as RoomFacts), ...place } : { ...place, failure: answer.error };
  }

  app.get<{ Querystring: Static<typeof query> }>(
    "/admin/rooms",
    {
      config: { access: "admin" },
      schema: {
        summary: "Rooms of all nodes, by name: how large they are, who owns them, and where they are",
        description:
          "`text` is a part of the name. `next`, given as `after`, goes on; a page that found less than it was asked for need not be the last. A room that cannot say what it is has a `failure`.",
        tags: ["admin"],
        querystring: query,
      },
    },
    async (request): Promise<AdminRoomPage> => {
      const { found, unanswered, from } = await find(request.query);
      const rooms: AdminRoomRow[] = [];
      // A few at a time: each may have to be read from a disk.
      for (let at = 0; at < found.length; at += limits.adminRoomsAtOnce)
        rooms.push(...(await Promise.all(found.slice(at, at + limits.adminRoomsAtOnce).map(rowOf))));
      return {
        rooms,
        ...(from !== undefined && { next: parseActorId(from)?.key ?? from }),
        ...(unanswered.size > 0 && { unanswered: [...unanswered] }),
      };
    },
  );
}

const keyOf = ({ actor }: ActorRow): string => actor.slice("room/".length);
