/** Downloads that were prepared: each may be fetched once, by the session that began it, and soon. */
import type { RecallBackup } from "../../../protocols/index.ts";
import type { Clock } from "../../ports/index.ts";

/** What a download is of. */
type Query = RecallBackup["query"];

/** They are in the memory of the node that prepared them. */
export interface Tickets {
  add(id: string, query: Query, session: string | undefined): void;
  /** Undefined: it was fetched already, by another session, or too late. */
  take(id: string, session: string | undefined): Query | undefined;
}

/** Makes room for as many as the limits say: the oldest goes. */
export function createTickets(
  clock: Pick<Clock, "monotonicMs">,
  limits: { readonly downloadTicketMs: number; readonly downloadTicketsMax: number },
): Tickets {
  /** The oldest first. */
  const kept = new Map<
    string,
    { readonly query: Query; readonly session: string | undefined; readonly endsAtMs: number }
  >();
  return {
    add(id, query, session) {
      kept.set(id, { query, session, endsAtMs: clock.monotonicMs() + limits.downloadTicketMs });
      const [oldest] = kept.keys();
      if (kept.size > limits.downloadTicketsMax && oldest !== undefined) kept.delete(oldest);
    },
    take(id, session) {
      const ticket = kept.get(id);
      if (ticket === undefined || ticket.session !== session || ticket.endsAtMs < clock.monotonicMs()) return undefined;
      kept.delete(id);
      return ticket.query;
    },
  };
}

/** What fetches an archive by its ticket. */
export const archivesOf = <Archive>(
  backups: { archive: Archive },
  tickets: Pick<Tickets, "take">,
): { readonly archive: Archive } & Pick<Tickets, "take"> => ({
  archive: backups.archive,
  take: (id, session) => tickets.take(id, session),
});
