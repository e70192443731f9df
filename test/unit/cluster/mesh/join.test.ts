import { connect as connectTo, type Socket } from "node:net";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import type { Libp2p, Stream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { expect } from "chai";
import fc from "fast-check";
import { createLibp2p } from "libp2p";
import {
  decode,
  encode,
  failure,
  failureOf,
  PlexusError,
  type Result,
  type Role,
} from "../../../../protocols/index.ts";
import {
  createAdmission,
  createInvitation,
  joinCluster,
  openNodeKey,
  readToken,
  type Admission,
  type Joined,
  type JoiningNode,
  type NodeKey,
} from "../../../../node/cluster/mesh/index.ts";
import { FrameReader, frameHeaderBytes, framesOf } from "../../../../node/cluster/mesh/frames.ts";
import { freeName, writeToken } from "../../../../node/cluster/mesh/invitation.ts";
import { joinProtocol } from "../../../../node/cluster/mesh/join.ts";
import { invitationLimits, meshLimits } from "../../../../node/cluster/mesh/limits.ts";
import { createSwarm } from "../../../../node/cluster/mesh/swarm.ts";
import type { Directory, DirectoryRow, DirectoryWatcher, MemberRecord } from "../../../../node/ports/index.ts";
import {
  memberKey,
  memberPrefix,
  spendInvitations,
  type InvitationRecord,
} from "../../../../node/cluster/facts/records.ts";
import { memberRecord } from "../../../fixtures/members.ts";
import { clock, Happenings, Loopback, meet, newKey, random, type MeshNode } from "./loopback.ts";
import { within } from "../../../waits.ts";

/** A directory in memory: rows, revisions, compare-and-set. */
class Rows implements Directory {
  readonly rows = new Map<string, DirectoryRow>();
  readonly #watchers = new Map<DirectoryWatcher, string>();
  #revision = 0;
  /** Runs once, before the next compare-and-set of a key under this prefix. */
  intrude: { readonly prefix: string; readonly run: () => Promise<void> } | undefined;

  async read(key: string): Promise<DirectoryRow | undefined> {
    return this.rows.get(key);
  }

  async compareAndSet(
    key: string,
    value: unknown,
    revision: number,
    guard?: { readonly key: string; readonly revision: number },
  ): ReturnType<Directory["compareAndSet"]> {
    const { intrude } = this;
    if (intrude !== undefined && key.startsWith(intrude.prefix)) {
      this.intrude = undefined;
      await intrude.run();
    }
    const revisionOf = (of: string): number => this.rows.get(of)?.revision ?? 0;
    if (revisionOf(key) !== revision || (guard !== undefined && revisionOf(guard.key) !== guard.revision))
      return { applied: false, row: this.rows.get(key) };
    this.#revision += 1;
    const row = { key, value, revision: this.#revision };
    if (value === undefined) this.rows.delete(key);
    else this.rows.set(key, row);
    for (const [watcher, prefix] of this.#watchers) {
      if (!key.startsWith(prefix)) continue;
      if (value === undefined) watcher.removed(key, row.revision);
      else watcher.changed(row);
    }
    return { applied: true, row: value === undefined ? undefined : row };
  }

  async list(prefix: string): Promise<readonly DirectoryRow[]> {
    return [...this.rows.values()].filter(({ key }) => key.startsWith(prefix));
  }

  watch(prefix: string, watcher: DirectoryWatcher): () => void {
    this.#watchers.set(watcher, prefix);
    watcher.reset([...this.rows.values()].filter(({ key }) => key.startsWith(prefix)));
    return () => this.#watchers.delete(watcher);
  }
}

const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.error.code);
const reasonOf = (result: Result<unknown>): unknown => (result.ok ? "ok" : result.error.details?.["reason"]);

/** Strangers at the port of a mesh who come again whenever they are closed on. They want nothing, and hold what they
 *  get. */
class Crowd {
  readonly #ends: (() => unknown)[] = [];
  #stopped = false;
  /** Connections that were made in all. */
  came = 0;

  /** Nodes with keys of their own that have proven them and then say nothing. */
  async proven(count: number, target: MeshNode): Promise<void> {
    const [address = ""] = target.mesh.addresses();
    const happened = new Happenings();
    const hold = async (swarm: Libp2p): Promise<void> => {
      while (!this.#stopped) {
        const connection = await swarm
          .dial(multiaddr(`${address}/p2p/${target.key.peer}`), { force: true })
          .catch(() => undefined);
        this.came += 1;
        happened.tell();
        await new Promise<void>((resolve) => {
          if (connection?.status === "open") connection.addEventListener("close", () => resolve());
          else clock.after(20, resolve);
        });
      }
    };
    for (let index = 0; index < count; index += 1) {
      const { privateKey } = await newKey();
      const swarm = await createLibp2p({
        privateKey,
        // The type leaves out what is handed on to the socket.
        transports: [tcp({ dialOpts: { localAddress: `127.0.1.${index + 1}` } as object })],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        connectionMonitor: { enabled: false },
      });
      this.#ends.push(() => swarm.stop());
      void hold(swarm);
    }
    return happened.until(() => this.came >= count, "the crowd is there");
  }

  /** Connections over which nothing is ever said, from so many addresses. */
  silent(count: number, addresses: number, target: MeshNode): Promise<void> {
    const port = Number(target.mesh.addresses()[0]?.split("/").at(-1));
    const sockets = new Set<Socket>();
    const happened = new Happenings();
    const come = (index: number): void => {
      if (this.#stopped) return;
      const localAddress = `127.0.2.${(index % addresses) + 1}`;
      const socket = connectTo({ host: "127.0.0.1", port, localAddress });
      sockets.add(socket);
      socket
        .on("error", () => undefined)
        .on("connect", () => {
          this.came += 1;
          happened.tell();
        });
      socket.on("close", () => {
        sockets.delete(socket);
        clock.after(20, () => come(index));
      });
    };
    for (let index = 0; index < count; index += 1) come(index);
    this.#ends.push(() => sockets.forEach((socket) => socket.destroy()));
    return happened.until(() => this.came >= count, "the crowd is there");
  }

  async disperse(): Promise<void> {
    this.#stopped = true;
    for (const end of this.#ends) await end();
  }
}

describe("joining the mesh", () => {
  let directory: Rows;
  let loopback: Loopback;
  let admission: Admission;
  let member: MeshNode;
  /** What the inviter takes the time to be. */
  let nowMs: number;
  const inviterClock = { ...clock, nowMs: () => nowMs };

  beforeEach(async () => {
    nowMs = 1_000_000;
    directory = new Rows();
    loopback = new Loopback();
    admission = createAdmission({ directory, clock: inviterClock });
    member = await loopback.start("inviter", {
      admission,
      directoryInfo: () => ({ embedded: "inviter" }),
    });
    // The directory's member rows are the member list.
    directory.watch(memberPrefix, {
      reset: () => undefined,
      changed: ({ value }) => loopback.roster.put(value as MemberRecord),
      removed: (key) => loopback.roster.remove(key.slice(memberPrefix.length)),
      stale: () => undefined,
    });
    const own = loopback.roster.members[0] as MemberRecord;
    await directory.compareAndSet(memberKey("inviter"), { ...own, name: "north" }, 0);
  });
  afterEach(async () => {
    admission.stop();
    await loopback.stop();
  });

  const invite = async (roles: readonly Role[] = ["ai", "chat"], expiresInMs = 60_000, more = {}): Promise<string> => {
    const made = await createInvitation(
      directory,
      {
        roles,
        labels: { zone: "b" },
        ...more,
        expiresInMs,
        cluster: "cluster-one",
        peer: member.mesh.peer,
        addresses: member.mesh.addresses(),
      },
      { clock: inviterClock, random },
    );
    if (!made.ok) throw new Error(made.error.code);
    return made.value.token;
  };
  const facts = (node: string, more: Partial<JoiningNode> = {}): JoiningNode => ({
    node,
    name: node,
    addresses: [],
    labels: { zone: "a", disk: "fast" },
    models: [],
    gpu: false,
    weight: 1,
    version: "1.4.0",
    url: "",
    incarnation: 1,
    ...more,
  });
  /** Nobody crowds in here: who is closed on is expected by nobody. */
  const hasty = { ...meshLimits, joinPatienceMs: 200 };
  const attempt = (token: string, key: NodeKey, node: JoiningNode): Promise<Result<Joined>> =>
    within(joinCluster({ token, key, node, clock, limits: hasty }), "an answer to the join");
  const audited = (): unknown[] =>
    member.log.lines.filter(({ event }) => event === "mesh.join.refused").map((line) => line.facts["details"]);

  it("makes a member of whoever has a token, which can then take part", async () => {
    const key = await newKey();
    const joined = await attempt(await invite(), key, facts("newcomer"));
    if (!joined.ok) throw new Error(joined.error.code);
    expect(joined.value).to.deep.include({
      cluster: "cluster-one",
      slotCount: 256,
      directory: { embedded: "inviter" },
    });
    expect(joined.value.member).to.deep.include({
      node: "newcomer",
      name: "newcomer",
      peer: key.peer,
      roles: ["ai", "chat"],
      labels: { zone: "b", disk: "fast" },
      state: "active",
    });
    expect(joined.value.members.map(({ node }) => node)).to.have.members(["inviter", "newcomer"]);
    const newcomer = await loopback.start("newcomer", { key });
    await meet(member, newcomer);
  });

  it("gives fewer roles when fewer are asked for, and never more", async () => {
    const narrow = await attempt(await invite(["ai", "chat"]), await newKey(), facts("narrow", { roles: ["ai"] }));
    expect(narrow.ok && narrow.value.member.roles).to.deep.equal(["ai"]);
    const token = await invite(["ai"]);
    const greedy = await attempt(token, await newKey(), facts("greedy", { roles: ["ai", "manager"] }));
    expect(codeOf(greedy)).to.equal("INVITATION_INVALID");
    expect(directory.rows.has(memberKey("greedy"))).to.equal(false);
    expect(codeOf(await attempt(token, await newKey(), facts("modest", { roles: ["ai"] })))).to.equal("ok");
  });

  it("keeps what an invitation allows of a node that keeps shards, and gives the newcomer no more", async () => {
    const storage = { quotaBytes: 64e6, classes: ["backup"] };
    const token = await invite(["storage"], 60_000, { storage });
    const greedy = { ...facts("greedy"), storage: { quotaBytes: 64e9 } } as JoiningNode;
    const joined = await attempt(token, await newKey(), greedy);
    expect(codeOf(joined)).to.not.equal("ok");
    const honest = await attempt(token, await newKey(), facts("honest", { roles: ["storage"] }));
    expect(honest.ok && honest.value.member.storage).to.deep.equal(storage);
    expect(directory.rows.get(memberKey("honest"))?.value).to.deep.include({ storage });
  });

  it("gives another name when one is taken", async () => {
    const joined = await attempt(await invite(), await newKey(), facts("second", { name: "north" }));
    expect(joined.ok && joined.value.member.name).to.equal("north-2");
  });

  it("takes a token once: a second node is refused and that is on record", async () => {
    const token = await invite();
    expect(codeOf(await attempt(token, await newKey(), facts("first")))).to.equal("ok");
    const replay = await attempt(token, await newKey(), facts("second"));
    expect(codeOf(replay)).to.equal("INVITATION_INVALID");
    expect(reasonOf(replay)).to.equal("used");
    expect(audited()).to.deep.equal([{ reason: "used" }]);
    expect(member.counts.get("mesh_refused_joins")).to.equal(1);
    expect(directory.rows.has(memberKey("second"))).to.equal(false);
  });

  it("lets one of two through that come with the same token at once", async () => {
    const token = await invite();
    const results = await Promise.all(
      ["left", "right"].map(async (node) => attempt(token, await newKey(), facts(node))),
    );
    expect(results.map(codeOf)).to.have.members(["ok", "INVITATION_INVALID"]);
    expect((await directory.list(memberPrefix)).length).to.equal(2);
  });

  it("answers the same node again, as long as it is a member", async () => {
    const token = await invite();
    const key = await newKey();
    const first = await attempt(token, key, facts("patient"));
    const again = await attempt(token, key, facts("patient"));
    expect(again).to.deep.equal(first);
    const row = directory.rows.get(memberKey("patient"));
    await directory.compareAndSet(memberKey("patient"), undefined, row?.revision ?? 0);
    const evicted = await attempt(token, key, facts("patient"));
    expect(codeOf(evicted)).to.equal("INVITATION_INVALID");
    expect(directory.rows.has(memberKey("patient"))).to.equal(false);
  });

  it("goes on where a redemption broke off between its two writes", async () => {
    const token = await invite();
    const key = await newKey();
    directory.intrude = { prefix: memberPrefix, run: () => Promise.reject(new Error("the directory went away")) };
    expect(codeOf(await attempt(token, key, facts("lucky")))).to.equal("INTERNAL");
    expect(directory.rows.has(memberKey("lucky"))).to.equal(false);
    expect(codeOf(await attempt(token, await newKey(), facts("thief")))).to.equal("INVITATION_INVALID");
    expect(codeOf(await attempt(token, key, facts("lucky")))).to.equal("ok");
  });

  it("refuses an expired invitation", async () => {
    const token = await invite(["ai"], 1_000);
    nowMs += 1_001;
    const late = await attempt(token, await newKey(), facts("late"));
    expect(codeOf(late)).to.equal("INVITATION_INVALID");
    expect(reasonOf(late)).to.equal("expired");
    expect(audited()).to.deep.equal([{ reason: "expired" }]);
  });

  it("refuses a forged secret and an unknown invitation", async () => {
    const read = readToken(await invite());
    if (!read.ok) throw new Error(read.error.code);
    const forged = writeToken({ ...read.value, secret: random.bytes(20) });
    expect(reasonOf(await attempt(forged, await newKey(), facts("forger")))).to.equal("forged");
    const unknown = writeToken({ ...read.value, id: "0123456789ab" });
    expect(reasonOf(await attempt(unknown, await newKey(), facts("guesser")))).to.equal("unknown");
    expect(audited()).to.deep.equal([{ reason: "forged" }, { reason: "unknown" }]);
  });

  it("lets nobody in again who was evicted, also when it never stood there that it had come in", async () => {
    const read = readToken(await invite());
    if (!read.ok) throw new Error(read.error.code);
    const { id } = read.value;
    const key = await newKey();
    // The last of the three writes does not arrive.
    const lose = (): Promise<void> => Promise.reject(new Error("the directory went away"));
    const wait = (): Promise<void> => {
      directory.intrude = { prefix: `invitation/${id}`, run: lose };
      return Promise.resolve();
    };
    directory.intrude = { prefix: memberPrefix, run: wait };
    expect(codeOf(await attempt(writeToken(read.value), key, facts("lost")))).to.equal("INTERNAL");
    const row = directory.rows.get(`invitation/${id}`)?.value as InvitationRecord | undefined;
    expect(row?.used).to.include({ admitted: false });
    await spendInvitations(directory, "another");
    await spendInvitations(directory, "lost");
    await directory.compareAndSet(memberKey("lost"), undefined, directory.rows.get(memberKey("lost"))?.revision ?? 0);
    const evicted = await attempt(writeToken(read.value), key, facts("lost"));
    expect(reasonOf(evicted)).to.equal("used");
    expect(directory.rows.has(memberKey("lost"))).to.equal(false);
  });

  describe("when a stranger comes", () => {
    let swarm: Libp2p;
    let stream: Stream;
    const heard: unknown[] = [];
    const happened = new Happenings();

    beforeEach(async () => {
      await invite();
      const key = await newKey();
      swarm = await createSwarm({ key: key.privateKey, listen: [], gater: {}, limits: meshLimits });
      await swarm.start();
      const [address = ""] = member.mesh.addresses();
      const connection = await swarm.dial(multiaddr(`${address}/p2p/${member.mesh.peer}`));
      stream = await connection.newStream(joinProtocol);
      heard.length = 0;
      const reader = new FrameReader(meshLimits.frameBytesMax);
      stream.addEventListener("close", () => happened.tell());
      stream.addEventListener("message", (event) => {
        reader.read(event.data.subarray(), (payload) => heard.push(decode(payload)) > 0);
        happened.tell();
      });
      await happened.until(() => heard.length === 1, "the greeting");
    });
    afterEach(async () => {
      await swarm.stop();
    });

    const say = (...values: readonly unknown[]): void => {
      const payloads = values.map(encode);
      stream.send(
        framesOf(
          payloads,
          payloads.reduce((sum, one) => sum + frameHeaderBytes + one.length, 0),
        ),
      );
    };
    const request = { version: { major: 1, minor: 4 }, slotCount: 256, secret: new Uint8Array(20), node: facts("odd") };

    for (const [what, change] of [
      ["an invitation", { invitation: "a b" }],
      ["a node", { invitation: "0123456789ab", node: facts("a/b c") }],
    ] as const) {
      it(`asks the directory for nothing under a name that ${what} cannot have`, async () => {
        const asked: string[] = [];
        const read = directory.read.bind(directory);
        directory.read = (key) => {
          asked.push(key);
          return read(key);
        };
        say({ ...request, ...change });
        await happened.until(() => heard.length === 2, "the answer");
        expect(heard[1]).to.have.nested.property("error.code", "BAD_REQUEST");
        expect(asked).to.deep.equal([]);
      });
    }

    it("hears one request, and ends a stream that says more", async () => {
      say({ ...request, invitation: "0123456789ab" });
      await happened.until(() => heard.length === 2, "the answer");
      expect(stream.status).to.equal("open");
      say("more");
      await happened.until(() => stream.status !== "open", "the end of the stream");
    });

    it("answers nothing to one that says two things at once", async () => {
      say("one", "more");
      await happened.until(() => stream.status !== "open", "the end of the stream");
      expect(heard).to.have.length(1);
    });
  });

  it("does not take another's node id", async () => {
    const thief = await attempt(await invite(), await newKey(), facts("inviter"));
    expect(codeOf(thief)).to.equal("INVITATION_INVALID");
    expect((directory.rows.get(memberKey("inviter"))?.value as MemberRecord | undefined)?.peer).to.equal(
      member.mesh.peer,
    );
  });

  it("listens to nobody when no invitation is outstanding", async () => {
    const token = await invite();
    for (const row of await directory.list("invitation/"))
      await directory.compareAndSet(row.key, undefined, row.revision);
    expect(admission.open()).to.equal(false);
    const turnedAway = await attempt(token, await newKey(), facts("nobody"));
    expect(codeOf(turnedAway)).to.equal("INVITATION_INVALID");
    expect(reasonOf(turnedAway)).to.match(/^no invitation is outstanding there/);
  });

  it("sends its secret to the inviting node only", async () => {
    const read = readToken(await invite());
    if (!read.ok) throw new Error(read.error.code);
    const elsewhere = await loopback.start("elsewhere", { admission });
    const misled = writeToken({ ...read.value, addresses: elsewhere.mesh.addresses() });
    expect(codeOf(await attempt(misled, await newKey(), facts("misled")))).to.not.equal("ok");
    expect(elsewhere.log.lines.filter(({ event }) => event.startsWith("mesh.join"))).to.deep.equal([]);
  });

  it("refuses another version and another slot count before anything is used up", async () => {
    const token = await invite();
    const key = await newKey();
    expect(codeOf(await attempt(token, key, facts("old", { version: "1.1.0" })))).to.equal("VERSION_UNSUPPORTED");
    const refusal = member.log.lines.find(({ event }) => event === "mesh.join.refused");
    const versions = { ours: { major: 1, minor: 4 }, theirs: { major: 1, minor: 1 } };
    expect(refusal?.facts).to.deep.include({
      node: "old",
      name: "old",
      code: "VERSION_UNSUPPORTED",
      details: versions,
    });
    const counts = await within(joinCluster({ token, key, node: facts("old"), clock, slotCount: 16 }), "an answer");
    expect(codeOf(counts)).to.equal("VERSION_UNSUPPORTED");
    expect(codeOf(await attempt(token, key, facts("old")))).to.equal("ok");
  });

  describe("while strangers crowd in", () => {
    let crowd: Crowd;
    beforeEach(() => (crowd = new Crowd()));
    afterEach(() => crowd.disperse());

    it("takes no longer than a moment, however many others have proven who they are and say nothing", async () => {
      const token = await invite();
      await crowd.proven(40, member);
      for (const name of ["first", "second"]) {
        const invited = name === "first" ? token : await invite();
        const joined = await attempt(invited, await newKey(), facts(name));
        expect([codeOf(joined), reasonOf(joined)]).to.deep.equal(["ok", "ok"]);
      }
    });

    it("takes no longer than a moment beside hundreds of silent connections, and a member that was gone comes back", async () => {
      const key = await newKey();
      const before = await loopback.start("other", { key });
      await meet(member, before);
      const token = await invite();
      await crowd.silent(400, 40, member);
      await before.mesh.stop(0);
      await member.until(() => !member.isConnected("other"), "the other is gone");
      // Where nobody else knows it to be: it has to come by itself.
      const back = await loopback.start("other", { key, listed: false, incarnation: 2 });
      await meet(member, back);
      const joined = await attempt(token, await newKey(), facts("newcomer"));
      expect([codeOf(joined), reasonOf(joined)]).to.deep.equal(["ok", "ok"]);
    });
  });

  it("asks again and again while it is closed on before a word, says why each time, and joins as soon as it is heard", async () => {
    const token = await invite();
    const read = readToken(token);
    if (!read.ok) throw new Error(read.error.code);
    const key = `invitation/${read.value.id}`;
    const row = directory.rows.get(key);
    if (row === undefined) throw new Error("an invitation has a row");
    // As when others have taken all places: nobody is let in.
    await directory.compareAndSet(key, undefined, row.revision);
    const said: string[] = [];
    const again = ({ code }: { readonly code: string }, leftMs: number): void => {
      said.push(code);
      expect(leftMs).to.be.above(0);
      if (said.length === 7) void directory.compareAndSet(key, row.value, 0);
    };
    const limits = { ...meshLimits, backoffMinMs: 1, backoffMaxMs: 5 };
    const joined = await within(
      joinCluster({ token, key: await newKey(), node: facts("newcomer"), clock, limits, again }),
      "an answer",
    );
    expect(codeOf(joined)).to.equal("ok");
    expect(said).to.deep.equal(Array.from({ length: 7 }, () => "INVITATION_INVALID"));
  });

  it("asks again while the directory does not answer, and not where it says that it takes no changes", async () => {
    const said: string[] = [];
    const again = ({ code }: { readonly code: string }): void => void said.push(code);
    const limits = { ...meshLimits, backoffMinMs: 1, backoffMaxMs: 5 };
    const join = async (name: string, details: Readonly<Record<string, unknown>>): Promise<string> => {
      const token = await invite();
      directory.intrude = {
        prefix: "invitation/",
        run: () => Promise.reject(new PlexusError(failure("DIRECTORY_UNAVAILABLE", details))),
      };
      const options = { token, key: await newKey(), node: facts(name), clock, limits, again };
      return codeOf(await within(joinCluster(options), "an answer"));
    };
    expect(await join("one", { because: "this node does not lead any more" })).to.equal("ok");
    expect(said).to.deep.equal(["DIRECTORY_UNAVAILABLE"]);
    expect(await join("two", { refuses: "space" })).to.equal("DIRECTORY_UNAVAILABLE");
    expect(said).to.have.length(1);
  });

  it("is refused with what is no token, with a version that is none, and by a node of another cluster", async () => {
    const read = readToken(await invite());
    if (!read.ok) throw new Error(read.error.code);
    const token = writeToken(read.value);
    const key = await newKey();
    expect(codeOf(await attempt("plexus-join-nonsense", key, facts("lost")))).to.equal("INVITATION_INVALID");
    expect(codeOf(await attempt(token, key, facts("lost", { version: "newest" })))).to.equal("CONFIG_INVALID");
    const elsewhere = await attempt(writeToken({ ...read.value, cluster: "cluster-two" }), key, facts("lost"));
    expect([codeOf(elsewhere), reasonOf(elsewhere)]).to.deep.equal([
      "INVITATION_INVALID",
      "that node belongs to another cluster",
    ]);
    expect(directory.rows.has(memberKey("lost"))).to.equal(false);
    expect(codeOf(await attempt(token, key, facts("lost"))), "nothing was used up").to.equal("ok");
  });

  it("says so when nobody is at the address", async () => {
    const read = readToken(await invite());
    if (!read.ok) throw new Error(read.error.code);
    await member.mesh.stop(1_000);
    expect(codeOf(await attempt(writeToken(read.value), await newKey(), facts("early")))).to.equal("UNREACHABLE");
  });

  it("keeps no secret in the directory", async () => {
    const read = readToken(await invite());
    if (!read.ok) throw new Error(read.error.code);
    const row = directory.rows.get(`invitation/${read.value.id}`)?.value as InvitationRecord;
    expect(JSON.stringify(row)).to.not.include(Buffer.from(read.value.secret).toString("hex"));
    expect(row.secretHash).to.match(/^[0-9a-f]{64}$/);
  });
});

describe("an invitation and the directory", () => {
  const nowMs = 1_000_000_000;
  const still = { ...clock, nowMs: () => nowMs };
  const offer = { roles: ["ai"] as const, labels: {}, expiresInMs: 60_000, cluster: "c", peer: "p", addresses: ["/ip4/10.0.0.1/tcp/1"] };
  const facts = (node: string): JoiningNode => ({
    node, name: "north", addresses: [], labels: {}, models: [], gpu: false, weight: 1, version: "1", url: "", incarnation: 1,
  });
  const make = (directory: Directory, change: object = {}, chance = random) =>
    createInvitation(directory, { ...offer, ...change }, { clock: still, random: chance });
  const redeemed = async (directory: Rows, node: string, peer = `peer-${node}`) => {
    const made = await make(directory);
    const token = readToken(made.ok ? made.value.token : "");
    if (!token.ok) throw new Error(token.error.code);
    const admission = createAdmission({ directory, clock: still });
    try {
      return await admission.redeem(token.value.id, token.value.secret, peer, facts(node));
    } finally {
      admission.stop();
    }
  };

  it("is refused with the field that is wrong", async () => {
    for (const [change, field] of [
      [{ roles: [] }, "roles"],
      [{ roles: ["captain"] }, "roles"],
      [{ storage: { quotaBytes: 1 } }, "storage"],
      [{ expiresInMs: 0 }, "expiresInMs"],
      [{ expiresInMs: invitationLimits.lifeMsMax + 1 }, "expiresInMs"],
      [{ addresses: [] }, "addresses"],
    ] as const) {
      const made = await make(new Rows(), change);
      expect(made.ok ? "ok" : made.error.details, field).to.deep.equal({ field });
    }
  });

  it("is one of as many as the limit, from which those that expired long ago are cleared away", async () => {
    const directory = new Rows();
    const put = (index: number, expiresAtMs: number) => {
      const id = index.toString(16).padStart(12, "0");
      return directory.compareAndSet(`invitation/${id}`, { id, secretHash: "x", roles: ["ai"], labels: {}, expiresAtMs }, 0);
    };
    for (let index = 0; index < invitationLimits.invitationsMax; index += 1) await put(index, nowMs);
    expect(codeOf(await make(directory))).to.equal("LIMIT_REACHED");
    await put(900, nowMs - invitationLimits.keptMs - 1);
    await directory.compareAndSet("invitation/000000000000", undefined, 1);
    expect(codeOf(await make(directory))).to.equal("ok");
    expect(directory.rows.has("invitation/000000000384")).to.equal(false);
  });

  it("is given up when no id is free or the directory does not answer", async () => {
    const same = { ...random, bytes: (count: number) => new Uint8Array(count) };
    const directory = new Rows();
    expect(codeOf(await make(directory, {}, same))).to.equal("ok");
    expect(codeOf(await make(directory, {}, same))).to.equal("OVERLOADED");
    directory.list = () => Promise.reject(new PlexusError(failure("DIRECTORY_UNAVAILABLE")));
    expect(codeOf(await make(directory))).to.equal("DIRECTORY_UNAVAILABLE");
    expect(codeOf(await redeemed(new Rows(), "ada"))).to.equal("ok");
  });

  it("makes no member over a row that is none, or of another node's", async () => {
    const damaged = new Rows();
    await damaged.compareAndSet(memberKey("ada"), { nonsense: true }, 0);
    expect(codeOf(await redeemed(damaged, "ada"))).to.equal("DATA_DAMAGED");
    const directory = new Rows();
    expect(codeOf(await redeemed(directory, "ada", "peer-one"))).to.equal("ok");
    expect(reasonOf(await redeemed(directory, "ada", "peer-two"))).to.equal("another node has this id");
  });

  it("is refused when others write its row each time", async () => {
    const directory = new Rows();
    const intrude = async (): Promise<void> => {
      const [row] = await directory.list("invitation/");
      if (row !== undefined) directory.rows.set(row.key, { ...row, revision: row.revision + 1_000 });
      directory.intrude = { prefix: "invitation/", run: intrude };
    };
    const made = await make(directory);
    const token = readToken(made.ok ? made.value.token : "");
    if (!token.ok) throw new Error(token.error.code);
    directory.intrude = { prefix: "invitation/", run: intrude };
    const admission = createAdmission({ directory, clock: still });
    const answer = await admission.redeem(token.value.id, token.value.secret, "peer-ada", facts("ada"));
    admission.stop();
    expect(codeOf(answer)).to.equal("OVERLOADED");
    expect(directory.rows.has(memberKey("ada"))).to.equal(false);
  });

  it("gives two that join under one name at once two names", async () => {
    const directory = new Rows();
    // The other writes its row after this one has looked which names are free.
    directory.intrude = {
      prefix: memberKey("ada"),
      run: async () => void (await directory.compareAndSet(memberKey("bob"), memberRecord("bob", { name: "north" }), 0)),
    };
    const joined = await redeemed(directory, "ada");
    expect(joined.ok && joined.value.member.name).to.equal("north-ada");
    expect(directory.rows.get(memberKey("ada"))?.value).to.have.property("name", "north-ada");
  });

  it("is known by its secret alone, and open until it is no more answered for", async () => {
    const directory = new Rows();
    let atMs = nowMs;
    const admission = createAdmission({ directory, clock: { ...clock, nowMs: () => atMs } });
    expect(admission.open()).to.equal(false);
    const made = await make(directory);
    const token = readToken(made.ok ? made.value.token : "");
    if (!token.ok) throw new Error(token.error.code);
    const { id, secret } = token.value;
    expect([admission.open(), admission.knows(id, secret)]).to.deep.equal([true, true]);
    expect([admission.knows(id, new Uint8Array(20)), admission.knows("ffffffffffff", secret)]).to.deep.equal([false, false]);
    atMs += offer.expiresInMs + invitationLimits.answeredMs;
    expect(admission.open()).to.equal(false);
    admission.stop();
  });
}); // prettier-ignore

describe("a join token", () => {
  const invitation = fc.record({
    cluster: fc.uuid(),
    id: fc.stringMatching(/^[0-9a-f]{12}$/),
    secret: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    peer: fc.stringMatching(/^12D3Koo[A-Za-z0-9]{45}$/),
    addresses: fc.array(
      fc.ipV4().map((ip) => `/ip4/${ip}/tcp/4501`),
      { minLength: 1, maxLength: 4 },
    ),
  });

  it("reads back as it was written", () => {
    fc.assert(
      fc.property(invitation, (written) => {
        const read = readToken(` ${writeToken(written)}\n`);
        expect(read.ok && { ...read.value, secret: [...read.value.secret] }).to.deep.equal({
          ...written,
          secret: [...written.secret],
        });
      }),
    );
  });

  it("tells that it was mistyped, whichever character is wrong", () => {
    fc.assert(
      fc.property(
        invitation,
        fc.nat(),
        fc.constantFrom("a", "b", "X", "Z", "0", "9", "-", "_"),
        (written, at, letter) => {
          const token = writeToken(written);
          const index = "plexus-join-".length + (at % (token.length - "plexus-join-".length - 1));
          fc.pre(token[index] !== letter);
          const read = readToken(token.slice(0, index) + letter + token.slice(index + 1));
          expect(reasonOf(read)).to.match(/^mistyped/);
        },
      ),
    );
  });

  it("is a token or a refusal, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String().map((text) => `plexus-join-${text}`),
        ),
        (text) => {
          expect(codeOf(readToken(text))).to.equal("INVITATION_INVALID");
        },
      ),
    );
  });
});

describe("a free name", () => {
  it("is the one asked for, or that with a number, and never taken", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("north", "south"),
        fc.uniqueArray(fc.constantFrom<string[]>("north", "north-2", "north-3", "south")),
        (name, names) => {
          const taken = new Set(names);
          const free = freeName(name, taken);
          expect(taken.has(free)).to.equal(false);
          expect(free.startsWith(name)).to.equal(true);
          if (!taken.has(name)) expect(free).to.equal(name);
        },
      ),
    );
  });
});

describe("the key of a node", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-key-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is made once, for its owner's eyes only, and stays the same", async () => {
    const made = await openNodeKey(folder);
    expect((await openNodeKey(folder)).peer).to.equal(made.peer);
    expect(statSync(join(folder, "node.key")).mode & 0o777).to.equal(0o600);
  });

  it("is not replaced when it is damaged", async () => {
    await openNodeKey(folder);
    writeFileSync(join(folder, "node.key"), "garbage");
    let code = "none";
    await openNodeKey(folder).catch((error: unknown) => (code = failureOf(error).code));
    expect(code).to.equal("DATA_DAMAGED");
  });
});
