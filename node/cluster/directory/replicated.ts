/** One node's part in a replicated directory: its voter, if it has one, and what it knows of who leads.
 *
 *      voter ─ leads, or follows ─┐
 *      told by others ────────────┼─► lead { generation, term, leader, voters, etcd? } ─► told to peers that connect
 *      asked, when a call failed ─┘
 *
 *  What is known of the leader is a hint. A node that is asked for rows answers only when a majority has said that it
 *  leads. */
import type { VotersStep } from "./voters.ts";
import { failure, ok, refused } from "../../../protocols/index.ts";
import type { MeshBody } from "../../../protocols/mesh/index.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, DirectoryRow, Log, NodeId, Store } from "../../ports/index.ts";
import { within } from "../../waiting.ts";
import { directoryLimits, type DirectoryLimits } from "./limits.ts";
import { createAgain } from "./raft/again.ts";
import { foundVoter, generationOf, type Founding } from "./raft/disk.ts";
import { createVoterWire } from "./raft/lines.ts";
import { openVoter, type Voter, type VoterPorts, type VoterState } from "./raft/voter.ts";
import { unavailableHere, type EtcdHome, type VotersHome } from "./row.ts";

/** The leader, as one node knows it. `generation` 0: nothing is known. */
export interface Lead extends VotersHome {
  readonly term: number;
  readonly leader: NodeId | undefined;
  /** Since which place in the log these vote; 0: nobody has said. Of two hints in one term the later one counts. */
  readonly since: number;
  /** This generation is in etcd, and nobody votes. */
  readonly etcd?: EtcdHome;
}

export interface ReplicatedPart {
  readonly lead: Lead;
  /** This node's voter; undefined where it has none. */
  readonly voter: Voter | undefined;
  /** What is wrong with the disk under this node's voter. */
  trouble(): string | undefined;
  /** Whether this node leads. */
  readonly leads: boolean;
  state(): VoterState | undefined;
  /** Opens the voter of the disk, if it has one of the generation that is known. Errors: DATA_DAMAGED,
   *  DATA_FORMAT_UNKNOWN. */
  opened(): Promise<void>;
  /** Begins a generation on this node's disk; its voter opens when the generation is `learn`ed. */
  found(founding: Founding): Promise<void>;
  /** Takes what is known elsewhere, if it is newer. */
  learn(home: VotersHome | (EtcdHome & { readonly generation: number })): void;
  /** Asks who leads, if that is not being asked. */
  ask(): void;
  /** Does a step of the plan. Rejects when it does not come about. */
  take(step: VotersStep): Promise<void>;
  /** Gives the rows to the next generation, which is in etcd, if this node leads; see `Voter.depart`. */
  depart(
    home: EtcdHome & { readonly generation: number },
    copy: (rows: readonly DirectoryRow[], revision: number) => Promise<void>,
  ): Promise<void>;
  /** Lets another lead, if this node does; waits a little for that. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

export function createReplicatedPart(ports: {
  readonly node: NodeId;
  readonly store: Store;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: DirectoryLimits;
  readonly decided?: VoterPorts["decided"];
  /** For the lengths of waits. */
  seed(): number;
  /** Whom to ask beside the voters that are known. */
  others(): readonly NodeId[];
  /** The lead is another than before, or its voters are. */
  changed(lead: Lead): void;
}): ReplicatedPart {
  const { node, store, exchange, clock, log, limits = directoryLimits } = ports;
  let lead: Lead = { generation: 0, term: 0, leader: undefined, voters: [], since: 0 };
  let voter: Voter | undefined;
  const leads = (): boolean => voter?.state()?.role === "leader";
  /** Whether this node led when the lead was told last. */
  let led = false;
  let opening: Promise<void> | undefined;
  /** The voter of an earlier generation, until it writes no more. */
  let ended: Promise<void> = Promise.resolve();
  let asking = false;
  let closed = false;
  const wire = createVoterWire(
    exchange,
    clock,
    (from, generation) => {
      if (generation > lead.generation) void askOne(from);
      // A voter that this node had may have been closed: what is on its disk counts.
      else if (generation === lead.generation && generation > 0 && lead.etcd === undefined) void open().catch(unopened);
    },
    limits,
  );

  const tellAll = (): void => {
    for (const peer of exchange.peers()) exchange.send(peer, "directory.leads", bodyOf(lead));
  };
  const unstopped = (error: unknown): void => log.error("directory.voter.unstopped", { error });
  const again = createAgain({ clock, log, limits });
  const unopened = (error: unknown): void => {
    if (!closed) again.failed(error, () => void openOwn().catch(unopened));
  };

  const set = (next: Lead): void => {
    const before = lead;
    lead = next;
    led = leads();
    if (before.leader !== next.leader && next.leader !== undefined)
      log.info("directory.led", { leader: next.leader, term: next.term, generation: next.generation });
    ports.changed(next);
  };

  /** What another node says. */
  const hear = (told: MeshBody<"directory.leads">): void => {
    const { generation, etcd, ...said } = told;
    const there = etcd && { etcd: { ...etcd, generation } };
    const next = withVoters(lead, { generation, leader: undefined, since: 0, ...said, ...there });
    if (closed || next.generation < lead.generation || next.generation === 0) return;
    if (next.generation > lead.generation) return begin(next);
    // What is in etcd is said once.
    if (lead.etcd !== undefined || next.etcd !== undefined) return;
    if (next.term < lead.term || (next.term === lead.term && next.leader === undefined)) return;
    // A voter is told by its own, unless that hears of no leader: it may have been removed, and nobody writes to it any
    // more.
    const own = voter?.state();
    if (isVoting() && own?.leader !== undefined && own.term >= next.term) return;
    if (!same(next, lead)) set(next);
    closeIfRemoved();
  };
  /** Another generation counts: voters of the last one are none any more. */
  const begin = (next: Lead): void => {
    const old = voter;
    voter = undefined;
    wire.close();
    ended = (old?.stop() ?? Promise.resolve()).catch(unstopped);
    again.reset();
    opening = undefined;
    set(next);
    if (next.etcd !== undefined) return tellAll();
    void openOwn().catch(unopened);
  };
  /** What this node's own voter knows. */
  const follow = (own: Voter): void => {
    const state = own.state();
    if (state === undefined || own !== voter) return;
    // Others may have said who leads before its own voter knew that it leads no more.
    if (led !== leads()) set(lead);
    const { term, leader, members } = state;
    if (leader === undefined && (lead.leader === undefined || term < lead.term)) return;
    // A change of the voters that is not agreed on may never come about.
    const { voters, since } = state.settled ? { ...members, since: state.since } : lead;
    const known = { ...lead, term: Math.max(term, lead.term), leader, voters, since };
    const next = term >= lead.term ? known : withVoters(lead, known);
    // One that learns knows nothing yet.
    if (members.voters.length === 0 || same(next, lead)) return;
    set(next);
    if (leader === node) tellAll();
  };
  const isVoting = (): boolean => voter?.state()?.members.voters.includes(node) === true;
  /** One that was removed before it heard of it would ask for votes for ever. */
  const closeIfRemoved = (): void => {
    const own = voter;
    if (own === undefined || lead.voters.includes(node) || !isVoting()) return;
    voter = undefined;
    opening = undefined;
    wire.close();
    own.stop().catch(unstopped);
  };

  /** Where the disk is a voter's of this generation. Else the next message begins one. */
  const openOwn = async (): Promise<void> => {
    await ended;
    const own = lead.etcd === undefined ? await generationOf(store) : undefined;
    if (closed || lead.etcd !== undefined || opening !== undefined) return;
    if (own === lead.generation) await open();
    else wire.close();
  };
  const open = (): Promise<void> => {
    opening ??= (async () => {
      const { generation } = lead;
      const { decided } = ports;
      const own = { node, store, lines: wire.lines(generation), clock, log, seed: ports.seed(), limits };
      const opened = await openVoter({ ...own, ...(decided && { decided }) }, { generation });
      if (closed || generation !== lead.generation) return opened.stop();
      voter = opened;
      again.done();
      opened.onMoved((home) => home.generation !== undefined && hear(leadOf({ ...home, generation: home.generation })));
      opened.onLeader(() => follow(opened));
      follow(opened);
    })().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };

  const askOne = async (peer: NodeId): Promise<boolean> => {
    const told = await exchange.call(peer, "directory.leader", {}, limits.leaderAskMs);
    if (told.ok) hear(told.value);
    return told.ok && told.value.leader !== undefined;
  };
  const askAll = async (): Promise<void> => {
    const { term, generation } = lead;
    const known = lead.voters.filter((one) => one !== node);
    await Promise.all(known.map(askOne));
    if (lead.generation === generation && lead.term === term)
      await Promise.all(
        ports
          .others()
          .filter((one) => one !== node && !known.includes(one))
          .map(askOne),
      );
  };

  exchange.on("directory.leads", (told) => hear(told));
  exchange.on("directory.leader", () => (closed ? refused(failure("STOPPING")) : ok(bodyOf(lead))));
  exchange.onPeer({
    connected(peer) {
      if (lead.generation > 0) exchange.send(peer, "directory.leads", bodyOf(lead));
    },
  });

  return {
    get lead() {
      return lead;
    },
    get voter() {
      return voter;
    },
    trouble: () => voter?.trouble() ?? again.trouble("this node"),
    get leads() {
      return leads();
    },
    state: () => voter?.state(),
    async opened() {
      if (lead.generation > 0 && lead.etcd === undefined && (await generationOf(store)) === lead.generation)
        await open();
    },
    async found(founding) {
      await ended;
      await foundVoter(store, founding);
    },
    learn: (home) => hear(leadOf(home)),
    async depart(home, copy) {
      if (voter === undefined) throw unavailableHere();
      await voter.depart(home, copy);
    },
    ask() {
      if (asking || closed) return;
      asking = true;
      void askAll().finally(() => clock.after(limits.retryMinMs, () => (asking = false)));
    },
    async take(step) {
      const own = voter;
      if (own === undefined) return;
      if (step.type === "handOver") return own.handOver(step.to);
      await own.changeMembers(step.members);
      follow(own);
      tellAll();
    },
    async leave() {
      const own = voter;
      const state = own?.state();
      if (own === undefined || state?.role !== "leader") return;
      const heir = state.others.find((other) => other.heard && state.members.voters.includes(other.node));
      if (heir === undefined) return;
      const led = new Promise<void>((done) => own.onLeader((one) => one !== node && one !== undefined && done()));
      own.handOver(heir.node);
      await within(clock, limits.leavingMs, led);
    },
    async close() {
      closed = true;
      again.reset();
      wire.close();
      await opening?.catch(() => undefined);
      await voter?.stop();
    },
  };
}

const bodyOf = ({ generation, term, leader, voters, since, etcd }: Lead): MeshBody<"directory.leads"> => ({
  generation,
  term,
  voters: [...voters],
  ...(since > 0 && { since }),
  ...(leader !== undefined && { leader }),
  ...(etcd !== undefined && { etcd: { endpoints: [...etcd.endpoints], prefix: etcd.prefix } }),
});

/** With those who vote, in the same term, as was said last of them: others may tell what they heard before. */
const withVoters = (known: Lead, next: Lead): Lead =>
  next.generation === known.generation && next.term === known.term && next.since < known.since
    ? { ...next, voters: known.voters, since: known.since }
    : next;

const leadOf = (home: VotersHome | (EtcdHome & { readonly generation: number })): MeshBody<"directory.leads"> => {
  const { generation } = home;
  if ("voters" in home) return { generation, voters: [...home.voters], term: 0 };
  return { generation, voters: [], term: 0, etcd: { endpoints: [...home.endpoints], prefix: home.prefix } };
};

const same = (one: Lead, other: Lead): boolean =>
  one.generation === other.generation &&
  one.term === other.term &&
  one.leader === other.leader &&
  one.since === other.since &&
  one.voters.length === other.voters.length &&
  one.voters.every((voter) => other.voters.includes(voter));
