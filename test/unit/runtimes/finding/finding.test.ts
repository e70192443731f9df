/** Servers with models are found by what DNS, mDNS and Consul say: real packets on the loopback, and doubles of the
 *  servers. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import fc from "fast-check";
import { decode, encode, type Answer } from "dns-packet";
import multicastDns from "multicast-dns";
import { findByConsul, instancesIn, namesIn } from "../../../../runtimes/finding/consul.ts";
import { findByDns } from "../../../../runtimes/finding/dns-sd.ts";
import { candidatesAfter, createFinder, type FindingWays } from "../../../../runtimes/finding/index.ts";
import { findingLimits } from "../../../../runtimes/finding/limits.ts";
import { findByMdns, servicesIn, type MdnsRecord } from "../../../../runtimes/finding/mdns.ts";
import { baseOf, factsOf, mayBeNamed, nameFor, originOf } from "../../../../runtimes/finding/service.ts";
import { keptLog } from "../../../conformance/real-time.ts";
import { multicastWorks } from "../../../fixtures/multicast.ts";
import { json, startDouble, type Double, type Script } from "../../../fixtures/providers/double.ts";
import { ollamaDouble } from "../../../fixtures/providers/ollama.ts";
import { until } from "../../../waits.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => void (await Promise.all(closing.splice(0).map((close) => close()))));

async function serve(script: Script): Promise<Double> {
  const double = await startDouble(script);
  closing.push(() => double.close());
  return double;
}

/** A DNS server that has these records, and no others. */
async function dnsServer(records: readonly Answer[]): Promise<string> {
  const socket: Socket = createSocket("udp4");
  socket.on("message", (bytes, from) => {
    const { id, questions = [] } = decode(bytes);
    const [question] = questions;
    const answers = records.filter(({ name, type }) => name === question?.name && type === question.type);
    // RCODE 3: there is no such name.
    const rcode = records.some(({ name }) => name === question?.name) ? 0 : 3;
    socket.send(
      encode({ type: "response", id: id ?? 0, flags: 0x84_00 | rcode, questions, answers }),
      from.port,
      from.address,
    );
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  closing.push(() => socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

const portOf = (double: Double): number => Number(new URL(double.url).port);

describe("finding by DNS", () => {
  it("gives the instances of the usual services of a domain, with what their records say", async () => {
    const server = await dnsServer([
      { name: "_ollama._tcp.example.org", type: "PTR", data: "big box._ollama._tcp.example.org" },
      { name: "big box._ollama._tcp.example.org", type: "SRV", data: { target: "box.example.org", port: 11_434 } },
      { name: "big box._ollama._tcp.example.org", type: "TXT", data: ["path=/v1", "scheme=https"] },
      { name: "box.example.org", type: "A", data: "10.0.0.5" },
    ]);
    const found = await findByDns({ names: ["example.org"], servers: [server] });
    expect(found).to.deep.equal([
      { label: "big box", host: "10.0.0.5", port: 11_434, facts: { path: "/v1", scheme: "https" } },
    ]);
  });

  it("gives the bare records of a name, as Consul's DNS has them, of the best priority alone", async () => {
    const name = "_ollama._tcp.service.consul";
    const server = await dnsServer([
      { name, type: "SRV", data: { target: "a.node.consul", port: 1, priority: 1 } },
      { name, type: "SRV", data: { target: "b.node.consul", port: 2, priority: 1 } },
      { name, type: "SRV", data: { target: "c.node.consul", port: 3, priority: 2 } },
      { name: "a.node.consul", type: "A", data: "10.0.0.1" },
      { name: "b.node.consul", type: "A", data: "10.0.0.2" },
    ]);
    const found = await findByDns({ names: [name], servers: [server] });
    expect(found.map(({ label, host, port }) => `${label} ${host} ${port}`)).to.have.members([
      "a 10.0.0.1 1",
      "b 10.0.0.2 2",
    ]);
  });

  it("gives nothing where there is nothing, and fails where nobody answers", async () => {
    expect(await findByDns({ names: ["example.org"], servers: [await dnsServer([])] })).to.deep.equal([]);
    const silent = createSocket("udp4").bind(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    silent.close();
    const failed = await findByDns({ names: ["_a._tcp.example.org"], servers: [`127.0.0.1:${port}`] }).then(
      () => "",
      (thrown: NodeJS.ErrnoException) => thrown.code,
    );
    expect(failed).to.match(/ECONNREFUSED|ETIMEOUT/);
  });
});

describe("finding by mDNS", () => {
  const records = (host: string, by: string, address = host): Parameters<typeof servicesIn>[0] =>
    (
      [
        { type: "PTR", name: "_ollama._tcp.local", data: "den._ollama._tcp.local" },
        { type: "SRV", name: "den._ollama._tcp.local", data: { target: "den.local", port: 11_434 } },
        { type: "TXT", name: "den._ollama._tcp.local", data: ["a=b"] },
        { type: "A", name: "den.local", data: address },
      ] satisfies readonly MdnsRecord[]
    ).map((record) => ({ record, by }));

  it("gives services of the local network, and none that somebody there says is elsewhere", () => {
    expect(servicesIn(records("192.168.1.5", "192.168.1.5"))).to.deep.equal([
      { label: "den", host: "192.168.1.5", port: 11_434, facts: { a: "b" } },
    ]);
    for (const address of ["8.8.8.8", "127.0.0.1", "169.254.169.254", "0.0.0.0"])
      expect(servicesIn(records("", "192.168.1.5", address)), address).to.deep.equal([]);
    expect(servicesIn(records("", "127.0.0.1", "127.0.0.1"))).to.have.length(1);
    expect(servicesIn(records("192.168.1.5", "192.168.1.5").slice(0, 2))).to.deep.equal([]);
  });

  it("asks, and hears who answers, also if what belongs together comes apart", async function () {
    if (!(await multicastWorks())) return this.skip();
    const where = { port: 20_000 + (process.pid % 20_000), ip: "224.0.0.251", interface: "127.0.0.1" };
    const responder = multicastDns({ bind: "0.0.0.0", ...where, loopback: true });
    closing.push(() => new Promise<void>((resolve) => responder.destroy(() => resolve())));
    await once(responder, "ready");
    const name = "quiet den._openai._tcp.local";
    responder.on("query", ({ questions = [] }) => {
      const wants = (type: string, of: string): boolean =>
        questions.some((one) => one.type === type && one.name === of);
      if (wants("PTR", "_openai._tcp.local"))
        responder.respond({ answers: [{ name: "_openai._tcp.local", type: "PTR", data: name }] });
      if (wants("SRV", name))
        responder.respond({
          answers: [
            { name, type: "SRV", data: { target: "den.local", port: 8_000 } },
            { name, type: "TXT", data: ["path=/v1"] },
          ],
          additionals: [{ name: "den.local", type: "A", data: "127.0.0.1" }],
        });
    });
    const den = { label: "quiet den", host: "127.0.0.1", port: 8_000, facts: { path: "/v1" } };
    await until("the den is found", async () => {
      expect(await findByMdns({ ...where, waitMs: 400 })).to.deep.equal([den]);
    });
  });
});

describe("finding by Consul", () => {
  const services = { consul: [], web: ["http"], "team-llm": ["gpu", "ollama"], vllm: [] };
  const healthy = [
    {
      Node: { Node: "box", Address: "10.0.0.5" },
      Service: { Service: "team-llm", Address: "", Port: 11_434, Meta: { path: "/v1" } },
    },
  ];
  it("gives the instances that pass their checks, of services that are called or tagged like servers with models", async () => {
    const consul = await serve(({ path }, response) => {
      if (path === "/v1/catalog/services") return json(response, services);
      return json(response, path === "/v1/health/service/team-llm?passing=true" ? healthy : []);
    });
    const found = await findByConsul({ url: consul.url });
    expect(found).to.deep.equal([{ label: "team-llm-box", host: "10.0.0.5", port: 11_434, facts: { path: "/v1" } }]);
    expect(consul.asked.map(({ path }) => path)).to.have.length(3);
  });

  it("reads whatever it says", () => {
    for (const odd of [null, 7, "x", [], [null], { a: null }, [{ Service: { Port: "1" } }], { ollama: 7 }]) {
      expect(() => [namesIn(odd), instancesIn(odd)]).to.not.throw();
      expect(instancesIn(odd)).to.deep.equal([]);
    }
  });
});

describe("what records say", () => {
  it("is an origin, or nothing that is asked", () => {
    const service = (host: string, port: number, facts = {}) => ({ label: "", host, port, facts });
    expect(originOf(service("10.0.0.5", 80))).to.equal("http://10.0.0.5");
    expect(originOf(service("box.example.org", 443, { scheme: "https" }))).to.equal("https://box.example.org");
    expect(originOf(service("fd00::5", 8_000))).to.equal("http://[fd00::5]:8000");
    for (const [host, port] of [["", 80], ["a/b", 80], ["a@b", 80], ["a b", 80], ["box", 0], ["box", 65_536], ["box", 1.5]] as const)
      expect(originOf(service(host, port)), host).to.equal(undefined);
    expect(baseOf(service("a", 1, { path: "/openai/v1/" }))).to.equal("/openai/v1");
    for (const path of ["", "/", "v1", "//a/../b", "/a?b", "/a#b", `/${"x".repeat(200)}`])
      expect(baseOf(service("a", 1, { path })), path).to.equal(undefined);
    expect(factsOf(["Path=/v1", "path=/other", "flag", "=x"])).to.deep.equal({ path: "/v1", flag: "" });
  }); // prettier-ignore

  it("whatever a host is called: its origin is that host and port, and nothing of it becomes a path or a name for signing in", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: -1, max: 70_000 }), (host, port) => {
        const origin = originOf({ label: "", host, port, facts: {} });
        if (origin === undefined) return;
        const url = new URL(origin);
        expect([url.pathname, url.search, url.hash, url.username, url.password]).to.deep.equal(["/", "", "", "", ""]);
        expect(Number(url.port || 80)).to.equal(port);
      }),
    );
  });

  it("gives names that an endpoint may have, each once", () => {
    const taken = new Set<string>();
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (label) => {
        const name = nameFor(label, taken);
        expect(name).to.match(/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/);
        expect(taken.has(name)).to.equal(false);
        taken.add(name);
      }),
    );
    expect(nameFor("Büro «Nord»", new Set(["Bu-ro-Nord"]))).to.match(/^Bu-?ro-Nord/);
  });

  it("names addresses of its own network only", () => {
    expect(mayBeNamed("192.168.1.9", "192.168.1.5")).to.equal(true);
    expect(mayBeNamed("127.0.0.1", "192.168.1.5")).to.equal(false);
    expect(mayBeNamed("127.0.0.1", "127.0.0.1")).to.equal(true);
    expect(mayBeNamed("1.1.1.1", "192.168.1.5")).to.equal(false);
  });
});

describe("candidates", () => {
  const detected = (url: string) =>
    ({ adapter: "ollama", url, server: { kind: "ollama" }, models: [], needsKey: false }) as const;

  it("keep their names, are few, and are those that were seen last", () => {
    let known = candidatesAfter([], { detected: detected("http://a"), by: "dns", label: "box", atMs: 1 }, new Set());
    known = candidatesAfter(known, { detected: detected("http://b"), by: "mdns", label: "box", atMs: 2 }, new Set());
    known = candidatesAfter(known, { detected: detected("http://a"), by: "mdns", label: "other", atMs: 3 }, new Set());
    expect(known.map(({ name, url, by, seenAtMs }) => [name, url, by, seenAtMs])).to.deep.equal([
      ["box", "http://a", "dns", 3],
      ["box-2", "http://b", "mdns", 2],
    ]);
    for (let index = 0; index < 500; index += 1)
      known = candidatesAfter(
        known,
        { detected: detected(`http://c${index}`), by: "dns", label: "", atMs: 10 + index },
        new Set(),
      );
    expect(known).to.have.length(findingLimits.candidatesMax);
    expect(known.some(({ url }) => url === "http://c499")).to.equal(true);
  });

  /** A finder, and when something of it changes. */
  function finder(ways: FindingWays, isOwnNode: (node: string) => boolean = () => false) {
    const listeners = new Set<() => void>();
    const made = createFinder({
      ways,
      // Nothing is asked again by itself.
      clock: { nowMs: () => 0, after: () => () => undefined },
      log: keptLog(),
      isOwnNode,
      taken: () => [],
      changed: () => listeners.forEach((listener) => listener()),
    });
    closing.push(() => made.stop());
    const until = (is: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!is()) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
      });
    return { ...made, until, over: () => until(() => made.search()?.state !== "running") };
  }

  it("come of DNS once they say themselves that they have models", async () => {
    const [ollama, wiki] = [await serve(ollamaDouble()), await serve((_asked, response) => json(response, {}))];
    const name = "_ollama._tcp.example.org";
    const server = await dnsServer([
      { name, type: "SRV", data: { target: "box.example.org", port: portOf(ollama) } },
      { name, type: "SRV", data: { target: "wiki.example.org", port: portOf(wiki) } },
      { name: "box.example.org", type: "A", data: "127.0.0.1" },
      { name: "wiki.example.org", type: "A", data: "127.0.0.1" },
    ]);
    const found = finder({ dns: { names: [name], servers: [server] } });
    await found.until(() => found.candidates().length > 0);
    expect(found.candidates()[0]).to.deep.include({ name: "box", adapter: "ollama", url: ollama.url, by: "dns", server: { kind: "ollama", version: "0.15.2" } }); // prettier-ignore
    expect(found.begin({}).ok).to.equal(true);
    await found.over();
    expect(found.search()).to.include({ state: "done", total: 2, asked: 2, found: 0 });
    expect(found.candidates()).to.have.length(1);
  });

  it("come of a range that is asked, all of it, once; the own cluster is none", async () => {
    const [ollama, ours] = [
      await serve(ollamaDouble()),
      await serve(({ path }, response) =>
        path === "/api/v1/setup"
          ? json(response, { version: "0.1.0", node: "ours", signUp: "open" })
          : json(response, {}, 404),
      ),
    ];
    const found = finder({}, (node) => node === "ours");
    expect(found.begin({})).to.have.nested.property("error.code", "BAD_REQUEST");
    expect(found.begin({ range: "8.8.8.8" })).to.have.nested.property("error.code", "BAD_REQUEST");
    expect(found.begin({ range: "127.0.0.1", ports: [portOf(ollama), portOf(ours)] }).ok).to.equal(true);
    expect(found.begin({ range: "127.0.0.1" })).to.have.nested.property("error.code", "LIMIT_REACHED");
    await found.over();
    expect(found.search()).to.include({ state: "done", total: 2, asked: 2 });
    expect(found.candidates().map(({ url, by }) => [url, by])).to.deep.equal([[ollama.url, "range"]]);
  });

  it("are looked for no longer when an admin says so", async () => {
    const found = finder({});
    const begun = found.begin({ range: "127.0.0.0/22", ports: [9] });
    if (!begun.ok) throw new Error(begun.error.code);
    expect(found.cancel("other")).to.have.nested.property("error.code", "NOT_FOUND");
    expect(found.cancel(begun.value.id).ok).to.equal(true);
    await found.over();
    expect(found.search()).to.include({ state: "cancelled", total: 1_022 });
    expect(found.search()?.asked).to.be.lessThan(100);
  });
});
