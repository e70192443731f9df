/** Responses that may be asked for again or continued: in this node's memory, for a while. Each person has so many
 *  bytes, all together have so many; when there are more, the oldest go. A restart loses them. Other nodes ask this one
 *  (responses-kept.ts). */
import type { GatewayLimits } from "../limits.ts";

interface Entry<Value> {
  readonly user: string;
  readonly untilMs: number;
  value: Value;
  bytes: number;
}

/** Values of people by id. */
interface Kept<Value> {
  /** Keeps it, in the place of what had the id. False: it is larger than all that its person may have. */
  put(user: string, id: string, value: Value, bytes: number): boolean;
  /** Undefined also for somebody else's. */
  get(user: string, id: string): Value | undefined;
  delete(user: string, id: string): boolean;
  /** All of a person's, the newest first. */
  of(user: string): readonly Value[];
}

/** Makes it, empty. */
export function createKept<Value>(
  limits: Pick<GatewayLimits, "responseLifeMs" | "responsePersonBytesMax" | "responseBytesMax">,
  nowMs: () => number,
): Kept<Value> {
  /** The oldest first: all live for the same time. */
  const entries = new Map<string, Entry<Value>>();
  const bytesOf = new Map<string, number>();
  let bytesInAll = 0;

  const count = (user: string, bytes: number): void => {
    const sum = (bytesOf.get(user) ?? 0) + bytes;
    bytesInAll += bytes;
    if (sum === 0) bytesOf.delete(user);
    else bytesOf.set(user, sum);
  };
  const remove = (id: string, { user, bytes }: Entry<Value>): void => {
    entries.delete(id);
    count(user, -bytes);
  };
  const removeOldest = (user?: string): void => {
    for (const [id, entry] of entries) if (user === undefined || entry.user === user) return remove(id, entry);
  };
  const sweep = (): void => {
    for (const [id, entry] of entries)
      if (entry.untilMs <= nowMs()) remove(id, entry);
      else return;
  };
  const find = (user: string, id: string): Entry<Value> | undefined => {
    sweep();
    const entry = entries.get(id);
    return entry?.user === user ? entry : undefined;
  };

  return {
    put(user, id, value, bytes) {
      const old = find(user, id);
      if (old !== undefined) remove(id, old);
      if (bytes > limits.responsePersonBytesMax) return false;
      while ((bytesOf.get(user) ?? 0) + bytes > limits.responsePersonBytesMax) removeOldest(user);
      while (bytesInAll + bytes > limits.responseBytesMax) removeOldest();
      entries.set(id, { user, value, bytes, untilMs: nowMs() + limits.responseLifeMs });
      count(user, bytes);
      return true;
    },
    get: (user, id) => find(user, id)?.value,
    of(user) {
      sweep();
      return [...entries.values()].flatMap((entry) => (entry.user === user ? [entry.value] : [])).toReversed();
    },
    delete(user, id) {
      const entry = find(user, id);
      if (entry !== undefined) remove(id, entry);
      return entry !== undefined;
    },
  };
}
