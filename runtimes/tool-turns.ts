/** What functions answered, in the order that models and their servers know: each result right behind the calls of its
 *  turn, and no id used twice. Pure.
 *
 *  Clients count their ids from one in every turn, and people write while a function still runs. Templates and other
 *  servers know neither, and would give a result to another call, or refuse the conversation. */
import type { ChatMessage, ToolCall } from "../protocols/index.ts";

/** The calls of one message that wait for their results, by the id that they came with. */
interface Turn {
  readonly at: number;
  readonly ids: string[];
}

/** The same conversation in that order. A result belongs to the nearest open call before it that has its id; one
 *  without such a call stays where it is. */
export function withResultsInPlace(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  if (!messages.some(({ role }) => role === "tool")) return messages;
  const names = createNames(messages);
  const open = new Map<string, Turn[]>();
  const results = new Map<number, ChatMessage[]>();
  const placed: ChatMessage[] = [];
  const places: number[] = [];
  for (const [at, message] of messages.entries()) {
    const { role, calls, callId = "" } = message;
    if (role === "tool") {
      const turn = takeNearest(open, callId);
      if (turn !== undefined) {
        const behind = results.get(turn.at) ?? [];
        results.set(turn.at, behind);
        behind.push(turn.id === callId ? message : { ...message, callId: turn.id });
        continue;
      }
    }
    placed.push(calls === undefined ? message : { ...message, calls: opened(calls, at, open, names) });
    places.push(at);
  }
  return placed.flatMap((message, index) => [message, ...(results.get(places[index]!) ?? [])]);
}

/** Opens the calls of one message, under ids that no call before them has. */
function opened(
  calls: readonly ToolCall[],
  at: number,
  open: Map<string, Turn[]>,
  nameFor: (id: string) => string,
): readonly ToolCall[] {
  return calls.map((call) => {
    const id = nameFor(call.id);
    const turns = open.get(call.id) ?? [];
    open.set(call.id, turns);
    const last = turns.at(-1);
    if (last?.at === at) last.ids.push(id);
    else turns.push({ at, ids: [id] });
    return id === call.id ? call : { ...call, id };
  });
}

/** The first open call of the nearest turn that has one. */
function takeNearest(
  open: ReadonlyMap<string, Turn[]>,
  callId: string,
): { readonly at: number; readonly id: string } | undefined {
  const turns = open.get(callId);
  const turn = turns?.at(-1);
  const id = turn?.ids.shift();
  if (turn === undefined || id === undefined) return undefined;
  if (turn.ids.length === 0) turns?.pop();
  return { at: turn.at, id };
}

/** Gives each id once: those that come again get a number behind them. */
function createNames(messages: readonly ChatMessage[]): (id: string) => string {
  const asked = new Set(messages.flatMap(({ calls = [] }) => calls.map(({ id }) => id)));
  const given = new Set<string>();
  const times = new Map<string, number>();
  return (id) => {
    let name = id;
    let count = times.get(id) ?? 1;
    while (given.has(name) || (name !== id && asked.has(name))) name = `${id}_${(count += 1)}`;
    times.set(id, count);
    given.add(name);
    return name;
  };
}
