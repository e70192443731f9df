/** Every route of admins that changes something writes an entry of the audit: generated from the gateway's own routes
 *  and its description, so that a later route is asked as well. */
import { expect } from "chai";
import {
  changesSomething,
  failure,
  refused,
  roleTable,
  type AuditEvent,
  type AuditFacts,
} from "../../../protocols/index.ts";
import { everyPart } from "./permission-table.ts";
import { controlToken, startFixture, type Fixture, type FixtureOptions } from "./fixture.ts";

/** Routes that change nothing though they are no GET, or of which somebody else writes the entry. Each says why. */
const without: Readonly<Record<string, string>> = {
  "POST /api/v1/admin/configuration/plan": "says what a change would do, and does nothing",
  "POST /api/v1/admin/cluster/plan": "changes nothing: it says what would follow",
  "POST /api/v1/admin/rules/try": "it looks at entries of the past and changes nothing",
  "POST /api/v1/admin/backups/list": "reads which snapshots there are",
  "POST /api/v1/admin/identity-providers/:provider/test": "asks a server what anybody may ask it",
  "POST /api/v1/admin/model-routes/:route/explain": "says what a route would do",
  "POST /api/v1/admin/models/:name/verify": "reads files and compares them",
  "POST /api/v1/admin/shards/stripes/read": "reads a stripe",
  "POST /api/v1/admin/shards/stripes/inspect": "reads how a stripe is",
};

/** Actions of admins of which an entry says no before and after. Each says why. */
const acts: Readonly<Record<string, string>> = {
  acknowledgeAlert: "the alert keeps who took note of it, and is over by it",
  approveRecall: "the request keeps it",
  askRecall: "the request keeps it",
  beginKit: "nothing is changed before the kit is confirmed",
  beginRecall: "the request keeps it",
  cancelBackup: "the task is over by it",
  cancelEndpointSearch: "the search is over by it",
  cancelPull: "the pull is over by it",
  cancelTask: "the task is over by it",
  copyBackup: "the task keeps it",
  createControlToken: "what it was made with is said as it is then",
  createKey: "what it was made with is said as it is then",
  declineRecall: "the request keeps it",
  downloadBackup: "reads",
  drillBackup: "the task keeps it",
  endFeedback: "the feedback keeps that it is done",
  endSession: "the session is over by it",
  endSharedLink: "the link is over by it",
  healShards: "what lacks is made good",
  invite: "the invitation is said as it is",
  loadModel: "what is in memory comes and goes by itself",
  pinModel: "the action says it",
  placeBackup: "the task keeps it",
  pruneBackup: "the task keeps what it removed",
  pullModel: "a task begins",
  putStripe: "bytes come",
  recallBackup: "the task keeps it",
  releaseActor: "an actor goes on",
  releaseFile: "the message keeps it",
  releaseStripe: "bytes go",
  removeFile: "the message keeps it",
  removeModel: "the model's name is all that is known of it",
  removeUse: "counts without names and feedback; none of it is to be kept",
  resetPassword: "a link is made; the password stays until it is used",
  revokeControlToken: "the token is over by it",
  resumeBackup: "the task keeps it",
  runBackup: "the task keeps it",
  searchEndpoints: "a task begins",
  sendReport: "the task keeps it",
  takeProfile: "reads",
  testEndpoint: "reads",
  testMail: "sends",
  testSink: "sends",
  unloadModel: "what is in memory comes and goes by itself",
  unpinModel: "the action says it",
  verifyBackup: "reads",
  withdrawBackup: "the task keeps it",
};

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly minItems?: number;
}

/** Texts of which one fits each pattern that a body asks for. */
const texts = ["nobody", "user/nobody", "room/nobody", "0".repeat(64), "0".repeat(32), "0".repeat(16), "http://127.0.0.1:1/", "1.1", "0 0 * * *", "2026-01-01T00:00:00Z", "AAAA", "chat/1", "manager/1", "/tmp/nobody", "1", "ada@example.org", "backup.1", `${"0".repeat(16)}.nobody`]; // prettier-ignore

/** Bodies of which the schema says less than the route. */
const bodies: Readonly<Record<string, object>> = {
  "POST /api/v1/admin/secrets/:secret/adopt": { from: "mail" },
  "POST /api/v1/admin/backups/prune": { keep: { last: 1 } },
  "POST /api/v1/admin/backups/requests": { reason: "a test", wish: { sort: "recall", query: { person: "nobody" } } },
};

/** Something that a schema takes. */
function exampleOf(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first !== undefined) return exampleOf(first);
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, exampleOf(schema.properties?.[name] ?? {})]),
      );
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => exampleOf(schema.items ?? {}));
    case "integer":
    case "number":
      return Math.max(1, schema.minimum ?? 1);
    case "boolean":
      return true;
    default: {
      const { pattern, minLength = 0 } = schema;
      const fits = texts.find(
        (text) => text.length >= minLength && (pattern === undefined || new RegExp(pattern, "u").test(text)),
      );
      return fits ?? "nobody".padEnd(minLength, "x");
    }
  }
}

/** A part that refuses whatever it is asked to do, and of which there is nothing. */
const refusing: unknown = new Proxy(
  {},
  {
    get: (_target, name) =>
      name === "then"
        ? undefined
        : name === "current"
          ? () => []
          : name === "view"
            ? () => ({ endpoints: [] })
            : name === "stranded" || name === "watch" || name === "onChange"
              ? () => undefined
              : () => Promise.resolve(refused(failure("STOPPING", { reason: "a part of a test" }))),
  },
);
const parts = {
  ...everyPart,
  cluster: refusing,
  clusterRoles: {
    current: () => [],
    table: () => roleTable([]),
    change: () => Promise.resolve(refused(failure("OVERLOADED"))),
  },
  modelRoutes: refusing,
  endpoints: refusing,
  profiles: refusing,
  models: { store: refusing, wanted: { current: () => [], set: () => Promise.resolve() } },
  // Stripes lie in a part of it.
  shards: { stripes: refusing, heal: () => Promise.resolve([]) },
} as unknown as FixtureOptions;

describe("gateway: what admins change is in the audit", function () {
  const written: AuditEvent[] = [];
  let fixture: Fixture;
  interface Described {
    readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema; readonly required?: boolean }[]; // prettier-ignore
    readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  }
  let described: Readonly<Record<string, Readonly<Record<string, Described>>>>;

  before(async () => {
    fixture = await startFixture({
      ...parts,
      audit: {
        write(event) {
          written.push(event);
          return Promise.resolve();
        },
      },
    });
    described = (await fixture.request("GET", "/openapi.json")).body.paths;
  });
  after(() => fixture.stop());

  const changing = () =>
    fixture.gateway.routes().filter(({ method, path }) => method !== "GET" && path.startsWith("/api/v1/admin/"));

  it("has an action for each route, or a reason for none", () => {
    const lacking = changing().filter(
      ({ audit, method, path }) => audit === undefined && without[`${method} ${path}`] === undefined,
    );
    expect(lacking.map(({ method, path }) => `${method} ${path}`)).to.deep.equal([]);
    const gone = Object.keys(without).filter(
      (what) => !changing().some(({ method, path }) => `${method} ${path}` === what),
    );
    expect(gone, "no such routes").to.deep.equal([]);
  });

  it("says before and after, or there is a reason why it does not", () => {
    const actions = [...new Set(changing().flatMap(({ audit }) => (audit === undefined ? [] : [audit])))];
    const lacking = actions.filter((action) => !changesSomething(action) && acts[action] === undefined);
    expect(lacking).to.deep.equal([]);
    const gone = Object.keys(acts).filter((action) => changesSomething(action) || !actions.includes(action as never));
    expect(gone, "no such actions").to.deep.equal([]);
  });

  it("is written when the route is asked, whether it is done or refused", async () => {
    const silent: string[] = [];
    for (const { method, path, audit } of changing()) {
      if (audit === undefined) continue;
      const template = path.replaceAll(/:(\w+)/g, "{$1}");
      const { parameters = [], requestBody } = described[template]?.[method.toLowerCase()] ?? {};
      let url = template;
      const query = new URLSearchParams();
      for (const { name, in: where, schema, required } of parameters)
        if (where === "path") url = url.replace(`{${name}}`, encodeURIComponent(String(exampleOf(schema))));
        else if (where === "query" && required === true) query.set(name, String(exampleOf(schema)));
      const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
      const body =
        bodies[`${method} ${path}`] ??
        (content === undefined ? (method === "DELETE" ? undefined : {}) : exampleOf(content.schema));
      written.length = 0;
      const binary = type !== undefined && type !== "application/json";
      const answer = await fixture.request(method, `${url}?${query.toString()}`, {
        token: controlToken,
        ...(binary ? { body: "bytes", headers: { "content-type": type } } : body !== undefined && { body }),
      });
      if (written.length === 0)
        silent.push(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body?.error?.details)}`);
    }
    expect(silent).to.deep.equal([]);
  });
});

describe("gateway: what was before and what is after an admin's act", () => {
  const written: AuditEvent[] = [];
  let fixture: Fixture;
  let root: string;
  before(async () => {
    const backups = {} as NonNullable<FixtureOptions["backups"]>;
    fixture = await startFixture({ backups, audit: { write: (event) => Promise.resolve(void written.push(event)) } });
    root = (await fixture.signUp("root")).token;
    await fixture.signUp("bob");
  });
  after(() => fixture.stop());

  /** What an act that is done says of the change. */
  async function changeBy(method: string, path: string, body?: object): Promise<AuditFacts> {
    written.length = 0;
    const { status, body: answer } = await fixture.request(method, `/api/v1/admin${path}`, {
      token: root,
      ...(body && { body }),
    });
    expect(status, JSON.stringify(answer)).to.be.below(300);
    const [entry] = written;
    expect(entry?.outcome).to.equal("done");
    const facts = Object.entries(entry?.facts ?? {}).filter(([name]) => /^(?:before|after)\./.test(name));
    return Object.fromEntries(facts);
  }

  it("is said of schedules of backups", async () => {
    const put = (cron: string) => changeBy("PUT", "/backups/schedules/nightly", { cron, wish: { sort: "run" } });
    const first = { "after.cron": "0 3 * * *", "after.wish.sort": "run", "after.by": "root" };
    expect(await put("0 3 * * *")).to.deep.equal(first);
    expect(await put("0 4 * * *")).to.deep.equal({ "before.cron": "0 3 * * *", "after.cron": "0 4 * * *" });
    expect(await put("0 4 * * *"), "the same again").to.deep.equal({});
    expect(await changeBy("DELETE", "/backups/schedules/nightly")).to.deep.equal({
      "before.cron": "0 4 * * *",
      "before.by": "root",
      "before.wish.sort": "run",
    });
  });

  it("is said of legal holds, which are named", async () => {
    const said = { "on.person": "user/bob", reason: "case 12", by: "root" };
    const named = (when: string) =>
      Object.fromEntries(Object.entries(said).map(([name, fact]) => [`${when}.${name}`, fact]));
    expect(await changeBy("POST", "/backups/holds", { on: { person: "user/bob" }, reason: "case 12" })).to.deep.equal(
      named("after"),
    );
    const hold = written[0]?.target ?? "";
    expect(hold).to.match(/^hold\/./);
    expect(await changeBy("DELETE", `/backups/holds/${hold.slice("hold/".length)}`)).to.deep.equal(named("before"));
    expect(written[0]?.target).to.equal(hold);
  });

  it("is said of suspension, also where nothing is changed", async () => {
    const set = (suspended: boolean) => changeBy("PUT", "/users/bob/suspended", { suspended });
    expect(await set(true)).to.deep.equal({ "before.suspended": false, "after.suspended": true });
    expect(await set(true)).to.deep.equal({ "before.suspended": true, "after.suspended": true });
    expect(written[0]).to.deep.include({ action: "suspendUser", target: "user/bob" });
    expect(await set(false)).to.deep.equal({ "before.suspended": true, "after.suspended": false });
    expect(written[0]).to.deep.include({ action: "restoreUser", target: "user/bob" });
  });

  it("is said of invitations of guests, also where they are refused: whose guest it would be", async () => {
    const entries: AuditEvent[] = [];
    const full = await startFixture({
      audit: { write: (event) => Promise.resolve(void entries.push(event)) },
      invitations: {
        list: async () => [],
        make: async () => refused(failure("LIMIT_REACHED")),
        remove: async () => refused(failure("NOT_FOUND")),
        use: async () => refused(failure("SIGN_UP_INVITATION_INVALID")),
      },
    });
    const { token } = await full.signUp("ann");
    const body = { uses: 1, expiresInMs: 60_000, guest: { lifeMs: 3_600_000 } };
    await full.request("POST", "/api/v1/admin/sign-up-invitations", { token, body });
    const found = entries.filter(({ action }) => action === "inviteAccount");
    const facts = { uses: 1, "guest.lifeMs": 3_600_000, "guest.by": "user/ann" };
    expect(found.map((one) => [one.outcome, one.facts])).to.deep.equal([["LIMIT_REACHED", facts]]);
    await full.stop();
  });

  it("is said of invitations, without their codes", async () => {
    const made = await changeBy("POST", "/sign-up-invitations", { uses: 2, expiresInMs: 60_000, note: "for Eve" });
    expect(made).to.deep.include({ "after.uses": 2, "after.note": "for Eve" });
    const { body } = await fixture.request("GET", "/api/v1/admin/sign-up-invitations", { token: root });
    const ended = await changeBy("DELETE", `/sign-up-invitations/${body.invitations[0].id}`);
    expect(ended).to.deep.include({ "before.uses": 2, "before.note": "for Eve" });
  });
});
