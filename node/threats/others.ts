/** Lists that other nodes read for themselves (`blockLists`). A file or a link that one node knows to be bad is bad at
 *  all of them, whichever node has the room: so names of hosts and digests of files are taken from every member.
 *  Addresses are not: who connects to a node is the business of its operator, and a range that is closed at a public
 *  gateway may be where everybody works at another one. Entries that allow something are never taken.
 *
 *  Each member is asked again and again which texts it has; a text is read once. What a member that is away had said
 *  stays in force until it answers again, or is a member no more. */
import type { Clock, Log } from "../ports/index.ts";
import { inPieces } from "../pieces.ts";
import { indicatorsIn, type Indicators } from "./indicators.ts";
import type { threatLimits } from "./limits.ts";
import type { OwnText, SharedLists } from "./sharing.ts";
import type { ThreatListState } from "../../protocols/index.ts";

/** What is known of them. */
interface Others {
  /** Names of hosts and digests of files that they list. */
  says(): readonly Pick<Indicators, "domains" | "files">[];
  states(): readonly ThreatListState[];
  /** Some member has not answered yet since the start, and `othersWaitMs` are not over. */
  isPending(): boolean;
  /** Asks all that are up. */
  ask(): Promise<void>;
  readonly first: Promise<void>;
  stop(): void;
}

/** A text that was taken. */
interface Taken {
  readonly says: Pick<Indicators, "domains" | "files" | "skipped">;
  readonly entries: number;
  readonly readAtMs: number;
  readonly untilMs: number;
}

/** What a member has said. */
interface Held {
  readonly name: string;
  /** Its texts that are in force. */
  readonly digests: Set<string>;
  /** Those of its last answer that were not taken: they are not fetched again before a time, except one that had too
   *  many entries and fits now. */
  readonly refused: Map<string, { readonly entries?: number; readonly againMs: number }>;
}

/** Begins to ask. */
export function watchOthers(at: {
  readonly shared: SharedLists;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: { readonly [Name in keyof typeof threatLimits]: number };
  /** Resolves when it is in force. */
  readonly onChange: () => Promise<void>;
}): Others {
  const { shared, clock, log, limits, onChange } = at;
  const held = new Map<string, Held>();
  const texts = new Map<string, Taken>();
  /** The members that have answered. */
  const answered = new Set<string>();
  const pendingUntilMs = clock.monotonicMs() + limits.othersWaitMs;
  const againAfterMs = 10 * limits.feedReloadMs;
  let asked = false;
  /** What they have told is being put in force. */
  let taking = false;
  let changed = false;
  let stopped = false;
  let cancel: (() => void) | undefined;

  const needed = (): Set<string> => new Set([...held.values()].flatMap(({ digests }) => [...digests]));
  /** Whether a text of so many entries has room beside all others that are needed. */
  const hasRoom = (digest: string, entries: number): boolean => {
    let sum = entries;
    for (const other of needed()) if (other !== digest) sum += texts.get(other)?.entries ?? 0;
    return sum <= limits.othersEntriesMax;
  };

  function refuse(one: Held, digest: string, entries?: number): void {
    const { name } = one;
    const { othersEntriesMax } = limits;
    if (!one.refused.has(digest))
      if (entries === undefined) log.warn("threats.others.wrong", { name, digest });
      else log.warn("threats.others.full", { name, digest, entries, othersEntriesMax });
    one.digests.delete(digest);
    one.refused.set(digest, { ...(entries !== undefined && { entries }), againMs: clock.nowMs() + againAfterMs });
  }

  function hold(one: Held, digest: string, entries: number): boolean {
    const fits = hasRoom(digest, entries);
    if (!fits) refuse(one, digest, entries);
    else {
      one.digests.add(digest);
      one.refused.delete(digest);
    }
    return fits;
  }

  /** Takes a text that a member lists, or refuses it. False: it did not come. */
  async function take(node: string, one: Held, own: OwnText): Promise<boolean> {
    const { digest } = own;
    const nowMs = clock.nowMs();
    const before = texts.get(digest);
    const last = one.refused.get(digest);
    if (last !== undefined && nowMs < last.againMs && (last.entries === undefined || !hasRoom(digest, last.entries)))
      return true;
    // What is said for a time is read again when a while has passed, though the text is the same.
    if (before !== undefined && (nowMs < before.untilMs || !hasRoom(digest, before.entries))) {
      hold(one, digest, before.entries);
      return true;
    }
    const received = await shared.textOf(node, own);
    if (received === "wrong") refuse(one, digest);
    if (typeof received === "string") return received === "wrong" || one.digests.has(digest);
    const { domains, files, skipped } = await inPieces(indicatorsIn(received.text, nowMs), clock);
    const entries = domains.length + files.length;
    if (!hold(one, digest, entries)) return true;
    texts.set(digest, { says: { domains, files, skipped }, entries, readAtMs: nowMs, untilMs: nowMs + againAfterMs });
    changed = true;
    return true;
  }

  async function askOne({ node, name }: { readonly node: string; readonly name: string }): Promise<void> {
    const answer = await shared.ownOf(node);
    // It is away, or of a version before: nothing is known of it that is new.
    if (answer === undefined) return;
    const owns = answer.slice(0, limits.ownListsMax);
    const isListed = (digest: string): boolean => owns.some((own) => own.digest === digest);
    const before = held.get(node);
    const digests = [...(before?.digests ?? [])];
    // What it lists no more makes room first.
    const left = digests.filter((digest) => !isListed(digest));
    const one: Held = { name, digests: new Set(digests.filter(isListed)), refused: before?.refused ?? new Map() };
    for (const digest of one.refused.keys()) if (!isListed(digest)) one.refused.delete(digest);
    held.set(node, one);
    let isAway = false;
    for (const own of owns) if (!(await take(node, one, own))) isAway = true;
    // A text that did not come may have replaced one of these.
    for (const digest of isAway ? left.slice(0, limits.ownListsMax) : [])
      if (hasRoom(digest, texts.get(digest)?.entries ?? 0)) one.digests.add(digest);
    answered.add(node);
  }

  async function round(): Promise<void> {
    const before = [...texts.keys()].toSorted().join();
    const members = shared.members();
    for (const all of [held, answered])
      for (const node of all.keys()) if (!members.some((one) => one.node === node)) all.delete(node);
    const up = members.filter(({ isUp }) => isUp);
    for (let from = 0; from < up.length; from += limits.askedMax)
      await Promise.all(up.slice(from, from + limits.askedMax).map(askOne));
    const inForce = needed();
    for (const digest of texts.keys()) if (!inForce.has(digest)) texts.delete(digest);
    const isSame = !changed && before === [...texts.keys()].toSorted().join();
    if (isSame) asked = true;
    if (stopped || isSame) return;
    changed = false;
    const entries = [...texts.values()].reduce((sum, one) => sum + one.entries, 0);
    log.info("threats.others", { nodes: held.size, entries });
    taking = true;
    await onChange().finally(() => {
      taking = false;
      asked = true;
    });
  }

  /** A list that nobody has told yet must not be taken for an empty one; one away for long is not waited for. */
  const isPending = (): boolean =>
    !asked ||
    taking ||
    (clock.monotonicMs() < pendingUntilMs && shared.members().some(({ node }) => !answered.has(node)));

  let running: Promise<void> | undefined;
  let again = false;
  /** One round at a time; those who ask meanwhile have one more together. */
  async function ask(): Promise<void> {
    if (running !== undefined) {
      again = true;
      return running;
    }
    running = (async () => {
      do {
        again = false;
        await round();
      } while (again && !stopped);
    })().finally(() => (running = undefined));
    return running;
  }
  const turn = async (): Promise<void> => {
    await ask();
    if (!stopped) cancel = clock.after(limits.othersAskedMs, () => void turn());
  };
  const first = turn();
  // A node that has just come up is asked at once.
  const unwatch = shared.onMembers(() => void (stopped ? undefined : ask()));

  return {
    says: () => [...texts.values()].map(({ says }) => says),
    states: () =>
      [...held.values()].flatMap(({ name, digests }) =>
        [...digests].flatMap((digest) => {
          const { says, entries, readAtMs } = texts.get(digest) ?? {};
          if (says === undefined || entries === undefined || readAtMs === undefined) return [];
          return [{ source: name, of: name, entries, skipped: says.skipped, digest, readAtMs: Math.floor(readAtMs) }];
        }),
      ),
    isPending,
    ask,
    first,
    stop() {
      stopped = true;
      cancel?.();
      unwatch();
    },
  };
}
