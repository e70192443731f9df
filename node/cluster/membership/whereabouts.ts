/** Where members listen, and who they are, by the word of a member that is connected with both. */
import type { Log, MemberRecord, NodeId } from "../../ports/index.ts";
import type { Exchange } from "../exchange/index.ts";
import { isRow, memberKey } from "../facts/records.ts";
import type { MembershipLimits } from "./limits.ts";

/** What a node does with what a third says of another. */
export interface ByWord {
  /** A member that is not connected says where it listens, by the word of another member. */
  located?(node: NodeId, addresses: readonly string[]): void;
  /** Whether a node that is not on the kept list may be a member by the word of one. */
  mayBelong?(record: MemberRecord): boolean;
}

interface WhereaboutsPorts {
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly log: Log;
  readonly limits: Pick<MembershipLimits, "addressesToldMax" | "introducedMax">;
  readonly byWord: ByWord;
  members(): ReadonlyMap<NodeId, MemberRecord>;
  /** Where this process listens, as far as it has said so. */
  addresses(): readonly string[];
  /** Whether the list is still the one that this node kept, so that one who is not on it may be a member. */
  isOpen(): boolean;
  introduce(record: MemberRecord): void;
}

/** Where an invitation bounds a node, it lets nobody in, and so introduces nobody. */
const mayIntroduce = (member: MemberRecord | undefined): boolean =>
  member !== undefined &&
  (member.storage === undefined || member.roles.some((role) => role === "manager" || role === "gateway"));

/** Hears and passes on where members listen. What it returns has each member that is not connected told where this node
 *  does, each time through another one. */
export function passWhereabouts(ports: WhereaboutsPorts): () => void {
  const { node, exchange, log, limits } = ports;
  let seeks = 0;
  let introduced = 0;
  /** Takes a node for a member by the word of one. */
  const introduce = (other: NodeId, said: unknown, by: NodeId): void => {
    const record = said as MemberRecord;
    if (!ports.isOpen() || introduced >= limits.introducedMax || !isRow(memberKey(other), said)) return;
    const members = [...ports.members().values()];
    // Two names of one key would take the lines of a member that is there.
    if (!mayIntroduce(ports.members().get(by)) || members.some(({ peer }) => peer === record.peer)) return;
    if (ports.byWord.mayBelong?.(record) === false) return;
    introduced += 1;
    log.info("membership.introduced", { node: other, by });
    ports.introduce(record);
  };
  exchange.on("whereabouts", (body, by) => {
    const { from, to } = body;
    if (!ports.members().has(by)) return;
    if (to === node && !ports.members().has(from)) introduce(from, body.member, by);
    const member = ports.members().get(from);
    if (member === undefined) return;
    const connected = exchange.peers();
    if (to === node && !connected.includes(from)) ports.byWord.located?.(from, body.addresses);
    // Passed on once: only a sender's report of itself.
    if (from === by && to !== node && ports.members().has(to) && connected.includes(to))
      exchange.send(to, "whereabouts", { ...body, member });
  });
  return () => {
    const members = ports.members();
    const addresses = ports.addresses().slice(0, limits.addressesToldMax);
    const connected = new Set(exchange.peers().filter((peer) => members.has(peer)));
    const ways = [...connected].sort();
    if (ways.length === 0 || addresses.length === 0) return;
    for (const to of members.keys()) {
      if (to === node || connected.has(to)) continue;
      seeks = (seeks + 1) % ways.length;
      exchange.send(ways[seeks] as NodeId, "whereabouts", { from: node, to, addresses });
    }
  };
}
