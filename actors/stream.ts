/** The durable event stream of an actor, as clients follow it.
 *
 *      position   1 … 41 42 43 44        head = 44: the position of the newest event
 *      record     ───── event/…42, event/…43, event/…44       the newest `eventWindow` events
 *
 *  Every public event has the next position and becomes a record in the same append; the record that falls out of the
 *  window is deleted by the same event. So a client that knows position 42 gets exactly 43 and 44, wherever it asks. */
import { wireLimits, type Resumed } from "../protocols/index.ts";
import {
  publish,
  refuse,
  reply,
  type ActorRecord,
  type Effect,
  type RecordOp,
  type ReplyTo,
  type Turn,
} from "./behavior.ts";
import { firstPage } from "./page.ts";

/** A number as record keys hold it: text order is number order. 16 digits hold every safe integer. */
export const padded = (value: number): string => String(value).padStart(16, "0");

/** Key of the event at a position. */
export const eventKey = (at: number): string => `event/${padded(at)}`;

/** An event of the stream, as it is persisted: with its position. */
export interface Positioned<Event> {
  readonly at: number;
  readonly event: Event;
}

/** An event that nodes of the version before do not know, within one that they fold without harm: they throw at what
 *  they do not know, and may take the actor over during an update. Clients hear the event itself. */
export const carried = <Event extends object>(carrier: Event, event: Event): Event => ({ ...carrier, as: event });

/** The event that an event of the records carries, or itself. */
export const heard = <Event extends object>(event: Event): Event => ("as" in event ? (event.as as Event) : event);

/** What one event does to the stream's records. */
export function eventRecords({ at, event }: Positioned<unknown>): readonly RecordOp[] {
  const put: RecordOp = { put: eventKey(at), value: event };
  return at > wireLimits.eventWindow ? [put, { delete: eventKey(at - wireLimits.eventWindow) }] : [put];
}

/** Takes all events away: nobody follows the stream any more. */
export const allEvents: RecordOp = { deleteFrom: "event/", deleteTo: "event0" };

/** Publishes events that were persisted in the same turn. */
export const publishAll = (events: readonly Positioned<unknown>[]): readonly Effect<never, never>[] =>
  events.map(({ at, event }) => publish(event, at));

/** Tag of the read behind a resume. */
export interface ResumeTag {
  readonly type: "resume";
  readonly after: number;
  readonly to: ReplyTo | undefined;
}

/** How far a stream reaches: events after `floor` (erased up to there) and up to `head`. */
interface StreamSpan {
  readonly head: number;
  readonly floor: number;
}

/** Answers `resume`: the state, nothing new, a refusal, or a read whose records go to `resumePage`.
 *  Errors: CURSOR_INVALID, CURSOR_EXPIRED. */
export function resume(
  span: StreamSpan,
  after: number | undefined,
  turn: Turn<unknown>,
  state: () => unknown,
  signals: readonly unknown[] = [],
): readonly Effect<never, never>[] {
  if (after === undefined) return [reply({ head: span.head, state: state() })];
  if (after > span.head) return [refuse("CURSOR_INVALID", { head: span.head })];
  if (after === span.head) return [reply({ head: span.head, events: [], more: false, ...withSignals(signals) })];
  if (after < Math.max(span.floor, span.head - wireLimits.eventWindow)) return [refuse("CURSOR_EXPIRED")];
  const tag: ResumeTag = { type: "resume", after, to: turn.replyTo };
  const range = { from: eventKey(after + 1), to: eventKey(span.head + 1), limit: wireLimits.pageEntriesMax };
  return [{ type: "read", range, tag }];
}

const withSignals = (signals: readonly unknown[]) => (signals.length > 0 ? { signals } : {});

/** The page a resume reads. The window may have moved on meanwhile: then the cursor has expired after all. `shown` is
 *  how an old event looks to somebody who reads it now; `signals` say again what goes on. */
export function resumePage(
  span: StreamSpan,
  tag: ResumeTag,
  records: readonly ActorRecord[],
  signals: readonly unknown[] = [],
  shown: (event: unknown) => unknown = (event) => event,
): readonly Effect<never, never>[] {
  const first = records[0];
  if (first === undefined || first.key !== eventKey(tag.after + 1))
    return [refuse("CURSOR_EXPIRED", undefined, tag.to)];
  const found = records.map(({ value }, index) => ({
    at: tag.after + 1 + index,
    event: shown(heard(value as object)),
  }));
  const events = firstPage(found, wireLimits.pageEntriesMax);
  const more = tag.after + events.length < span.head;
  const page: Resumed<never, unknown> = { head: span.head, events, more, ...(!more && withSignals(signals)) };
  return [reply(page, tag.to)];
}
