/** Somebody who knows every id of what is another's, and asks for all of it: each route and each command, as the
 *  description of the interface has it, with ids of Ada's and with fields that would be right if Ada asked. Nothing of
 *  hers comes back, and nothing of hers is changed.
 *
 *  Routes and commands that are new are asked for, too. One whose path or fields name something that this file has no
 *  sample of fails the test: give it one of Ada's. */
import type { ServiceError } from "@grpc/grpc-js";
import { expect } from "chai";
import { clientCommands, type Passkey } from "../../../protocols/index.ts";
import { grpcClient, type GrpcClient } from "./grpc-client.ts";
import { everyPart } from "./permission-table.ts";
import { password, startFixture, type Fixture } from "./fixture.ts";

/** In everything that Ada wrote and others may not read. */
const mark = "adas-secret";
/** What everybody may know of Ada, and doings of one's own that name her. */
const open = [
  // Her card: name and picture.
  "GET /api/v1/people/:user",
  "user.card",
  // What she says of herself there.
  "GET /api/v1/people/:user/about",
  "user.about",
  // A page, which says 404 to everybody who has no secret (`shared-links.test.ts`).
  "GET /shared/:user/:secret",
  // Talking with her; both see it.
  "POST /api/v1/rooms/direct",
  // It names no room: each searches their own.
  "POST /api/v1/search",
  // Of one's own account, though it has an emoji as reactions have.
  "PUT /api/v1/me/status",
  // It leads to a page of everybody's; the link is looked at when that is pressed.
  "GET /api/v1/mail/unsubscribe/:token",
];

/** As much of JSON Schema as the interface uses. */
interface Shape {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly items?: Shape;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
}

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly required?: boolean; readonly schema: Shape }[]; // prettier-ignore
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Shape }>> };
}

/** What has a form of its own and names nothing that is there. */
const plain: Samples = {
  place: "room/den",
  name: "fresh",
  audience: "fresh",
  hash: "0".repeat(64),
  secret: "0".repeat(43),
  mail: "fresh@example.org",
  endpoint: "https://push.example.org/x",
  p256dh: "A".repeat(87),
  auth: "A".repeat(22),
};

type Samples = Record<string, unknown>;

/** A value of this shape; what a name means is of `samples`. */
function valueOf(shape: Shape, name: string, samples: Samples): unknown {
  // An agent is named by its key in one place, and as an actor in another.
  const isActor = name === "agent" && shape.pattern?.includes("agent)/") === true;
  if (name in samples) return isActor ? `agent/${String(samples[name])}` : samples[name];
  if (name in plain) return plain[name];
  if (shape.const !== undefined) return shape.const;
  if (shape.enum !== undefined) return shape.enum[0];
  if (shape.anyOf !== undefined) return valueOf(shape.anyOf[0] as Shape, name, samples);
  if (shape.type === "object") {
    const fields = Object.entries(shape.properties ?? {});
    const given = fields.filter(([field]) => shape.required?.includes(field) === true || field in samples);
    return Object.fromEntries(given.map(([field, one]) => [field, valueOf(one, field, samples)]));
  }
  if (shape.type === "array")
    return Array.from({ length: shape.minItems ?? 0 }, (_, at) => {
      const item = valueOf(shape.items ?? {}, name, samples);
      return typeof item === "string" && at > 0 ? `${item}${at}` : item;
    });
  if (shape.type === "integer" || shape.type === "number") return Math.max(1, shape.minimum ?? 1);
  if (shape.type === "boolean") return true;
  if (shape.pattern !== undefined) throw new Error(`${name} needs a sample that fits ${shape.pattern}`);
  return "x".repeat(Math.max(1, shape.minLength ?? 1));
}

/** One question. */
interface Call {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** It names something of Ada's. */
  readonly names: boolean;
}

/** One command. */
interface Question {
  readonly name: string;
  readonly to: string;
  readonly fields: object;
}

/** What it is answered with: the code of a refusal, or that there was none. */
interface Said {
  readonly code: string;
  readonly text: string;
}

describe("gateway: what is another's", () => {
  let fixture: Fixture;
  let ada: string;
  /** Ids of things of Ada's, by the part of a path before them. */
  let ids: Readonly<Record<string, string>>;
  let calls: readonly Call[];
  const samples: Samples = { room: "den", member: "user/ada", with: "user/ada", successor: "user/ada", user: "ada", seq: 1, emoji: "👍", agent: "ada.helper", provider: "nobody", file: `${"0".repeat(32)}.den`, atMs: 0, secret: "0".repeat(43) }; // prettier-ignore

  const made = async (method: string, path: string, token: string, body?: unknown) => {
    const { status, body: answer } = await fixture.request(method, path, {
      token,
      ...(body !== undefined && { body }),
    });
    if (status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  };

  /** All that Ada sees of hers, but when it was used. */
  const seen = async (): Promise<unknown> => {
    const paths = ["/me", "/me/sessions", "/me/keys", "/me/factors", "/me/later", "/me/saved", "/me/push", "/rooms", "/rooms/den", "/rooms/den/messages", "/rooms/den/bans", "/rooms/den/warnings", "/rooms/den/links", "/rooms/den/polls/2", "/agents", "/agents/ada.helper/turns", "/agents/ada.helper/conversations", "/agents/ada.helper.1/turns", "/me/shared-links"]; // prettier-ignore
    const views: unknown[] = [];
    for (const path of paths) views.push(await made("GET", `/api/v1${path}`, ada));
    views.push(await made("GET", `/v1/responses/${ids["responses"]}`, ada));
    return JSON.parse(JSON.stringify(views, (key, value: unknown) => (/^(used|lastUsed)AtMs$/.test(key) ? 0 : value)));
  };

  /** A route with what is to be asked of it. */
  function callOf(method: string, path: string, operation: Operation | undefined): Call {
    let names = false;
    const filled = path.replaceAll(/:(\w+)/g, (_, name: string) => {
      const before =
        path
          .slice(0, path.indexOf(`/:${name}`))
          .split("/")
          .at(-1) ?? "";
      const value = ids[before] ?? samples[name];
      if (value === undefined) throw new Error(`${method} ${path}: what is a ${name} of Ada's? Give it a sample`);
      names = true;
      return encodeURIComponent(typeof value === "string" ? value : JSON.stringify(value));
    });
    const query = (operation?.parameters ?? []).filter(
      (one) => one.in === "query" && (one.required === true || one.name in samples),
    );
    const search = query
      .map(({ name, schema }) => `${name}=${encodeURIComponent(String(valueOf(schema, name, samples)))}`)
      .join("&");
    const shape = operation?.requestBody?.content["application/json"]?.schema;
    const body =
      method === "GET" || method === "DELETE" ? undefined : valueOf(shape ?? { type: "object" }, "", samples);
    if (Object.keys((body as object | undefined) ?? {}).some((field) => field in samples) || query.length > 0)
      names = true;
    return { name: `${method} ${path}`, method, path: search === "" ? filled : `${filled}?${search}`, body, names };
  }

  async function send({ method, path, body }: Call, token: string): Promise<Said> {
    const ending = new AbortController();
    const response = await fetch(fixture.url + path, {
      method,
      signal: ending.signal,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    // A stream does not end; what it begins with is there at once.
    const isStream = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
    const text = isStream ? "" : await response.text();
    ending.abort();
    return {
      code: response.ok ? "done" : (/"(?:code|type)":"([A-Za-z_]+)"/.exec(text)?.[1] ?? String(response.status)),
      text,
    };
  }

  before(async function () {
    const { blobs: _blobs, ...parts } = everyPart;
    fixture = await startFixture({ ...parts, grpcListen: { host: "127.0.0.1", port: 0 } });
    await fixture.signUp("root");
    ada = (await fixture.signUp("ada")).token;
    await made("POST", "/api/v1/rooms", ada, { room: "den", title: mark, topic: mark, visibility: "private" });
    for (const name of ["mallory", "noah"]) {
      const { token } = await fixture.signUp(name);
      await made("POST", "/api/v1/rooms", token, { room: `${name}-attic` });
      await made("POST", "/api/v1/agents", token, { name: "helper" });
      // It is there already, so that asking for it changes nothing.
      await made("POST", "/api/v1/rooms/direct", token, { with: "user/ada" });
    }
    await made("DELETE", "/api/v1/rooms/den/members/user%2Fnoah?ban=true", ada);
    await made("POST", "/api/v1/rooms/den/messages", ada, { text: mark });
    await made("POST", "/api/v1/rooms/den/polls", ada, { question: mark, options: [mark, "b"] });
    await made("POST", "/api/v1/agents", ada, { name: "helper", persona: mark });
    await made("POST", "/api/v1/agents/ada.helper/say", ada, { text: mark });
    await made("POST", "/api/v1/agents/ada.helper/conversations", ada, { title: mark, folder: mark });
    await made("POST", "/api/v1/agents/ada.helper.1/say", ada, { text: mark });
    const key = await made("POST", "/api/v1/me/keys", ada, { label: mark });
    samples["atMs"] = fixture.settings.clock.nowMs() + 30 * 24 * 3_600_000;
    const written = { room: "den", text: mark, atMs: samples["atMs"] };
    const later = await made("POST", "/api/v1/me/later/messages", ada, written);
    await made("POST", "/api/v1/me/saved", ada, { room: "den", seq: 1 });
    const { current } = await made("GET", "/api/v1/me/sessions", ada);
    const shown = { as: "session", session: current, provedAgoMs: 0 };
    const tell = (message: { readonly type: string; readonly [field: string]: unknown }) =>
      fixture.kernel.ask({ to: "user/ada", from: "gateway", message: { ...message, shown }, timeoutMs: 5_000 });
    const passkey: Passkey = { id: "adas-passkey", publicKey: "AA", counter: 0, host: "localhost", name: mark, transports: [], synced: false }; // prettier-ignore
    const claim = `identity.${"0".repeat(64)}`;
    const identity = { provider: "nobody", issuer: "https://id.example", subject: mark, claim };
    const linked = await tell({ ...identity, type: "linkIdentity" });
    expect(linked.ok, JSON.stringify(linked)).to.equal(true);
    const browser = { endpoint: "https://push.example.org/ada", p256dh: "A".repeat(87), auth: "A".repeat(22) };
    const told = await tell({
      ...browser,
      type: "addPush",
      id: "adas-push",
      name: mark,
      content: "text",
      session: current,
    });
    expect(told.ok, JSON.stringify(told)).to.equal(true);
    // Last: then a password alone proves the session no more.
    const added = await tell({ ...passkey, type: "addPasskey" });
    expect(added.ok, JSON.stringify(added)).to.equal(true);
    const { id } = await made("POST", "/v1/responses", ada, { model: "echo", input: mark, store: true });
    const shared = await made("POST", "/api/v1/agents/ada.helper.1/links", ada, { lifeMs: 3_600_000 });
    await fixture.signUp("gina");
    await made("PUT", "/api/v1/rooms/den/members/user%2Fgina", ada);
    const warned = await made("POST", "/api/v1/rooms/den/members/user%2Fgina/warnings", ada, { reason: mark });
    const link = await made("POST", "/api/v1/rooms/den/links", ada, { uses: 1, lifeMs: 3_600_000 });
    ids = { links: link.id, warnings: warned.id, conversations: "1", "shared-links": shared.id, keys: key.id, later: String(later.id), sessions: current, passkeys: passkey.id, push: "adas-push", unsubscribe: "adas-link", identities: claim, responses: id, turns: "1", pictures: "0".repeat(64), sounds: "0".repeat(64), avatar: "0".repeat(64), logo: "0".repeat(64) }; // prettier-ignore
    const { paths } = await made("GET", "/openapi.json", ada);
    // Those of admins nobody else reaches, whatever they name: permissions.txt has them.
    const routes = fixture.gateway.routes().filter(({ path }) => !path.startsWith("/api/v1/admin/"));
    calls = routes.map(({ method, path }) =>
      callOf(method, path, paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()] as Operation | undefined),
    );
  });
  after(() => fixture.stop());

  /** Every command, with the ids of all that it may be about. */
  function questions(): readonly Question[] {
    const keys: Readonly<Record<string, string>> = { room: "den", user: "ada", agent: "ada.helper", ledger: "ada", catalog: "rooms", groups: "cluster", emoji: "cluster" }; // prettier-ignore
    return clientCommands.flatMap(({ kind, name, row }) => {
      const to = keys[kind];
      if (to === undefined) throw new Error(`${kind}.${name}: which ${kind} is Ada's?`);
      // What everybody may search has nothing of one person's.
      if (kind === "catalog" || kind === "groups" || kind === "emoji") return [];
      const shape = row.params as Shape;
      const about =
        shape.properties?.["id"] === undefined
          ? [{}]
          : shape.properties["id"].type === "integer"
            ? [{ id: 1 }]
            : [ids["sessions"], ids["keys"], ids["passkeys"]].map((id) => ({ id }));
      return about.map((more) => ({
        name: `${kind}.${name}`,
        to,
        fields: valueOf(shape, "", { ...samples, ...more }) as object,
      }));
    });
  }

  const capital = (name: string): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  /** The same command as a call of gRPC. */
  async function byGrpc(grpc: GrpcClient, { name, to, fields }: Question, token: string): Promise<Said> {
    const [kind = "", command = ""] = name.split(".");
    return grpc.call(`${capital(kind)}Service`, capital(command), { to, ...fields }, { token }).then(
      (answer: unknown) => ({ code: "done", text: JSON.stringify(answer) }),
      (error: ServiceError) => ({ code: String(error.metadata?.get("plexus-code")[0]), text: error.message }),
    );
  }

  const signIn = async (name: string): Promise<string> =>
    (await fixture.request("POST", "/api/v1/sign-in", { body: { name, password } })).body.token;
  const ownEnds = ["POST /api/v1/sign-out", "POST /api/v1/me/deletion"];

  for (const [name, who] of [
    ["mallory", "an owner of another room"],
    ["noah", "somebody who was banned"],
  ] as const)
    it(`is refused to ${who}, whatever is asked for by whichever route or command, and stays as it was`, async () => {
      const before = await seen();
      const token = await signIn(name);
      const refused =
        /^(FORBIDDEN|NOT_A_MEMBER|BANNED|NOT_FOUND|NAME_TAKEN|LINK_INVALID|JOIN_LINK_ENDED|invalid_request_error)$/;
      for (const call of calls.filter((one) => !ownEnds.includes(one.name))) {
        const { code, text } = await send(call, token);
        expect(text, call.name).to.not.include(mark);
        if (call.names && !open.includes(call.name)) expect(code, `${call.name} ${text}`).to.match(refused);
      }
      const client = await fixture.connect(token);
      for (const command of questions()) {
        const answer = await client.ask(command.name, command.to, command.fields);
        expect(JSON.stringify(answer), command.name).to.not.include(mark);
        if (!open.includes(command.name)) expect(answer.error?.code, command.name).to.match(refused);
      }
      const grpc = grpcClient(fixture.gateway.grpcAddress ?? "");
      for (const command of questions()) {
        const { code, text } = await byGrpc(grpc, command, token);
        expect(text, `${command.name} by gRPC`).to.not.include(mark);
        if (!open.includes(command.name)) expect(code, `${command.name} by gRPC`).to.match(refused);
      }
      grpc.close();
      for (const topic of ["room/den", "agent/ada.helper", "user/ada"])
        expect((await client.ask("subscribe", topic)).error?.code, topic).to.match(refused);
      expect(JSON.stringify(client.frames)).to.not.include(mark);
      expect(await seen()).to.deep.equal(before);
    });

  it("was asked for as it has to be: Ada herself lacks no right to any of it", async () => {
    const own = calls.filter(({ names }) => names);
    // These end what the others ask for.
    const isLast = ({ name }: Call) =>
      /\/leave$|^DELETE .*(\/members\/:member|\/agents\/:agent|\/later\/:id|\/sessions\/:id)$/.test(name);
    const lacking = /^(FORBIDDEN|NOT_A_MEMBER|UNAUTHENTICATED)$/;
    const codes = new Map<string, string>();
    const isEnd = ({ name }: Call) => name.endsWith("/sessions/:id");
    const inOrder = [
      ...own.filter((one) => !isLast(one)),
      ...own.filter((one) => isLast(one) && !isEnd(one)),
      ...own.filter(isEnd),
    ];
    for (const call of inOrder) codes.set(call.name, (await send(call, ada)).code);
    expect([...codes].filter(([, code]) => lacking.test(code))).to.deep.equal([]);
    expect([...codes.values()].filter((code) => code === "done").length).to.be.above(own.length / 2);
  });
});
