/** Lists that other nodes read for themselves (`blockLists`). A file or a link that one node knows to be bad is bad at
 *  all of them, whichever node has the room: so names of hosts and digests of files are taken from every member.
 *  Addresses are not: who connects to a node is the business of its operator, and a range that is closed at a public
 *  gateway may be where everybody works at another one. Entries that allow something are never taken.
 *
 *  Each member is asked again and again which texts it has; a text is read once. What a member that is away had said
 *  stays in force until it answers again, or is a member no more. */
import type { Clock, Log } from "../ports/index.ts";
import { readIndicators, type Indicators } from "./indicators.ts";
import type { threatLimits } from "./limits.ts";
import type { OwnText, SharedLists } from "./sharing.ts";
import type { ThreatListState } from "../../protocols/index.ts";

/** What is known of them. */
interface Others {
  /** Names of hosts and digests of files that they list. */
  says(): readonly Pick<Indicators, "domains" | "files">[];
  states(): readonly ThreatListState[];
  /** Not all that were up have been asked yet. */
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

/** Begins to ask. */
export function watchOthers(at: {
  readonly shared: SharedLists;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: { readonly [Name in keyof typeof threatLimits]: number };
  readonly onChange: () => void;
}): Others {
  const { shared, clock, log, limits, onChange } = at;
  /** By node: what it is called, and the digests of its texts that are in force. */
  const held = new Map<string, { readonly name: string; readonly digests: readonly string[] }>();
  const texts = new Map<string, Taken>();
  let asked = false;
  let stopped = false;
  let cancel: (() => void) | undefined;

  const entriesOf = (): number => [...texts.values()].reduce((sum, { entries }) => sum + entries, 0);

  /** Whether it is in force now. */
  async function take(node: string, own: OwnText): Promise<boolean> {
    const nowMs = clock.nowMs();
    const before = texts.get(own.digest);
    // What is said for a time is read again when a while has passed, though the text is the same.
    if (before !== undefined && nowMs < before.untilMs) return true;
    const text = await shared.textOf(node, own);
    if (text === undefined) return before !== undefined;
    const { domains, files, skipped } = readIndicators(text, nowMs);
    const entries = domains.length + files.length;
    if (entriesOf() + entries > limits.othersEntriesMax) {
      log.warn("threats.others.full", { node, entries, othersEntriesMax: limits.othersEntriesMax });
      return false;
    }
    const untilMs = nowMs + 10 * limits.feedReloadMs;
    texts.set(own.digest, { says: { domains, files, skipped }, entries, readAtMs: nowMs, untilMs });
    return true;
  }

  async function askOne({ node, name }: { readonly node: string; readonly name: string }): Promise<void> {
    const owns = await shared.ownOf(node);
    // It is away, or of a version before: nothing is known of it that is new.
    if (owns === undefined) return;
    const taken: string[] = [];
    for (const own of owns.slice(0, limits.ownListsMax)) if (await take(node, own)) taken.push(own.digest);
    const kept = taken.length < owns.length ? (held.get(node)?.digests ?? []) : [];
    const digests = [...new Set([...taken, ...kept])].slice(0, 2 * limits.ownListsMax);
    if (digests.length === 0) held.delete(node);
    else held.set(node, { name, digests });
  }

  async function round(): Promise<void> {
    const before = [...texts.keys()].toSorted().join();
    const members = shared.members();
    for (const node of held.keys()) if (!members.some((one) => one.node === node)) held.delete(node);
    const up = members.filter(({ isUp }) => isUp);
    for (let from = 0; from < up.length; from += limits.askedMax)
      await Promise.all(up.slice(from, from + limits.askedMax).map(askOne));
    const needed = new Set([...held.values()].flatMap(({ digests }) => digests));
    for (const digest of texts.keys()) if (!needed.has(digest)) texts.delete(digest);
    asked = true;
    if (stopped || before === [...texts.keys()].toSorted().join()) return;
    log.info("threats.others", { nodes: held.size, entries: entriesOf() });
    onChange();
  }

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
        digests.flatMap((digest) => {
          const { says, entries, readAtMs } = texts.get(digest) ?? {};
          if (says === undefined || entries === undefined || readAtMs === undefined) return [];
          return [{ source: name, of: name, entries, skipped: says.skipped, digest, readAtMs: Math.floor(readAtMs) }];
        }),
      ),
    isPending: () => !asked,
    ask,
    first,
    stop() {
      stopped = true;
      cancel?.();
      unwatch();
    },
  };
}
