import type { FastifyInstance } from "fastify";
import { openBranding } from "../../../node/cluster/facts/branding.ts";
import { WebSocket, type ClientOptions } from "ws";
import type { AnyBehavior } from "../../../actors/behavior.ts";
import { activity } from "../../../actors/activity/index.ts";
import { agent } from "../../../actors/agent/index.ts";
import { backup } from "../../../actors/backup/index.ts";
import { catalog } from "../../../actors/catalog/index.ts";
import { claim } from "../../../actors/claim/index.ts";
import { emoji } from "../../../actors/emoji/index.ts";
import { groups } from "../../../actors/groups/index.ts";
import { ledger } from "../../../actors/ledger/index.ts";
import { quarantine } from "../../../actors/quarantine/index.ts";
import { roleManager } from "../../../actors/role-manager/index.ts";
import { room } from "../../../actors/room/index.ts";
import { user } from "../../../actors/user/index.ts";
import { watch } from "../../../actors/watch/index.ts";
import { adminCodeHash, gatewayLimits, type GatewayLimits } from "../../../node/gateway/index.ts";
import { type Gateway, type GatewayOptions } from "../../../node/gateway/options.ts";
import { archivesOf, createTickets } from "../../../node/backup/index.ts";
import { signUpInvitations } from "../../../node/cluster/facts/sign-up-invitations.ts";
import { operationsOf, type OperationParts, type PeerParts } from "../../../node/composition/operations.ts";
import type { Peer } from "../../../node/composition/peer.ts";
import { createProviders } from "../../../node/identity/index.ts";
import { createSecrets } from "../../../node/keys/index.ts";
import type { Kernel } from "../../../node/kernel/index.ts";
import { createRandom } from "../../../node/platform/index.ts";
import type { Clock, Directory, Hub, Log, Meter, Random } from "../../../node/ports/index.ts";
import type { ClusterView, Failure, SignedIn } from "../../../protocols/index.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { quietLog, quietMeter as meter } from "../../fixtures/quiet.ts";
import type { LocalEngine } from "../../../runtimes/engine.ts";
import { createEchoRuntime, type EchoRuntime } from "../../../runtimes/echo/echo.ts";
import { expireAfter, usualLimitMs } from "../../waits.ts";
import { Disk, type World } from "../../world/index.ts";
import { undescribed } from "./row-errors.ts";
import { askOf, controlToken, createWorld, msPerTurn, openGateway, type Reply, type RequestOptions } from "./asking.ts";

export { controlToken, createWorld, type Reply } from "./asking.ts";

export const adminCode = "ABCD-EFGH-JKLM";
export const password = "correct horse";

/** Hashing passwords is slow on purpose; tests lower the price and nothing else. */
const cheap: Partial<GatewayLimits> = {
  passwordMemoryKiB: 64,
  passwordPasses: 1,
  signInRate: { count: 100_000, windowMs: 1_000 },
  signUpRate: { count: 100_000, windowMs: 1_000 },
  nameFailureRate: { count: 100_000, windowMs: 1_000 },
  signInFailureRate: { count: 100_000, windowMs: 1_000 },
  badTokenRate: { count: 100_000, windowMs: 1_000 },
  commandRate: { count: 1_000_000, windowMs: 1_000 },
  keyRate: { count: 1_000_000, windowMs: 1_000 },
  roomRate: { count: 1_000_000, windowMs: 1_000 },
  rateRows: 1_024,
};

/** A whole node without its process: real kernel, journal, actors and gateway, the echo runtime, on the simulated clock
 *  and disk. */
export interface Fixture {
  /** Its time passes by itself while the test waits. */
  readonly world: World;
  readonly gateway: Gateway;
  /** What it was made of: another gateway of it stands for one on another node. */
  readonly settings: GatewayOptions;
  readonly kernel: Kernel;
  readonly hub: Hub;
  readonly runtime: EchoRuntime;
  readonly url: string;
  /** Takes requests without a socket. */
  readonly app: FastifyInstance;
  /** Lines of the log at warn and above. */
  readonly troubles: string[];
  request(method: string, path: string, options?: RequestOptions): Promise<Reply>;
  signUp(name: string): Promise<SignedIn>;
  connect(token: string, options?: ClientOptions): Promise<Client>;
  stop(): Promise<void>;
}

/** What answers operations, as tests give it. */
type Parts = Omit<PeerParts, "budgets" | "usage" | "kernel" | "calls" | "control" | "actors"> &
  Omit<OperationParts, "clock" | "limits" | "random" | "tickets">;
type Own = Partial<Omit<GatewayOptions, "limits" | "quality" | "backups">>;

export interface FixtureOptions extends Own, Partial<Omit<Parts, "quality">> {
  readonly quality?: GatewayOptions["quality"] & Parts["quality"];
  readonly limits?: Partial<GatewayLimits>;
  /** A kind in place of the one of the same name: rooms that fail, for example. */
  readonly instead?: AnyBehavior;
  /** Where the test makes parts of it itself, on the same clock. */
  readonly world?: World;
  readonly tokenDelayMs?: number;
  /** This node's scanner of files. Absent: it has none. */
  readonly scan?: LocalEngine<"scan">;
  /** Calls go the way that they go in a node: routes, budgets. What they took is told so often. */
  readonly settleIntervalMs?: number;
  /** The mail of this node. Absent: it has none. */
  readonly openMail?: (at: MailFixture) => GatewayOptions["mail"];
  /** Which node serves which model. Absent: as the peer says. */
  readonly serving?: PeerParts["calls"]["explain"];
  /** Parts that need the peer. */
  readonly open?: (peer: Peer, at: MailFixture) => Partial<GatewayOptions & OperationParts>;
}

/** What mail stands on. */
export interface MailFixture {
  readonly directory: Directory;
  readonly secrets: ReturnType<typeof createSecrets>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** The mail of this node, where it has one. */
  readonly mail?: GatewayOptions["mail"];
}

const running = new Set<Fixture>();

// A test that fails half-way leaves its node behind, and an open port keeps the process alive.
after(async () => {
  for (const fixture of running) await fixture.stop();
});

/** Starts a node. */
export async function startFixture(options: FixtureOptions = {}): Promise<Fixture> {
  const world = options.world ?? createWorld();
  const stopTime = world.flow(msPerTurn);
  const clock: Clock = options.clock ?? world.clock();
  const random = createRandom();
  const troubles: string[] = [];
  const log: Log = {
    ...quietLog,
    warn: (event, facts) => troubles.push(`${event} ${JSON.stringify(facts)}`),
    error: (event, facts) => troubles.push(`${event} ${JSON.stringify(facts)}`),
  };
  const store = new Disk(world).open({ life: 1, alive: true });
  const runtime = createEchoRuntime({ clock, tokenDelayMs: options.tokenDelayMs ?? 0 });
  const behaviors = [
    room,
    user,
    agent,
    roleManager,
    catalog,
    groups,
    emoji,
    ledger,
    backup,
    claim,
    watch,
    activity,
    quarantine,
  ].map((one) => (one.kind === options.instead?.kind ? options.instead : one));
  const { peer } = await startAlone({
    node: "test",
    store,
    behaviors,
    engines: { ...runtime.engines, ...(options.scan && { scan: options.scan }) },
    clock,
    random,
    log,
    meter,
    ...(options.settleIntervalMs && { limits: { usage: { settleIntervalMs: options.settleIntervalMs } } }),
  });
  const { kernel } = peer;
  const hub = options.hub ?? peer.hub;
  const codeHash = adminCodeHash(adminCode);
  const cluster = (type: string, fields: object = {}) =>
    kernel.ask({ to: "role-manager/cluster", from: "node", message: { ...fields, type }, timeoutMs: 5_000 });
  const started = { node: "test", roles: ["manager"], models: ["echo"], labels: {}, adminCodeHash: codeHash };
  await cluster("nodeStarted", started);
  const secretsKey = random.bytes(32);
  const close = async () => {
    await peer.stop(2_000);
    await runtime.stop(1_000);
    await store.close();
    await stopTime();
  };
  const secrets = createSecrets({ read: () => Promise.resolve(secretsKey) });
  const mail = options.openMail?.({ directory: peer.directory, secrets, clock, random, log, meter });
  const { backups, ...own } = options;
  const tickets = createTickets(clock, gatewayLimits);
  const settings: GatewayOptions = {
    kernel,
    engines: options.settleIntervalMs === undefined ? runtime.engines : peer.engines,
    budgets: peer.usage,
    ...(peer.activity && { activity: peer.activity }),
    hub,
    clock,
    random,
    log,
    meter,
    host: "127.0.0.1",
    port: 0,
    node: "test",
    version: "0.0.0-test",
    signUp: "open",
    async adminNeeded() {
      const answer = await cluster("describe");
      return answer.ok && (answer.value as ClusterView).adminNeeded;
    },
    adminCodeHash: codeHash,
    status: () => ({
      version: "0.0.0-test",
      node: "test",
      startedAtMs: 0,
      uptimeMs: 0,
      roles: ["manager"],
      models: runtime.models(),
      actors: { active: kernel.status().active, quarantined: 0 },
      slots: { open: 0, quarantined: [] },
      journal: { entries: 0, bytes: 0, location: store.location },
      eventLoopLagMs: 0,
      memoryBytes: 0,
    }),
    readiness: () => ({ ok: true, value: {} }),
    metricsText: async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" }),
    controlToken,
    controlTokens: peer.controlTokens,
    clusterRoles: peer.clusterRoles,
    secrets,
    identities: {
      rows: peer.identityProviders,
      providers: createProviders({ fetch, nowMs: () => clock.nowMs(), random: (bytes) => random.bytes(bytes) }),
    },
    invitations: signUpInvitations(peer.directory),
    ...(mail && { mail }),
    branding: openBranding(peer.directory),
    ...own,
    ...(backups && { backups: archivesOf(backups, tickets) }),
    limits: { ...cheap, ...options.limits },
  };
  const more =
    options.open?.(peer, { directory: peer.directory, secrets, clock, random, log, meter, ...(mail && { mail }) }) ??
    {};
  // What it says anew each time it is asked stays so.
  Object.defineProperties(settings, Object.getOwnPropertyDescriptors(more));
  if (settings.operations === undefined)
    Object.assign(settings, {
      operations: operationsOf(
        {
          ...peer,
          ...options,
          budgets: peer.budgets,
          usage: peer.usage,
          // A test may have put something before it.
          kernel: settings.kernel,
          control: options.cluster ?? peer.control,
          calls: { explain: options.serving ?? ((engines) => peer.calls.explain(engines)) },
        },
        {
          name: "test",
          secrets,
          invitations: signUpInvitations(peer.directory),
          ...(mail && { mail }),
          ...options,
          ...more,
          limits: { ...gatewayLimits, ...options.limits },
          clock,
          random,
          tickets,
        },
      ),
    });
  const { gateway, app } = await openGateway(settings).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const { url } = gateway;
  const clients: Client[] = [];

  const fixture: Fixture = {
    world,
    gateway,
    settings,
    kernel,
    hub,
    runtime,
    url,
    app,
    troubles,
    async request(method, path, asked = {}) {
      const reply = await askOf(app, url, method, path, asked);
      // A task that failed has an error, too, and is answered all the same.
      const { code, details } = (reply.status >= 400 && reply.body?.error) || {};
      // What a test leaves out of its node, a real one has (test/smoke/operations.test.ts).
      const isLeftOut = details?.reason === "this node is in no cluster";
      const wrong = typeof code === "string" && !isLeftOut ? undescribed(method, path, code) : undefined;
      if (wrong !== undefined) throw new Error(wrong);
      return reply;
    },
    async signUp(name) {
      const { status, body } = await fixture.request("POST", "/api/v1/sign-up", {
        body: { name, password, adminCode },
      });
      if (status !== 200) throw new Error(`sign-up of ${name}: ${JSON.stringify(body)}`);
      return body as SignedIn;
    },
    async connect(token, clientOptions) {
      const client = await connectClient(url, token, clientOptions);
      clients.push(client);
      return client;
    },
    async stop() {
      if (!running.delete(fixture)) return;
      for (const client of clients) client.socket.terminate();
      await gateway.stop(2_000);
      await close();
    },
  };
  running.add(fixture);
  return fixture;
}

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into frames of every shape
export type Frame = any;

/** A test's WebSocket: remembers frames until somebody waits for them. */
export interface Client {
  readonly socket: WebSocket;
  readonly frames: Frame[];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** The first frame, past or coming, that fits; it is taken out. */
  next(fits: (frame: Frame) => boolean, what?: string): Promise<Frame>;
  /** Sends a command and gives its answer: the value, or the failure as it came. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  ask(name: string, to?: string, fields?: object, more?: object): Promise<{ ok?: any; error?: Failure }>;
}

/** Connects and waits for `hello`. Rejects with the status and text of a refused upgrade. */
export function connectClient(url: string, token: string, options: ClientOptions = {}, path = "/ws"): Promise<Client> {
  const socket = new WebSocket(url.replace("http", "ws") + path, {
    headers: { authorization: `Bearer ${token}` },
    ...options,
  });
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  let id = 0;
  let isClosed = false;
  const wake = () => {
    for (const look of waiting) look();
  };
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on("close", (code, reason) => {
      isClosed = true;
      resolve({ code, reason: reason.toString() });
      wake();
    }),
  );
  socket.on("message", (data) => {
    frames.push(JSON.parse((data as Buffer).toString()));
    wake();
  });
  const client: Client = {
    socket,
    frames,
    closed,
    next(fits, what = fits.toString()) {
      return new Promise((resolve, reject) => {
        const give = (end: () => void) => {
          stop();
          waiting.delete(look);
          end();
        };
        const stop = expireAfter(usualLimitMs, () => give(() => reject(new Error(`no frame came for ${what}; had ${JSON.stringify(frames).slice(0, 2_000)}`))));
        const look = () => {
          const at = frames.findIndex(fits);
          if (at >= 0) give(() => resolve(frames.splice(at, 1)[0]));
          else if (isClosed) give(() => reject(new Error(`closed while waiting for ${what}`)));
        };
        waiting.add(look);
        look();
      });
    },
    async ask(name, to, fields, more) {
      id += 1;
      const mine = id;
      socket.send(JSON.stringify({ id: mine, do: name, ...(to !== undefined && { to }), ...(fields && { with: fields }), ...more }));
      return client.next((frame) => frame.re === mine, `the answer to ${name}`);
    },
  }; // prettier-ignore
  return new Promise((resolve, reject) => {
    // Nobody waits for frames of a connection that was refused.
    const refused = (error: Error) => {
      isClosed = true;
      wake();
      reject(error);
    };
    socket.once("error", refused);
    socket.once("unexpected-response", (_request, response) => {
      let text = "";
      response.on("data", (piece: Buffer) => (text += piece.toString()));
      response.on("end", () =>
        refused(
          Object.assign(new Error(`refused ${response.statusCode}: ${text}`), { status: response.statusCode, text }),
        ),
      );
    });
    client.next((frame) => frame.hello !== undefined, "hello").then(() => resolve(client), refused);
  });
}
