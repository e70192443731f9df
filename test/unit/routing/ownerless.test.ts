import { expect } from "chai";
import { ownerAway, ownerless } from "../../../node/routing/targets.ts";
import type { MemberRecord, Membership, NodeId } from "../../../node/ports/index.ts";
import type { Failure } from "../../../protocols/index.ts";

type Members = readonly (readonly [name: string, roles: string, up: boolean])[];

/** A cluster whose members have roles, some of them up. */
const clusterOf = (members: Members, current: boolean) => {
  const listed = members.map(([name, roles]) => ({ node: `id-${name}`, name, roles: roles.split(",") }));
  const membership = {
    members: () => ({ view: 1, members: listed as unknown as readonly MemberRecord[] }),
    isUp: (node: string) => members.some(([name, , up]) => up && node === `id-${name}`),
  } as unknown as Membership;
  return { membership, table: { current } };
};
const why = (members: Members, current: boolean): Failure => ownerless("manager/220", clusterOf(members, current));

describe("a slot that nobody has", () => {
  for (const [state, failure, code, says] of [
    ["the only manager is down", why([["a", "manager", false], ["b", "chat", true]], false), "SLOT_UNAVAILABLE", "no node with the role manager is up: start a"], // prettier-ignore
    ["and nobody has noticed it yet", why([["a", "manager", false], ["b", "chat", true]], true), "SLOT_UNAVAILABLE", "no node with the role manager is up: start a"], // prettier-ignore
    ["the directory alone is away", why([["a", "manager", true]], false), "DIRECTORY_AWAY", "the directory, which says who has it, does not answer"], // prettier-ignore
    ["nobody was ever given the role", why([["b", "chat", true]], true), "NO_CANDIDATE", "no node has the role manager: plexus nodes roles NAME ROLES"], // prettier-ignore
    ["those that are up drain", why([["a", "manager", true]], true), "NO_CANDIDATE", "every node with the role manager that is up drains or is leaving"], // prettier-ignore
  ] as const)
    it(`is refused with what is so: ${state}`, () => {
      expect(failure).to.deep.include({ code });
      expect(failure.details).to.have.property("reason", says);
    });
});

describe("a slot whose owner is away", () => {
  const away = (isUp: boolean, current: boolean): Failure =>
    ownerAway("manager/220", "id-a" as NodeId, clusterOf([["a", "manager", isUp]], current));

  it("is refused with the owner's name, and with whether another node can take over", () => {
    const down = { slot: "manager/220", node: "a", reason: "the node that has it is down" };
    expect(away(false, true).details).to.deep.equal(down);
    expect(away(false, false).details, "nobody takes over").to.deep.equal({ ...down, because: "DIRECTORY_AWAY" });
    expect(away(true, false).details).to.have.property("reason", "there is no connection to the node that has it");
  });
});
