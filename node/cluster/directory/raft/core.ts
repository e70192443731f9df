/** Consensus of the voters, as a machine that steps: it is told of ticks, messages and writes that are done, and says
 *  what to write, to send and to apply. It has no clock, no disk, no network and no chance but its seed; a driver has
 *  those.
 *
 *      tick, receive, propose, read, stored ──► Core ──► take(): write, send, sendStored, apply, reads
 *
 *      follower ──silence──► asks whether it might win (`asking`) ──► candidate ──► leader
 *      a higher term makes each a follower
 *
 *  Invariants (each is checked by test/simulation/raft): (a) What a message promises is on disk before it leaves:
 *  votes, and `appended`. (b) One leader a term. A leader has every committed entry. (c) A leader commits by counting
 *  only entries of its own term; those before come with them. (d) Members change by one voter at a time, and not before
 *  the last change and an entry of the leader's term are committed. (e) A read is answered from no older state than
 *  there was when it was asked: a majority has said since that it leads. (f) Nothing rests on time: ticks decide only
 *  when to try. */
import { assert } from "../../../../protocols/index.ts";
import { matched, newFollower, wasRefused, type Follower } from "./followers.ts";
import { RaftLog } from "./log.ts";
import type {
  Addressed,
  Entry,
  EntryBody,
  Mark,
  Members,
  Promise,
  RaftMessage,
  Ready,
  Snapshot,
  Voter,
  Write,
} from "./messages.ts";

export interface CoreOptions<State> {
  readonly node: Voter;
  /** Silence after which an election begins: between this many ticks and twice as many. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly entriesPerMessageMax: number;
  /** Messages with entries that are on their way to one node. */
  readonly messagesOnWayMax: number;
  /** For the lengths of waits. */
  readonly seed: number;
  /** What all that was given to `apply` has come to. */
  snapshot(): State;
}

/** What a node's disk has. */
export interface Restored<Data> {
  readonly promise: Promise;
  readonly base: Mark & { readonly members: Members };
  readonly entries: readonly Entry<Data>[];
  /** What is in its state already. */
  readonly applied: number;
}

type Role = "follower" | "asking" | "candidate" | "leader";

const none: readonly never[] = [];
/** What is given away: never a list that is filled again. */
const given = <One>(list: readonly One[]): readonly One[] => (list.length === 0 ? none : list);

export class Core<Data, State> {
  readonly #options: CoreOptions<State>;
  readonly #log: RaftLog<Data>;
  #promise: Promise;
  #role: Role = "follower";
  #leader: Voter | undefined;
  #commit: number;
  #durable: number;
  #applied: number;
  #elapsed = 0;
  #patience: number;
  #chance: number;
  /** It is no voter, somebody has asked for its vote whose log is older, and no leader was heard of since. */
  #called = false;
  // A candidate's.
  #votes = new Map<Voter, boolean>();
  #forced = false;
  // A leader's.
  #followers = new Map<Voter, Follower>();
  #round = 0;
  #asked: { readonly index: number; readonly ids: readonly number[] } | undefined;
  #questions: number[] = [];
  #heir: Voter | undefined;
  // What `take` gives.
  #promised = false;
  #written: number;
  #restore: Snapshot<State> | undefined;
  #send: Addressed<Data, State>[] = [];
  #sendStored: Addressed<Data, State>[] = [];
  #reads: { id: number; index: number }[] = [];
  #dropped: number[] = [];
  #beat = false;
  /** Changes are committed that the others have not heard of. */
  #news = false;

  constructor(options: CoreOptions<State>, { promise, base, entries, applied }: Restored<Data>) {
    this.#options = options;
    this.#log = new RaftLog(base, entries);
    this.#promise = promise;
    this.#commit = this.#applied = Math.max(applied, base.index);
    this.#durable = this.#written = this.#log.last.index;
    assert(this.#applied <= this.#durable, "what is applied is in the log");
    this.#chance = options.seed >>> 0 || 1;
    this.#patience = this.#drawPatience();
  }

  get role(): "follower" | "candidate" | "leader" {
    return this.#role === "asking" ? "candidate" : this.#role;
  }
  get term(): number {
    return this.#promise.term;
  }
  get leader(): Voter | undefined {
    return this.#leader;
  }
  get commit(): number {
    return this.#commit;
  }
  get log(): RaftLog<Data> {
    return this.#log;
  }
  get members(): Members {
    return this.#log.members.members;
  }
  /** Whether the last change of members is committed. */
  get settled(): boolean {
    return this.#log.members.index <= this.#commit;
  }
  /** How far behind a node is, in entries; undefined: this node does not lead, or the node has not said yet what it
   *  has. */
  behind(node: Voter): number | undefined {
    const match = this.#followers.get(node)?.match ?? 0;
    return match === 0 ? undefined : this.#log.last.index - match;
  }
  /** Whether a node was heard of lately; only a leader knows. */
  hears(node: Voter): boolean {
    return this.#followers.get(node)?.heard === true;
  }

  // --- time ----------------------------------------------------------------------------------------------------------

  tick(): void {
    this.#elapsed += 1;
    if (this.#role !== "leader") {
      if (this.#elapsed >= this.#patience) this.#campaign("ask");
      return;
    }
    if (this.#elapsed % this.#options.heartbeatTicks === 0) this.#heartbeat();
    if (this.#elapsed < this.#options.electionTicks) return;
    this.#elapsed = 0;
    this.#heir = undefined;
    // A leader that does not reach a majority must not let clients wait for it (6.2).
    const heard = this.members.voters.filter((voter) => voter === this.#self || this.#followers.get(voter)?.heard);
    if (heard.length < this.#quorum) return this.#follow(this.term, undefined);
    for (const follower of this.#followers.values()) follower.heard = false;
  }

  /** The line to another node is broken. A follower that loses its leader need not wait for a long silence: nodes that
   *  still hear the leader let nobody depose it. */
  lost(node: Voter): void {
    if (this.#role === "follower" && this.#leader === node)
      this.#elapsed = Math.max(this.#elapsed, this.#options.electionTicks);
  }

  #heartbeat(): void {
    this.#beat = true;
    for (const follower of this.#followers.values()) {
      follower.paused = false;
      // One may have been lost: there is room for another.
      if (follower.flight.length >= this.#options.messagesOnWayMax) follower.flight.shift();
      if (follower.installing === undefined) continue;
      follower.installing.heartbeats += 1;
      if (follower.installing.heartbeats * this.#options.heartbeatTicks < 4 * this.#options.electionTicks) continue;
      follower.state = "probe";
      follower.installing = undefined;
    }
  }

  // --- what clients ask ----------------------------------------------------------------------------------------------

  /** Where it will be, if it comes about; undefined: this node does not lead, or hands the lead over. */
  propose(data: Data): Mark | undefined {
    return this.#role === "leader" && this.#heir === undefined ? this.#add({ type: "data", data }) : undefined;
  }

  /** Changes who counts, by one voter. Undefined: not now, see (d). */
  changeMembers(members: Members): Mark | undefined {
    if (this.#role !== "leader" || this.#heir !== undefined || members.voters.length === 0) return undefined;
    if (!this.settled || !this.#leadsSurely) return undefined;
    const { voters } = this.members;
    const differ = [...voters, ...members.voters].filter(
      (one) => voters.includes(one) !== members.voters.includes(one),
    );
    if (differ.length > 1) return undefined;
    // A member that is named twice would be counted twice.
    const named = [...members.voters, ...members.learners];
    if (new Set(named).size < named.length) return undefined;
    const mark = this.#add({ type: "members", members });
    this.#meet();
    return mark;
  }

  /** Whether this node may answer comes with `take`: in `reads` or in `dropped`. */
  read(id: number): void {
    if (this.#role === "leader") this.#questions.push(id);
    else this.#dropped.push(id);
  }

  /** Lets another voter lead as soon as it has everything. */
  handOver(to: Voter): void {
    if (this.#role !== "leader" || to === this.#self || !this.members.voters.includes(to)) return;
    this.#heir = to;
    this.#elapsed = 0;
    this.#offerLead();
  }

  /** A write is on this disk, and all before it. */
  stored({ promise, last }: Pick<Write<Data, State>, "promise" | "last">): void {
    // Its own vote counts like another's: when it is not forgotten any more.
    if (this.#role === "candidate" && promise?.term === this.term) {
      this.#votes.set(this.#self, true);
      this.#tally();
    }
    // An older write may have been of entries that were replaced since.
    if (this.#log.termAt(last.index) !== last.term || last.index <= this.#durable) return;
    this.#durable = last.index;
    if (this.#role === "leader") this.#count();
  }

  /** The state up to this index is on disk: the log is not needed for it. */
  compact(index: number): void {
    this.#log.compact(Math.min(index, this.#applied, this.#durable));
  }

  // --- messages ------------------------------------------------------------------------------------------------------

  receive(from: Voter, message: RaftMessage<Data, State>): void {
    const isAsking = message.type === "vote" && message.pre;
    if (message.term > this.term) {
      // A member that hears a leader lets nobody depose it (4.2.3).
      if (message.type === "vote" && !message.forced && this.#hearsLeader) return;
      const isAsked = message.type === "voted" && message.pre && message.granted;
      const isLeader = message.type === "append" || message.type === "install";
      if (!isAsking && !isAsked) this.#follow(message.term, isLeader ? from : undefined);
    } else if (message.term < this.term) {
      // A leader of an old term, or who would begin one, learns that it is over.
      if (message.type === "append" || message.type === "install") this.#refuse(from, 0, { index: 0, term: 0 }, 0);
      else if (isAsking) this.#answerVote(from, true, false, this.term);
      return;
    }
    switch (message.type) {
      case "vote":
        return this.#onVote(from, message);
      case "voted":
        return this.#onVoted(from, message);
      case "append":
        return this.#onAppend(from, message);
      case "install":
        return this.#onInstall(from, message);
      case "appended":
        return this.#onAppended(from, message);
      case "refused":
        return this.#onRefused(from, message);
      case "lead":
        if (this.#role === "follower") this.#campaign("forced");
    }
  }

  #onVote(from: Voter, { term, pre, last }: Extract<RaftMessage<Data, State>, { type: "vote" }>): void {
    const { vote } = this.#promise;
    const isFree = vote === from || (vote === undefined && this.#leader === undefined) || (pre && term > this.term);
    const own = this.#log.last;
    const isNewEnough = last.term > own.term || (last.term === own.term && last.index >= own.index);
    const granted = isFree && isNewEnough;
    if (!isNewEnough && !this.members.voters.includes(this.#self)) this.#called = true;
    if (granted && !pre) {
      if (vote !== from) this.#promiseTo({ term: this.term, vote: from });
      this.#elapsed = 0;
    }
    this.#answerVote(from, pre, granted, granted ? term : this.term);
  }

  #answerVote(to: Voter, pre: boolean, granted: boolean, term: number): void {
    this.#sendStored.push({ to, message: { type: "voted", term, pre, granted } });
  }

  #onVoted(from: Voter, { term, pre, granted }: Extract<RaftMessage<Data, State>, { type: "voted" }>): void {
    if (this.#role !== (pre ? "asking" : "candidate")) return;
    if (pre && granted && term !== this.term + 1) return;
    this.#votes.set(from, granted);
    this.#tally();
    if (!pre && !granted && this.#leader === undefined) this.#wasOutvoted();
  }

  /** Another stands too. It leads soon, or neither does: then nobody's silence is to be waited for. Votes on their
   *  way have time to come. */
  #wasOutvoted(): void {
    const { electionTicks, heartbeatTicks } = this.#options;
    this.#elapsed = Math.max(this.#elapsed, electionTicks - heartbeatTicks);
  }

  #onAppend(
    from: Voter,
    { previous, entries, commit, round }: Extract<RaftMessage<Data, State>, { type: "append" }>,
  ): void {
    this.#hear(from);
    // All that is committed is the leader's, too.
    if (previous.index > this.#commit && this.#log.termAt(previous.index) !== previous.term)
      return this.#refuse(from, previous.index, this.#log.lastBefore(previous), round);
    const first = entries.findIndex(({ index, term }) => index > this.#commit && this.#log.termAt(index) !== term);
    if (first !== -1) this.#replace(first === 0 ? entries : entries.slice(first));
    const match = Math.max(this.#commit, previous.index + entries.length);
    this.#commitTo(Math.min(commit, match));
    this.#answer(from, match, round);
  }

  /** Writes entries over what differs from the leader's. */
  #replace(entries: readonly Entry<Data>[]): void {
    const [{ index }] = entries as readonly [Entry<Data>];
    assert(index > this.#commit, "what is committed stays");
    if (index <= this.#log.last.index) this.#log.truncate(index);
    this.#durable = Math.min(this.#durable, index - 1);
    this.#written = Math.min(this.#written, index - 1);
    this.#log.append(entries);
  }

  #onInstall(from: Voter, { snapshot, round }: Extract<RaftMessage<Data, State>, { type: "install" }>): void {
    this.#hear(from);
    if (snapshot.index <= this.#commit) return this.#answer(from, this.#commit, round);
    if (this.#log.termAt(snapshot.index) === snapshot.term) {
      this.#commitTo(snapshot.index);
      return this.#answer(from, snapshot.index, round);
    }
    this.#log.reset(snapshot);
    this.#restore = snapshot;
    this.#commit = this.#applied = this.#durable = this.#written = snapshot.index;
    this.#answer(from, snapshot.index, round);
  }

  #answer(to: Voter, match: number, round: number): void {
    this.#sendStored.push({ to, message: { type: "appended", term: this.term, match, round } });
  }

  #refuse(to: Voter, previous: number, hint: Mark, round: number): void {
    this.#sendStored.push({ to, message: { type: "refused", term: this.term, previous, hint, round } });
  }

  #onAppended(from: Voter, { match, round }: Extract<RaftMessage<Data, State>, { type: "appended" }>): void {
    const follower = this.#heardAs(from, round);
    if (follower === undefined) return;
    if (matched(follower, match) && match > this.#commit) this.#count();
    this.#offerLead();
  }

  #onRefused(from: Voter, { previous, hint, round }: Extract<RaftMessage<Data, State>, { type: "refused" }>): void {
    const follower = this.#heardAs(from, round);
    if (follower !== undefined) wasRefused(follower, previous, this.#log.lastBefore(hint));
  }

  #heardAs(from: Voter, round: number): Follower | undefined {
    const follower = this.#role === "leader" ? this.#followers.get(from) : undefined;
    if (follower === undefined) return undefined;
    follower.heard = true;
    follower.round = Math.max(follower.round, round);
    this.#answerReads();
    return follower;
  }

  // --- who leads -----------------------------------------------------------------------------------------------------

  get #self(): Voter {
    return this.#options.node;
  }

  get #quorum(): number {
    return Math.floor(this.members.voters.length / 2) + 1;
  }

  /** One that is to go leads as long as its going is not committed: the others may need its log for that (4.2.2). So
   *  does one that is to come, where a voter counts it already and has an older log: that voter waits for its voice,
   *  which it cannot give. */
  get #mayLead(): boolean {
    if (this.#called || this.members.voters.includes(this.#self)) return true;
    const { index } = this.#log.members;
    return !this.settled && this.#log.membersAt(index - 1).voters.includes(this.#self);
  }

  get #hearsLeader(): boolean {
    return this.#role === "leader" || (this.#leader !== undefined && this.#elapsed < this.#options.electionTicks);
  }

  #drawPatience(): number {
    // There is nobody whom it would disturb.
    if (this.members.voters.length === 1 && this.members.voters[0] === this.#self) return 1;
    this.#chance = (Math.imul(this.#chance, 1_664_525) + 1_013_904_223) >>> 0;
    // The high bits: the low ones of two nodes may go in step for ever.
    return this.#options.electionTicks + Math.floor((this.#chance / 2 ** 32) * this.#options.electionTicks);
  }

  #promiseTo(promise: Promise): void {
    this.#promise = promise;
    this.#promised = true;
  }

  #follow(term: number, leader: Voter | undefined): void {
    if (term !== this.term) this.#promiseTo({ term, vote: undefined });
    this.#role = "follower";
    this.#leader = leader;
    this.#elapsed = 0;
    this.#patience = this.#drawPatience();
    // To clear makes a new table, also of none.
    if (this.#votes.size > 0) this.#votes.clear();
    if (this.#followers.size > 0) this.#followers.clear();
    if (this.#asked !== undefined) this.#dropped.push(...this.#asked.ids);
    if (this.#questions.length > 0) this.#dropped.push(...this.#questions.splice(0));
    this.#asked = undefined;
    this.#heir = undefined;
  }

  #hear(leader: Voter): void {
    assert(this.#role !== "leader", "there is one leader a term");
    this.#called = false;
    if (this.#role !== "follower" || this.#leader !== leader) this.#follow(this.term, leader);
    this.#elapsed = 0;
  }

  /** `ask`: whether a majority would vote for this node; only then it begins a term, so that one that was cut off
   *  deposes nobody (9.6). */
  #campaign(how: "ask" | "stand" | "forced"): void {
    this.#elapsed = 0;
    this.#patience = this.#drawPatience();
    this.#leader = undefined;
    if (!this.#mayLead) return;
    this.#forced = how === "forced";
    if (how === "ask") this.#role = "asking";
    else {
      this.#role = "candidate";
      this.#promiseTo({ term: this.term + 1, vote: this.#self });
    }
    this.#votes = new Map(how === "ask" ? [[this.#self, true]] : []);
    const pre = how === "ask";
    const term = pre ? this.term + 1 : this.term;
    const message = { type: "vote", term, pre, forced: this.#forced, last: this.#log.last } as const;
    for (const to of this.members.voters) if (to !== this.#self) this.#sendStored.push({ to, message });
    this.#tally();
  }

  #tally(): void {
    const { voters } = this.members;
    let granted = 0;
    let refused = 0;
    for (const voter of voters) {
      const vote = this.#votes.get(voter);
      if (vote === true) granted += 1;
      else if (vote === false) refused += 1;
    }
    if (granted >= this.#quorum) return this.#role === "asking" ? this.#campaign("stand") : this.#lead();
    if (refused > voters.length - this.#quorum) this.#follow(this.term, undefined);
  }

  #lead(): void {
    this.#role = "leader";
    this.#leader = this.#self;
    this.#elapsed = 0;
    this.#followers.clear();
    this.#add({ type: "begin" });
    this.#meet();
    this.#beat = true;
  }

  /** Knows those who count now, and nobody else. */
  #meet(): void {
    const { voters, learners } = this.members;
    const others = [...voters, ...learners].filter((node) => node !== this.#self);
    for (const node of this.#followers.keys()) if (!others.includes(node)) this.#followers.delete(node);
    for (const node of others)
      if (!this.#followers.has(node)) this.#followers.set(node, newFollower(this.#log.last.index));
  }

  /** An entry of its own term is committed: it knows what is. */
  get #leadsSurely(): boolean {
    return this.#log.termAt(this.#commit) === this.term;
  }

  #offerLead(): void {
    const heir = this.#heir;
    if (heir === undefined || this.#followers.get(heir)?.match !== this.#log.last.index) return;
    this.#send.push({ to: heir, message: { type: "lead", term: this.term } });
  }

  // --- what is committed ---------------------------------------------------------------------------------------------

  #add(body: EntryBody<Data>): Mark {
    const entry = { index: this.#log.last.index + 1, term: this.term, body };
    this.#log.append([entry]);
    return entry;
  }

  #count(): void {
    const match = this.#majorityHas();
    if (match <= this.#commit || this.#log.termAt(match) !== this.term) return;
    const news = this.#log.slice(this.#commit + 1, match + 1);
    this.#commitTo(match);
    // The others need not wait for the next heartbeat: they are to know who counts, and that this node leads.
    if (news.every(({ body }) => body.type === "data")) this.#news = true;
    else this.#beat = true;
    if (this.settled && !this.members.voters.includes(this.#self)) this.#follow(this.term, undefined);
  }

  /** Up to where the disks of a majority have this log. */
  #majorityHas(): number {
    const { voters } = this.members;
    let most = 0;
    for (const voter of voters) {
      const match = this.#diskOf(voter);
      if (match <= most) continue;
      let count = 0;
      for (const other of voters) if (this.#diskOf(other) >= match) count += 1;
      if (count >= this.#quorum) most = match;
    }
    return most;
  }

  #diskOf(voter: Voter): number {
    return voter === this.#self ? this.#durable : (this.#followers.get(voter)?.match ?? 0);
  }

  #commitTo(index: number): void {
    this.#commit = Math.max(this.#commit, Math.min(index, this.#log.last.index));
  }

  #askRound(): void {
    if (this.#asked !== undefined || this.#questions.length === 0 || !this.#leadsSurely) return;
    this.#round += 1;
    this.#asked = { index: this.#commit, ids: this.#questions };
    this.#questions = [];
    this.#beat = true;
    this.#answerReads();
  }

  #answerReads(): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    const { voters } = this.members;
    const sure = voters.filter((voter) => voter === this.#self || this.#followers.get(voter)?.round === this.#round);
    if (sure.length < this.#quorum) return;
    this.#reads.push(...asked.ids.map((id) => ({ id, index: asked.index })));
    this.#asked = undefined;
  }

  // --- what is to be done --------------------------------------------------------------------------------------------

  /** What is to be done since the last time. */
  take(): Ready<Data, State> {
    if (this.#role === "leader") {
      // Members that changed may have left those who answered already: nobody else will.
      this.#answerReads();
      this.#askRound();
      for (const [node, follower] of this.#followers) this.#sendTo(node, follower);
    }
    this.#beat = this.#news = false;
    const last = this.#log.last;
    const entries = last.index > this.#written ? this.#log.slice(this.#written + 1, last.index + 1) : none;
    const restore = this.#restore;
    const isWrite = this.#promised || restore !== undefined || entries.length > 0;
    const write = isWrite
      ? { ...(this.#promised && { promise: this.#promise }), ...(restore && { snapshot: restore }), entries, last }
      : undefined;
    // Entries of an earlier write may have been replaced by what is in this one: then the disk is behind the log until
    // then.
    const upTo = Math.min(this.#commit, this.#durable);
    const apply = upTo > this.#applied ? this.#log.slice(this.#applied + 1, upTo + 1) : none;
    this.#applied = Math.max(this.#applied, upTo);
    const send = this.#send;
    const sendStored = this.#sendStored;
    const reads = this.#reads;
    const dropped = this.#dropped;
    this.#written = last.index;
    this.#promised = false;
    this.#restore = undefined;
    // Most turns have little to do: what is empty stays for the next.
    if (send.length > 0) this.#send = [];
    if (sendStored.length > 0) this.#sendStored = [];
    if (reads.length > 0) this.#reads = [];
    if (dropped.length > 0) this.#dropped = [];
    return {
      write,
      send: given(send),
      sendStored: given(sendStored),
      restore,
      apply,
      reads: given(reads),
      dropped: given(dropped),
    };
  }

  #sendTo(node: Voter, follower: Follower): void {
    const { entriesPerMessageMax, messagesOnWayMax } = this.#options;
    let isHeartbeat = this.#beat || this.#news;
    while (true) {
      const hasMore = follower.next <= this.#log.last.index;
      const isOpen = follower.state === "stream" ? follower.flight.length < messagesOnWayMax : !follower.paused;
      const sends = hasMore && isOpen && follower.state !== "snapshot";
      if (!sends && !isHeartbeat) return;
      isHeartbeat = false;
      const term = this.#log.termAt(follower.next - 1);
      if (sends && term === undefined) return this.#install(node, follower);
      // A follower whose log is not known, or not here any more, hears that there is a leader.
      const previous =
        term === undefined || follower.state === "snapshot"
          ? { index: 0, term: 0 }
          : { index: follower.next - 1, term };
      const entries = sends ? this.#log.slice(follower.next, this.#log.last.index + 1, entriesPerMessageMax) : none;
      if (entries.length > 0) {
        const last = follower.next + entries.length - 1;
        if (follower.state === "probe") follower.paused = true;
        else {
          follower.flight.push(last);
          follower.next = last + 1;
        }
      }
      const message = {
        type: "append",
        term: this.term,
        previous,
        entries,
        commit: this.#commit,
        round: this.#round,
      } as const;
      this.#send.push(sends || this.#beat ? { to: node, message } : { to: node, message, mayWait: true });
    }
  }

  #install(node: Voter, follower: Follower): void {
    const index = this.#applied;
    const snapshot = {
      index,
      term: this.#log.termAt(index) as number,
      members: this.#log.membersAt(index),
      state: this.#options.snapshot(),
    };
    follower.state = "snapshot";
    follower.installing = { index, heartbeats: 0 };
    this.#send.push({ to: node, message: { type: "install", term: this.term, snapshot, round: this.#round } });
  }
}
