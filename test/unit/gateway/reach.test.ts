import type { ServiceError } from "@grpc/grpc-js";
import { expect } from "chai";
import {
  allCommands,
  auditActionOf,
  auditActions,
  beyond,
  builtInRoles,
  grantsOf,
  isAdminBy,
  isAtLeast,
  isForTokens,
  mayLetInto,
  permissionOf,
  permissions,
  scopeSets,
  type AuditAction,
  type ClusterRole,
  type Permission,
} from "../../../protocols/index.ts";
import type { GatewayRoute } from "../../../node/gateway/options.ts";
import { depth } from "../../depth.ts";
import { Dice } from "../../world/dice.ts";
import { ask, codeOf } from "./control-client.ts";
import { grpcClient } from "./grpc-client.ts";
import { everyPart } from "./permission-table.ts";
import { createSearch, guardOf, operationsOf, searchTakeovers, type Credential, type Guard, type Operation } from "./reach.ts"; // prettier-ignore
import { controlToken, createWorld, password, startFixture, type Fixture } from "./fixture.ts";

const names = Object.keys(permissions) as Permission[];
const staleMs = 11 * 60_000;
/** What is asked like a change and is no operation of the audit: nobody may do more or less by any of it. */
const harmless = [
  "DELETE /api/v1/files/uploads/:id",
  "DELETE /v1/responses/:id",
  "PATCH /api/v1/files/uploads/:id",
  "POST /api/v1/admin/backups/list",
  "POST /api/v1/admin/cluster/plan",
  "POST /api/v1/admin/configuration/plan",
  "POST /api/v1/admin/identity-providers/:provider/test",
  "POST /api/v1/admin/model-routes/:route/explain",
  "POST /api/v1/admin/models/:name/verify",
  "POST /api/v1/admin/rules/try",
  "POST /api/v1/admin/shards/stripes/inspect",
  "POST /api/v1/admin/shards/stripes/read",
  "POST /api/v1/agents/:agent/pictures",
  "POST /api/v1/agents/:agent/sounds",
  "POST /api/v1/files/uploads",
  // An entry with its author would lead from a text to a name.
  "POST /api/v1/me/feedback",
  "POST /api/v1/me/identities/with/:provider",
  "POST /api/v1/me/passkeys/options",
  "POST /api/v1/me/session/confirm/options",
  "POST /api/v1/me/session/confirm/with/:provider",
  "POST /api/v1/me/totp",
  "POST /api/v1/rooms/:room/links/look",
  "POST /api/v1/rooms/direct",
  "POST /api/v1/search",
  "POST /api/v1/sign-in/back/:provider",
  "POST /api/v1/sign-in/forgot",
  "POST /api/v1/sign-in/passkey/options",
  "POST /api/v1/sign-up/mail",
  "PUT /api/v1/me/avatar",
];

/** What makes a way into an account of others that is there. */
const waysIntoOthers = [
  "POST /api/v1/admin/users/:user/keys",
  "POST /api/v1/admin/users/:user/reset",
  "PUT /api/v1/admin/identity-providers/:provider",
  // Links for forgotten passwords go where it says.
  "PUT /api/v1/admin/mail",
];
/** What gives rights, things or ways, and none into an account of others: the own account, a new one, what is in
 *  backups. */
const waysElsewhere = [
  "DELETE /api/v1/me/mail",
  "GET /api/v1/admin/users/:user/export",
  "GET /api/v1/me/export",
  "POST /api/v1/admin/backups/downloads",
  "POST /api/v1/admin/backups/place",
  "POST /api/v1/admin/backups/recall",
  "POST /api/v1/admin/backups/requests",
  "POST /api/v1/admin/backups/requests/:id/approve",
  "POST /api/v1/admin/backups/requests/:id/begin",
  "POST /api/v1/admin/control/tokens",
  "POST /api/v1/admin/service-accounts",
  "POST /api/v1/admin/sign-up-invitations",
  "POST /api/v1/me/keys",
  "POST /api/v1/me/passkeys",
  "POST /api/v1/me/recovery",
  "POST /api/v1/me/totp/confirm",
  "PUT /api/v1/admin/roles/:role",
  "PUT /api/v1/admin/users/:user",
  "PUT /api/v1/admin/users/:user/roles",
  "PUT /api/v1/me/mail",
];

/** Where a search begins, for these roles. */
const startsOf = (roles: readonly string[]): readonly Credential[] => [
  { kind: "key", isFresh: false, roles },
  ...Object.keys(scopeSets).map((set): Credential => ({ kind: "key", isFresh: false, roles, scopes: [set] })),
  { kind: "session", isFresh: false, roles },
  ...roles.map((role): Credential => ({ kind: "control", isFresh: true, roles: [role] })),
];
const tokenFor = (...scopes: readonly string[]): Credential => ({ kind: "control", isFresh: true, roles: ["control/it"], scopes }); // prettier-ignore
const wordsOf = ({ kind, isFresh, roles, scopes }: Credential): string =>
  `${isFresh ? "fresh" : "stale"} ${kind} of ${roles.join()}${scopes ? ` for ${scopes.join()}` : ""}`;

const commands = new Set(
  allCommands.flatMap(({ row: { http = [] } }) => http.map(({ method, path }) => `${method} /api/v1${path}`)),
);

describe("gateway: what can be reached", () => {
  let fixture: Fixture;
  let routes: readonly GatewayRoute[];
  let operations: readonly Operation[];
  let shiftMs = 0;

  before(async () => {
    const world = createWorld();
    const clock = world.clock();
    fixture = await startFixture({
      ...everyPart,
      world,
      clock: { ...clock, nowMs: () => clock.nowMs() + shiftMs },
      grpcListen: { host: "127.0.0.1", port: 0 },
      controlListen: { host: "127.0.0.1", port: 0 },
    });
    routes = fixture.gateway.routes();
    operations = operationsOf(routes);
  });
  after(() => fixture.stop());

  it("is what was there at the start: from every key, stale session, token and role that is no admin's", () => {
    const { beyondStart } = createSearch({ operations });
    const starts = [
      ...builtInRoles.flatMap(({ name }) => startsOf([name])),
      ...names.map((name) => tokenFor(name)),
      ...Object.keys(scopeSets).map((set) => tokenFor(set)),
      ...builtInRoles
        .filter(({ name }) => !isAdminBy([name]))
        .map(({ name }): Credential => ({ kind: "session", isFresh: true, roles: [name] })),
    ];
    const reached = starts.flatMap((start) =>
      [...beyondStart(start)].map(([what, way]) => `${wordsOf(start)} reaches ${what} by ${way.join(", ")}`),
    );
    expect(reached).to.deep.equal([]);
  });

  it("is the same with any roles of the cluster's own, but for those with which one can have everything", () => {
    for (let seed = 1; seed <= depth(60, 1_000); seed += 1) {
      const dice = new Dice(seed);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(dice.number() * list.length)] as T;
      const own = ["r0", "r1", "r2"].map((name): ClusterRole => ({
        name,
        grants: Array.from({ length: 6 }, () => ({ permission: pick(names) })),
      }));
      const { beyondStart, rightsOf } = createSearch({ operations, own });
      const roles = [pick(own).name, pick([...own.map(({ name }) => name), "member"])];
      const fresh: Credential = { kind: "session", isFresh: true, roles };
      const isAll = [...rightsOf(fresh)].some((name) => permissionOf(name).power === "everything");
      for (const start of [...startsOf(roles), ...(isAll ? [] : [fresh])])
        expect([...beyondStart(start).keys()], `seed ${seed}: ${wordsOf(start)}`).to.deep.equal([]);
    }
  });

  it("was more before: the search finds each way that was open", () => {
    // As the guards were, and which permission had the operation.
    const open: Guard = { keys: true, tokens: true, fresh: false };
    const sessions: Guard = { ...open, keys: false };
    const closed: Guard = { ...sessions, fresh: true };
    const before = new Map<Permission, Guard>([["cluster.administer", open], ["account.use", sessions], ["people.manage", sessions], ["roles.manage", closed], ["control.manage", closed]]); // prettier-ignore
    const old = (what: string, needs: Permission, action: AuditAction): Operation => ({
      what,
      needs: [needs],
      power: auditActionOf(action)?.power ?? "none",
    });
    const search = createSearch({
      guard: (permission) => before.get(permission) ?? guardOf(permission),
      operations: [
        old("invite a node", "cluster.administer", "invite"),
        old("move the directory", "cluster.administer", "migrateDirectory"),
        old("link for a password", "people.manage", "resetPassword"),
        old("own API key", "account.use", "createKey"),
        old("give roles", "roles.manage", "setRoles"),
        old("control token", "control.manage", "createControlToken"),
      ],
    });
    const first = (start: Credential, what: Permission) => search.beyondStart(start).get(what)?.join(", ");
    const [key, , , , , stale] = startsOf(["admin"]) as [Credential, ...Credential[]];
    expect(first(key, "cluster.own"), "an admin's key owns the cluster").to.equal("invite a node");
    expect(first(stale as Credential, "backup.recall"), "an open browser").to.be.oneOf([
      "invite a node",
      "link for a password",
    ]);
    expect(
      first({ kind: "control", isFresh: true, roles: ["admin"] }, "backup.approve"),
      "a token agrees for its maker",
    ).to.be.a("string");
    expect(
      first({ kind: "session", isFresh: false, roles: ["moderator"] }, "people.admit"),
      "a moderator's browser",
    ).to.equal("link for a password");
  });

  it("is found wherever one guard is missing", () => {
    for (const missing of operations.filter(({ power }) => isAtLeast(power, "within"))) {
      const [first] = missing.needs as [Permission];
      const guard = (permission: Permission): Guard =>
        permission === first ? { keys: true, tokens: true, fresh: false } : guardOf(permission);
      const role = { name: "r", grants: missing.needs.map((permission) => ({ permission })) };
      const { beyondStart } = createSearch({ operations, own: [role], guard });
      const found = beyondStart({ kind: "session", isFresh: false, roles: ["owner"] });
      if (missing.needs.length === 1) expect(found.size, missing.what).to.be.greaterThan(0);
    }
  });

  it("counts every operation: what changes something says what comes of it, and by whose permission", () => {
    const unsaid = routes
      .filter(({ method, audit }) => method !== "GET" && audit === undefined)
      .map(({ method, path }) => `${method} ${path}`)
      // One command to one actor: its row is in `protocols`, and what is for people alone gives nothing.
      .filter((what) => !commands.has(what) && !/^POST \/(?:api\/(?!v1)|v1\/)/.test(what));
    expect(unsaid.toSorted()).to.deep.equal(harmless);
    // Of admins' operations each is there that gives or takes; others are done by nodes, or in the same request.
    const routed = new Set(routes.flatMap(({ audit }) => audit ?? []));
    const elsewhere = Object.entries(auditActions)
      .filter(([action, { power }]) => power !== "none" && !routed.has(action as AuditAction))
      .map(([action]) => action);
    expect(elsewhere.toSorted()).to.deep.equal(["isolate", "join", "migrate", "recallPrivate", "restoreUser", "revokeSessions", "runPlaybook", "setBlocklist", "setSignIn", "signInStep"]); // prettier-ignore
  });

  it("is no account of somebody who may do as much: by no way into accounts of others, nor by an account that comes of one", () => {
    const routed = operations.filter(({ what, power }) => power === "within" && !what.startsWith("configuration"));
    const all = [...waysIntoOthers, ...waysElsewhere].filter((what) => what !== "PUT /api/v1/admin/mail");
    expect(routed.map(({ what }) => what).toSorted(), "each is on one of the lists").to.deep.equal(all.toSorted());
    const search = { operations, waysIntoOthers, mayLetInto, startsAnew: () => true };
    expect(searchTakeovers(search)).to.deep.equal([]);
    const pick = <T>(dice: Dice, list: readonly T[]): T => list[Math.floor(dice.number() * list.length)] as T;
    for (let seed = 1; seed <= depth(40, 1_000); seed += 1) {
      const dice = new Dice(seed);
      const own = ["r0", "r1", "r2"].map((name): ClusterRole => ({
        name,
        grants: Array.from({ length: 8 }, () => ({ permission: pick(dice, names) })),
      }));
      expect(searchTakeovers({ ...search, own }), `seed ${seed}`).to.deep.equal([]);
    }
    // As it was: whoever may do as much, and only a link for the password made the day of the account begin anew.
    const within: typeof mayLetInto = (into, by, table) => beyond(by, grantsOf(into, table), table) === undefined;
    const before = {
      ...search,
      mayLetInto: within,
      startsAnew: (what: string) => !what.includes("identity-providers"),
    };
    const found = searchTakeovers(before);
    expect(found).to.include("admin comes in as admin by PUT /api/v1/admin/identity-providers/:provider");
    expect(found).to.include("admin agrees with itself as admin by PUT /api/v1/admin/identity-providers/:provider");
    expect(searchTakeovers({ ...before, waysIntoOthers: waysIntoOthers.slice(1, 2) })).to.include(
      "admin comes in as admin by POST /api/v1/admin/users/:user/reset",
    );
  });

  it("needs a fresh session at the real doors: HTTP, the control endpoint and gRPC, for each operation that gives or takes", async () => {
    const { token: first } = await fixture.signUp("ada");
    const made = await fixture.request("POST", "/api/v1/me/keys", { token: first, body: { label: "cron" } });
    const { key } = made.body as { readonly key: string };
    const { token: ops } = (await fixture.request("POST", "/api/v1/admin/control/tokens", { token: controlToken, body: { name: "ops", role: "owner" } })).body; // prettier-ignore
    shiftMs += staleMs;
    const fresh = (await fixture.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } })).body.token;
    const grpc = grpcClient(fixture.gateway.grpcAddress ?? "");
    const refusals = ["FORBIDDEN", "SIGN_IN_AGAIN", "UNAUTHENTICATED"];
    const doorOf = (code: string): string => (refusals.includes(code) ? code : "in");
    const concerned = routes.filter(
      ({ permission }) => permission !== undefined && permissionOf(permission).power !== "none",
    );
    expect(concerned.length).to.be.greaterThan(60);
    for (const { method, path, permission } of concerned) {
      const to = path.replaceAll(/:\w+/g, "nobody");
      const what = `${method} ${path}`;
      const isAdmins = path.startsWith("/api/v1/admin/");
      /** What nobody can understand, so that nothing is done; a refusal for lack of a right comes before that. */
      const headers = method === "GET" ? {} : { "content-type": "application/x-unknown" };
      const gateway = async (token: string) => doorOf(codeOf(await ask(fixture.url, to, { method, token, headers })));
      const control = async (token: string) =>
        doorOf(codeOf(await ask(fixture.gateway.controlUrl ?? "", to, { method, token, headers })));
      // The body can be understood there: who is refused by what is done, and for no permission, is in.
      const byGrpc = async (token: string): Promise<string> =>
        grpc.call("RouteService", "Call", { method, path: to, body: Buffer.from("?") }, { token }).then(
          () => "in",
          (error: ServiceError) =>
            String(error.metadata.get("grpc-status-details-bin")[0]).includes(String(permission))
              ? doorOf(String(error.metadata.get("plexus-code")[0] ?? ""))
              : "in",
        );
      for (const [door, name] of [
        [gateway, "gateway"],
        [control, "control"],
        [byGrpc, "gRPC"],
      ] as const) {
        if (!isAdmins && door !== gateway) continue;
        expect(await door(key), `${what}: API key, ${name}`).to.equal("FORBIDDEN");
        expect(await door(first), `${what}: stale, ${name}`).to.equal("SIGN_IN_AGAIN");
        expect(await door(fresh), `${what}: fresh, ${name}`).to.equal("in");
        if (door === gateway) expect(await door(ops), `${what}: token, ${name}`).to.equal("UNAUTHENTICATED");
        else
          expect(await door(ops), `${what}: token, ${name}`).to.equal(
            isForTokens(permission as Permission) ? "in" : "FORBIDDEN",
          );
      }
    }
    grpc.close();
  });
});
