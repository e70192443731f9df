/** Looks through the newest messages of places themselves: for as long as there is no index of them. */
import { searchMarks, wireLimits, type ActorId, type AgentHistory, type RoomHistory } from "../../protocols/index.ts";
import type { Find, SearchParts } from "./ports.ts";
import { inTimeOrder, type Hit, type Query } from "./query.ts";

/** A message as it is looked at. */
interface Looked extends Hit {
  readonly text: string;
  readonly author: string;
  readonly mentions?: readonly string[];
  readonly replyTo?: number;
}

const link = /https?:\/\/\S/;

/** Whether a message is what is searched for. */
function fits(query: Query, one: Looked): boolean {
  const { author, afterMs = 0, beforeMs = Infinity, hasLink, mentions, thread, behind, terms, typos } = query;
  if (author !== undefined && one.author !== author) return false;
  if (one.atMs < afterMs || one.atMs >= beforeMs) return false;
  if (hasLink === true && !link.test(one.text)) return false;
  if (mentions !== undefined && one.mentions?.includes(mentions) !== true) return false;
  if (thread !== undefined && one.replyTo !== thread && one.seq !== thread) return false;
  if (behind !== undefined && inTimeOrder(one, behind) <= 0) return false;
  return searchMarks(one.text, terms, typos) !== undefined;
}

/** Finds in the newest page of each place. */
export const scan =
  ({ kernel, limits }: Pick<SearchParts, "kernel" | "limits">): Find =>
  async (query, places, reader) => {
    const newest = { type: "history", limit: wireLimits.pageEntriesMax };
    const pages = await Promise.all(
      places.map((to) => kernel.ask({ to, from: reader, message: newest, timeoutMs: limits.askTimeoutMs })),
    );
    const looked = pages.flatMap((page, at) => {
      const actor = places[at] as ActorId;
      if (!page.ok) return [];
      if (actor.startsWith("room/")) {
        const { messages } = page.value as RoomHistory;
        return messages
          .filter(({ deletedAtMs }) => deletedAtMs === undefined)
          .map((one): Looked => ({ ...one, actor }));
      }
      const { turns } = page.value as AgentHistory;
      return turns.map(({ turn, role, text, atMs }): Looked => ({
        actor,
        seq: turn,
        atMs,
        text,
        author: role === "user" ? reader : actor,
      }));
    });
    const hits = looked.filter((one) => fits(query, one)).toSorted(inTimeOrder);
    return {
      hits: hits.slice(0, query.limit),
      more: hits.length > query.limit,
      covered: [],
      unreachable: places.filter((_, at) => pages[at]?.ok === false),
    };
  };
