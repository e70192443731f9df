import type { Channel, MemberRecord, NodeId } from "../../../node/ports/index.ts";
import type { NetworkWatcher, World } from "../../world/index.ts";
import type { Machine } from "./machine.ts";

/** Invariant 10, the mesh's half: nothing is handed to a node from a peer that is no member. Who is one, a node knows
 *  from its list; in the end every list is the directory's, so that whoever was taken off it is heard nowhere. */
export class MembersOnly implements NetworkWatcher {
  readonly #world: World;
  readonly #machines: ReadonlyMap<NodeId, Machine>;
  /** The members as the directory durably has them. */
  readonly #truth: ReadonlyMap<NodeId, MemberRecord>;

  constructor(
    world: World,
    parts: {
      readonly machines: ReadonlyMap<NodeId, Machine>;
      readonly truth: ReadonlyMap<NodeId, MemberRecord>;
    },
  ) {
    this.#world = world;
    this.#machines = parts.machines;
    this.#truth = parts.truth;
  }

  received(from: NodeId, to: NodeId, channel: Channel, message: unknown): void {
    const list = this.#machines.get(to)?.peer?.membership.members().members;
    if (list === undefined || list.some(({ node }) => node === from)) return;
    const [name] = message as [string];
    this.#world.violate("members-only", `${to} is handed ${name} on ${channel} from ${from}, who is not on its list`);
  }

  /** Whose list differs from the directory's, if anybody's. */
  difference(): string | undefined {
    const truth = [...this.#truth.keys()].sort().join(",");
    for (const { node, ready, peer } of this.#machines.values()) {
      const list = peer?.membership.members().members.map((member) => member.node);
      if (!ready || list === undefined) continue;
      const known = list.sort().join(",");
      if (known !== truth) return `${node} takes ${known} for the members, the directory has ${truth}`;
    }
    return undefined;
  }
}
