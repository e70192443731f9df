import { expect } from "chai";
import {
  beyond,
  builtInRoles,
  grantsOf,
  mayDo,
  permissions,
  roleTable,
  rolesWith,
  scopeSets,
  unknownScopes,
  type Circumstances,
  type ClusterRole,
  type Grant,
  type GrantWhen,
  type Permission,
  type PermissionRow,
  type Subject,
} from "../../../protocols/index.ts";
import { Dice } from "../../world/dice.ts";

const freshMs = 600_000;
const names = Object.keys(permissions) as Permission[];
const rowOf = (name: Permission): PermissionRow => permissions[name];
/** A Tuesday. */
const noon = Date.UTC(2026, 10, 24, 12, 0);
const circumstances = (own: readonly ClusterRole[] = [], more: Partial<Circumstances> = {}): Circumstances => ({
  roles: roleTable(own),
  freshMs,
  nowMs: noon,
  provedAgoMs: 0,
  ...more,
});
const session = (...roles: string[]): Subject => ({ roles, kind: "session" });
const key = (scopes: readonly string[] | undefined, ...roles: string[]): Subject => ({
  roles,
  kind: "key",
  ...(scopes && { scopes }),
});
const code = (who: Subject, permission: Permission, at: Circumstances): string => {
  const may = mayDo(who, permission, at);
  return may.ok ? may.value.role : may.error.code;
};
const helper = (when?: GrantWhen): ClusterRole => ({
  name: "helper",
  grants: [{ permission: "people.see", ...(when && { when }) }],
});

describe("authority: the built-in roles", () => {
  it("owner has everything, admin everything but making owners", () => {
    for (const name of names) {
      expect(code(session("owner"), name, circumstances()), name).to.equal("owner");
      expect(code(session("admin"), name, circumstances()), name).to.equal(
        name === "cluster.own" ? "FORBIDDEN" : "admin",
      );
    }
  });

  it("members have what is for people, and nothing of the cluster's", () => {
    for (const name of names) {
      const forAdmins = rowOf(name).has.includes("admin");
      expect(code(session("member"), name, circumstances()), name).to.equal(forAdmins ? "FORBIDDEN" : "member");
    }
  });

  it("guests make no rooms, find nobody and ask no models; nobody without a role has anything", () => {
    for (const name of ["room.create", "room.join", "catalog.find", "model.use", "agent.use", "people.see"] as const)
      expect(code(session("guest"), name, circumstances()), name).to.equal("FORBIDDEN");
    expect(code(session("guest"), "room.post", circumstances())).to.equal("guest");
    for (const name of names) expect(code(session("gone"), name, circumstances()), name).to.equal("FORBIDDEN");
  });

  it("are replaced by a row, but for owner and admin", () => {
    const own = ["owner", "admin", "guest", "member"].map((name): ClusterRole => ({ name, grants: [] }));
    const table = circumstances(own);
    expect(code(session("owner"), "roles.manage", table)).to.equal("owner");
    expect(code(session("admin"), "roles.manage", table)).to.equal("admin");
    expect(code(session("member"), "room.create", table)).to.equal("FORBIDDEN");
    expect(rolesWith(own).map(({ name }) => name)).to.have.members(builtInRoles.map(({ name }) => name));
  });
});

describe("authority: permissions and conditions", () => {
  it("closed to API keys and fresh sign-ins hold whatever the role", () => {
    for (const name of names) {
      const { apiKeys, power } = rowOf(name);
      const fresh = power !== "none";
      expect(code(key(undefined, "owner"), name, circumstances()), name).to.equal(
        apiKeys === false || fresh ? "FORBIDDEN" : "owner",
      );
      const stale = circumstances([], { provedAgoMs: freshMs + 1 });
      expect(code(session("owner"), name, stale), name).to.equal(fresh ? "SIGN_IN_AGAIN" : "owner");
    }
  });

  it("a proof, an address, a time and a label each have to hold", () => {
    const may = (when: GrantWhen, more: Partial<Circumstances> = {}) =>
      code(session("helper"), "people.see", circumstances([helper(when)], more));
    expect(may({ provedWithinMinutes: 5 }, { provedAgoMs: 300_000 })).to.equal("helper");
    expect(may({ provedWithinMinutes: 5 }, { provedAgoMs: 300_001 })).to.equal("SIGN_IN_AGAIN");
    const isFrom = (range: string): boolean => range === "10.0.0.0/8";
    expect(may({ addresses: ["192.0.2.0/24", "10.0.0.0/8"] }, { isFrom })).to.equal("helper");
    expect(may({ addresses: ["192.0.2.0/24"] }, { isFrom })).to.equal("FORBIDDEN");
    expect(may({ addresses: ["10.0.0.0/8"] })).to.equal("FORBIDDEN");
    expect(may({ labels: { zone: "a" } }, { labels: { zone: "a", more: "b" } })).to.equal("helper");
    expect(may({ labels: { zone: "a" } }, { labels: { zone: "b" } })).to.equal("FORBIDDEN");
    expect(may({ labels: { zone: "a" } })).to.equal("FORBIDDEN");
    const at = (hour: number, minute: number, day = 24) => ({ nowMs: Date.UTC(2026, 10, day, hour, minute) });
    const office: GrantWhen = { hours: { from: "08:00", to: "18:00", days: [1, 2, 3, 4, 5] } };
    expect(may(office, at(8, 0))).to.equal("helper");
    expect(may(office, at(7, 59))).to.equal("FORBIDDEN");
    expect(may(office, at(18, 0))).to.equal("FORBIDDEN");
    expect(may(office, at(12, 0, 29))).to.equal("FORBIDDEN");
    expect(may({ hours: { from: "22:00", to: "06:00" } }, at(23, 0))).to.equal("helper");
    expect(may({ hours: { from: "22:00", to: "06:00" } }, at(5, 59))).to.equal("helper");
    expect(may({ hours: { from: "22:00", to: "06:00" } }, at(12, 0))).to.equal("FORBIDDEN");
    expect(may({ hours: { from: "22:00", to: "06:00", days: [7] } }, at(23, 0, 29))).to.equal("helper");
  });

  it("one grant that holds is enough, and a newer proof is asked for only where it helps", () => {
    const roles: ClusterRole[] = [
      helper({ labels: { zone: "a" } }),
      { name: "other", grants: [{ permission: "people.see", when: { provedWithinMinutes: 1 } }] },
    ];
    const at = circumstances(roles, { provedAgoMs: 120_000 });
    expect(code(session("helper", "other"), "people.see", at)).to.equal("SIGN_IN_AGAIN");
    expect(code(session("helper", "other", "moderator"), "people.see", at)).to.equal("moderator");
    expect(code(key(["chat"], "helper", "other"), "people.see", at)).to.equal("FORBIDDEN");
  });

  it("scopes narrow a key, and a word that nobody knows gives nothing", () => {
    const at = circumstances();
    expect(code(key(["models"], "member"), "model.use", at)).to.equal("member");
    expect(code(key(["models"], "member"), "room.post", at)).to.equal("FORBIDDEN");
    expect(code(key(["room.post"], "member"), "room.post", at)).to.equal("member");
    expect(code(key([], "member"), "account.use", at)).to.equal("member");
    expect(code(key(["admin"], "member"), "cluster.see", at)).to.equal("FORBIDDEN");
    expect(code(key(["later.word"], "owner"), "cluster.see", at)).to.equal("FORBIDDEN");
    expect(unknownScopes(["chat", "room.post", "later.word", "toString"])).to.deep.equal(["later.word", "toString"]);
    for (const set of Object.values(scopeSets)) for (const name of set) expect(names).to.include(name);
  });
});

describe("authority: giving", () => {
  const table = roleTable([helper({ labels: { zone: "a" } })]);
  const grants = (...roles: string[]): readonly Grant[] => grantsOf(roles, table);

  it("nobody gives more than they have, nor under wider conditions", () => {
    expect(beyond(["owner"], grants("owner"), table)).to.equal(undefined);
    expect(beyond(["admin"], grants("admin", "moderator", "member"), table)).to.equal(undefined);
    expect(beyond(["admin"], grants("owner"), table)).to.equal("cluster.own");
    expect(beyond(["moderator"], grants("admin"), table)).to.be.a("string");
    expect(beyond(["helper"], [{ permission: "people.see" }], table)).to.equal("people.see");
    expect(beyond(["helper"], [{ permission: "people.see", when: { labels: { zone: "b" } } }], table)).to.equal(
      "people.see",
    );
    const narrower: GrantWhen = { labels: { zone: "a" }, provedWithinMinutes: 5 };
    expect(beyond(["helper"], [{ permission: "people.see", when: narrower }], table)).to.equal(undefined);
    expect(beyond(["admin"], [{ permission: "later.word" }], table)).to.equal("later.word");
    expect(beyond(["owner"], [{ permission: "later.word" }], table)).to.equal(undefined);
  });

  it("no chain of giving ends with more than all who began had", () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const dice = new Dice(seed);
      const random = (): number => dice.number();
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const whens: readonly (GrantWhen | undefined)[] = [undefined, undefined, { labels: { zone: "a" } }, { labels: { zone: "a" }, provedWithinMinutes: 5 }]; // prettier-ignore
      const randomGrants = (): Grant[] =>
        Array.from({ length: 3 }, () => {
          const when = pick(whens);
          return { permission: pick(names), ...(when && { when }) };
        });
      let own: ClusterRole[] = ["r0", "r1", "r2"].map((name) => ({ name, grants: randomGrants() }));
      const people: Record<string, readonly string[]> = { ada: ["r0"], bob: ["r1", "member"], eve: ["guest"] };
      /** All that anybody can do, under the widest circumstances and under narrow ones. */
      const reach = (more: Partial<Circumstances>): Set<string> => {
        const at = circumstances(own, more);
        return new Set(
          Object.values(people).flatMap((roles) => names.filter((name) => mayDo(session(...roles), name, at).ok)),
        );
      };
      const wide = { labels: { zone: "a" } };
      const narrow = { labels: { zone: "b" } };
      const began = [reach(wide), reach(narrow)] as const;
      for (let step = 0; step < 12; step += 1) {
        const by = pick(Object.keys(people));
        const now = roleTable(own);
        if (random() < 0.5) {
          const role = pick(own);
          const next = { ...role, grants: randomGrants() };
          if (beyond(people[by] as string[], [...role.grants, ...next.grants], now) === undefined)
            own = own.map((one) => (one === role ? next : one));
        } else {
          const target = pick(Object.keys(people));
          const roles = [pick([...own.map(({ name }) => name), "guest", "member", "admin"])];
          const moved = grantsOf([...(people[target] as string[]), ...roles], now);
          if (beyond(people[by] as string[], moved, now) === undefined) people[target] = roles;
        }
        const gained = [[reach(wide), began[0]] as const, [reach(narrow), began[1]] as const].flatMap(([now, then]) =>
          [...now].filter((name) => !then.has(name)),
        );
        expect(gained, `seed ${seed}`).to.deep.equal([]);
      }
    }
  });
});
