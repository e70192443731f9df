import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { RoomMessage, ThreatListState } from "../../../protocols/index.ts";
import { ClusterProcesses, manager, worker } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A feed of STIX 2.1 with one indicator of each sort. */
const bundle = JSON.stringify({
  type: "bundle",
  id: "bundle--1",
  objects: [
    "[ipv4-addr:value = '192.0.2.77']",
    "[domain-name:value = 'bad.example']",
    `[file:hashes.'SHA-256' = '${sha256("harmful")}']`,
  ].map((pattern) => ({ type: "indicator", pattern_type: "stix", pattern, valid_from: "2020-01-01T00:00:00Z" })),
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Posts a file in the den by a node, and waits until it is in quarantine. */
async function quarantined(of: {
  readonly cluster: ClusterProcesses;
  readonly token: string;
  readonly at: string;
  readonly text: string;
}): Promise<string> {
  const { cluster, token, text } = of;
  const { url, http } = nodeOf(cluster, of.at);
  const tus = { authorization: `Bearer ${token}`, "tus-resumable": "1.0.0" };
  const named = { "upload-metadata": `filename ${base64("a.bin")},room ${base64("den")}` };
  const begun = await fetch(`${url}/api/v1/files/uploads`, {
    method: "POST",
    headers: { ...tus, ...named, "upload-length": String(text.length) },
  });
  expect(begun.status, await begun.text()).to.equal(201);
  const id = begun.headers.get("location")?.split("/").at(-1) ?? "";
  const more = { "upload-offset": "0", "content-type": "application/offset+octet-stream" };
  const sent = { method: "PATCH", headers: { ...tus, ...more }, body: text };
  await until("it is taken", async () => {
    const kept = await fetch(`${url}/api/v1/files/uploads/${id}`, sent);
    expect(kept.status, await kept.text()).to.equal(204);
  });
  await http("POST", "/api/v1/rooms/den/messages", { text: "", files: [id] }, token);
  await until("the file is in quarantine", async () => {
    const { body } = await http("GET", "/api/v1/rooms/den/messages", undefined, token);
    const [file] = (body as { messages: RoomMessage[] }).messages.at(-1)?.files ?? [];
    expect(file?.check).to.equal("quarantined");
  });
  return id;
}

const nodeOf = (cluster: ClusterProcesses, name: string) => {
  const node = name === manager.name ? cluster.first : cluster.named(name);
  return {
    url: node.url,
    http: (...asked: Parameters<typeof node.http>) => node.http(...asked),
  };
};

describe("a list of threats that one node of a cluster reads for itself", () => {
  it("binds the node of the room and each gateway, which have no list", async () => {
    const folder = await mkdtemp(join(tmpdir(), "plexus-lists-"));
    const list = join(folder, "blocked.txt");
    await writeFile(list, `${sha256("harmful")}\n`);
    try {
      const reader = { ...manager, flags: ["--block-list", list] };
      await using cluster = await ClusterProcesses.start([reader, worker("one"), worker("two")]);
      const { first } = cluster;
      const ada = await first.signUp("ada");
      await first.http("POST", "/api/v1/rooms", { room: "den" }, ada);
      await healthy(cluster, "before");
      await cluster.move("actors/room/den", "one");
      await until("the others have what it says of files", async () => {
        for (const name of ["one", "two"]) {
          const { body } = await cluster.named(name).http("GET", "/api/v1/admin/threats", undefined, ada);
          const { states } = body as { states: ThreatListState[] };
          expect(states.map(({ of, entries }) => [of, entries])).to.deep.equal([[manager.name, 1]]);
        }
      });
      const id = await quarantined({ cluster, token: ada, at: "two", text: "harmful" });
      for (const name of [manager.name, "one", "two"]) {
        const fetched = await nodeOf(cluster, name).http("GET", `/api/v1/rooms/den/files/${id}`, undefined, ada);
        expect((fetched.body as { error?: { code: string } }).error?.code, name).to.equal("FILE_QUARANTINED");
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("a list of threats in a cluster of which one node can read it", () => {
  it("is in force at every node, and finds a file in a room of one that cannot", async () => {
    // It answers once, and then nobody: one node has the list from there, and the others from that one.
    let answered = 0;
    const feed = createServer((_request, response) => {
      answered += 1;
      if (answered > 1) response.writeHead(503).end();
      else response.end(bundle);
    });
    await new Promise<void>((resolve) => feed.listen(0, "127.0.0.1", resolve));
    try {
      await using cluster = await ClusterProcesses.start([manager, worker("one"), worker("two")]);
      const { first } = cluster;
      const ada = await first.signUp("ada");
      await first.http("POST", "/api/v1/rooms", { room: "den" }, ada);
      await healthy(cluster, "before");
      const source = `http://127.0.0.1:${(feed.address() as AddressInfo).port}/stix`;
      expect((await first.http("PUT", "/api/v1/admin/threats/feed", { source }, ada)).status).to.equal(200);
      const statesAt = async (name: string): Promise<ThreatListState | undefined> => {
        const { body } = await cluster.named(name).http("GET", "/api/v1/admin/threats", undefined, ada);
        return (body as { states: ThreatListState[] }).states.find((one) => one.source === source);
      };
      const names = [manager.name, "one", "two"];
      const states = await until("every node has it", async () => {
        const all = await Promise.all(names.map(statesAt));
        expect(all.map((one) => one?.entries)).to.deep.equal([3, 3, 3]);
        return all;
      });
      expect(states.filter((one) => one?.from !== undefined)).to.have.length(2);
      expect(new Set(states.map((one) => one?.digest)).size).to.equal(1);

      const taker = names[states.findIndex((one) => one?.from !== undefined && one !== states[0])] ?? "";
      await cluster.move("actors/room/den", taker);
      await quarantined({ cluster, token: ada, at: manager.name, text: "harmful" });
    } finally {
      feed.close();
      feed.closeAllConnections();
    }
  });
});
