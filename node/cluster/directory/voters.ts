/** The nodes that shall vote on a replicated directory: a plan, of what the leader knows. Nothing is changed here, and
 *  of several changes that are due only the next is named. */
import type { NodeId } from "../../ports/index.ts";
import type { Members } from "./raft/messages.ts";

/** A member that may be a voter: it has the role `manager`, and neither drains nor was evicted. */
export interface VoterCandidate {
  readonly node: NodeId;
  readonly up: boolean;
  /** For how long it has been away; 0 while it is up. */
  readonly awayMs: number;
  readonly zone: string | undefined;
  /** The machine it runs on, as far as that is known. */
  readonly host: string | undefined;
}

export interface VotersInput {
  /** The leader. */
  readonly self: NodeId;
  readonly members: Members;
  /** How many the operators want: 1, 3, 5 or 7. */
  readonly wanted: number;
  readonly candidates: readonly VoterCandidate[];
  /** Whether a node answers the leader. */
  readonly hears: (node: NodeId) => boolean;
  /** Whether a learner has what a voter needs. */
  readonly caughtUp: (node: NodeId) => boolean;
  readonly voterAwayMs: number;
}

/** The next change; `handOver`: another voter must lead before the leader can go. */
export type VotersStep =
  | { readonly type: "learn" | "vote" | "leave"; readonly node: NodeId; readonly members: Members }
  | { readonly type: "handOver"; readonly to: NodeId };

/** How many voters there should be among so many managers: two cannot stand in for each other, so fewer than three have
 *  one. */
export const votersFor = (wanted: number, managers: number): number => {
  const most = Math.min(wanted, managers, 7);
  return most < 3 ? 1 : most - ((most + 1) % 2);
};

/** The change that is next; undefined: all is as it should be, or must wait. */
export function planVoters(input: VotersInput): VotersStep | undefined {
  const { self, members, caughtUp } = input;
  const { voters, learners } = members;
  const isUp = upOf(input);
  const chosen = chooseVoters(input);

  const stray = learners.find((node) => !chosen.includes(node) || !isUp(node));
  if (stray !== undefined)
    return { type: "leave", node: stray, members: { voters, learners: without(learners, stray) } };
  const joiners = chosen.filter((node) => !voters.includes(node));
  const leavers = voters.filter((node) => !chosen.includes(node));
  // Two are not enough to lose one: all joiners are ready before the first of them votes.
  const due = joiners.slice(0, Math.max(1, Math.min(chosen.length, 3) - voters.length));
  const isReady = (node: NodeId): boolean => learners.includes(node) && caughtUp(node) && input.hears(node);
  if (voters.length === 2 && !due.every(isReady)) return backToOne(input, chosen);
  const stranger = due.find((node) => !learners.includes(node));
  if (stranger !== undefined)
    return { type: "learn", node: stranger, members: { voters, learners: [...learners, stranger] } };
  const [joiner] = due;
  if (joiner !== undefined) {
    if (!due.every(isReady)) return undefined;
    // The newcomer's voice is not needed while the one that is away goes, and is when it has gone.
    const away = leavers.find((node) => !isUp(node) && node !== self);
    const first = away === undefined || voters.length <= 2 ? undefined : leave(input, away);
    return (
      first ?? {
        type: "vote",
        node: joiner,
        members: { voters: [...voters, joiner], learners: without(learners, joiner) },
      }
    );
  }
  const leaver = leavers.find((node) => !isUp(node)) ?? leavers.find((node) => node !== self) ?? leavers[0];
  if (leaver === undefined || voters.length === 1) return undefined;
  return leaver === self ? handOver(input, chosen) : leave(input, leaver);
}

/** Of two voters one leaves where a third is not ready: alone, the other is one node whose death would stop everything,
 *  and not one of two. */
function backToOne(input: VotersInput, chosen: readonly NodeId[]): VotersStep | undefined {
  const { self, members } = input;
  const other = members.voters.find((node) => node !== self) as NodeId;
  const mayLead = chosen.includes(self) || !chosen.includes(other);
  return (mayLead ? undefined : handOver(input, chosen)) ?? leave(input, other);
}

/** The leader is to go: another voter leads first. */
function handOver({ members, caughtUp, hears }: VotersInput, chosen: readonly NodeId[]): VotersStep | undefined {
  const to = members.voters.find((node) => chosen.includes(node) && caughtUp(node) && hears(node));
  return to === undefined ? undefined : { type: "handOver", to };
}

/** A voter is there while it answers: one that drains or was evicted is no candidate any more. */
function upOf({ self, members, candidates, hears }: VotersInput): (node: NodeId) => boolean {
  const up = new Set(candidates.flatMap((one) => (one.up ? [one.node] : [])));
  return (node) => node === self || up.has(node) || (members.voters.includes(node) && hears(node));
}

/** A voter goes when the others can go on without it. */
function leave({ self, members, hears }: VotersInput, node: NodeId): VotersStep | undefined {
  const voters = without(members.voters, node);
  const here = voters.filter((one) => one === self || hears(one)).length;
  return here * 2 > voters.length ? { type: "leave", node, members: { ...members, voters } } : undefined;
}

/** Those who should vote in the end: an odd number of whom most are up, or nobody. Voters stay unless there is a
 *  reason. */
function chooseVoters(input: VotersInput): readonly NodeId[] {
  const { self, members, candidates, wanted, voterAwayMs } = input;
  const isUp = upOf(input);
  const votes = ({ node }: VoterCandidate): boolean => members.voters.includes(node);
  const spares = candidates.filter((one) => one.up && !votes(one));
  const stay = candidates.filter((one) => votes(one) && isUp(one.node));
  const away = candidates.filter((one) => votes(one) && !isUp(one.node));
  const isLate = ({ awayMs }: VoterCandidate): boolean => awayMs >= voterAwayMs;
  // A manager that is away and does not vote cannot begin to: counted, it would leave an even number.
  const up = stay.length + spares.length;
  const count = votersFor(wanted, Math.min(up + away.length, 2 * up - 1));
  const isLearner = ({ node }: VoterCandidate): boolean => members.learners.includes(node);
  const chosen = [...stay];
  while (chosen.length > count) chosen.splice(leastMissed(chosen, self), 1);
  const fill = (from: readonly VoterCandidate[], most: number): void => {
    const left = [...from];
    while (chosen.length < most && left.length > 0) {
      const score = (one: VoterCandidate): number => placesOf([...chosen, one]) * 2 + Number(isLearner(one));
      const best = left.reduce((one, other) => (score(other) > score(one) ? other : one));
      chosen.push(best);
      left.splice(left.indexOf(best), 1);
    }
  };
  const awayMax = (count - 1) / 2;
  const there = chosen.length;
  fill(
    away.filter((one) => !isLate(one)),
    Math.min(count, there + awayMax),
  );
  const kept = chosen.length - there;
  // A node that is away for long votes on only where no other can.
  fill(spares, count);
  fill(away.filter(isLate), Math.min(count, chosen.length + awayMax - kept));
  spread(chosen, spares, self);
  return chosen.map(({ node }) => node);
}

/** Exchanges one voter for another manager, if the voters are in more zones then, or in as many on more machines. */
function spread(chosen: VoterCandidate[], spares: readonly VoterCandidate[], self: NodeId): void {
  const now = placesOf(chosen);
  for (const [index, out] of chosen.entries()) {
    if (out.node === self) continue;
    const better = spares.find((one) => !chosen.includes(one) && placesOf(chosen.with(index, one)) > now);
    if (better === undefined) continue;
    chosen[index] = better;
    return;
  }
}

/** Grows with the zones that the voters are in, and among as many zones with their machines. What is not known counts
 *  as no place. */
function placesOf(voters: readonly VoterCandidate[]): number {
  const places = (what: "zone" | "host"): number => new Set(voters.flatMap((one) => one[what] ?? [])).size;
  return places("zone") * 8 + places("host");
}

/** The index of the voter without which the others are in the most places; never the leader's. */
function leastMissed(voters: readonly VoterCandidate[], self: NodeId): number {
  const left = voters.map((voter, at) => (voter.node === self ? -1 : placesOf(voters.toSpliced(at, 1))));
  return left.indexOf(Math.max(...left));
}

const without = (nodes: readonly NodeId[], node: NodeId): readonly NodeId[] => nodes.filter((one) => one !== node);
