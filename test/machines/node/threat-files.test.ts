import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import type { QuarantinePage, RoomMessage } from "../../../protocols/index.ts";
import { createDataFolder, NodeProcess, withoutAi } from "../../fixtures/processes/node-process.ts";
import { until } from "../../waits.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A feed of STIX 2.1 that names a file. */
const bundleOf = (digest: string): string =>
  JSON.stringify({
    type: "bundle",
    id: "bundle--1",
    objects: [
      {
        type: "indicator",
        spec_version: "2.1",
        pattern_type: "stix",
        pattern: `[file:hashes.'SHA-256' = '${digest}']`,
        valid_from: "2020-01-01T00:00:00Z",
      },
    ],
  });

describe("a node with lists of threats that name files, and no scanner", function () {
  let data: Awaited<ReturnType<typeof createDataFolder>>;
  let lists: typeof data;
  let node: NodeProcess;
  let ada: string;
  let bob: string;
  const feed = createServer((_request, response) => void response.end(bundleOf(sha256("listed for the cluster"))));

  before(async () => {
    data = await createDataFolder();
    lists = await createDataFolder();
    const list = join(lists.path, "files.stix.json");
    await writeFile(list, bundleOf(sha256("listed for the node")));
    await new Promise<void>((resolve) => feed.listen(0, "127.0.0.1", resolve));
    node = new NodeProcess(data.path, [...withoutAi, "--block-list", list]);
    await node.start();
    [ada, bob] = [await node.signUp("ada"), await node.signUp("bob")];
    await node.http("POST", "/api/v1/rooms", { room: "lobby" }, ada);
    await node.http("POST", "/api/v1/rooms/lobby/join", {}, bob);
  });
  after(async () => {
    feed.close();
    await node?.[Symbol.asyncDispose]();
    await data?.[Symbol.asyncDispose]();
    await lists?.[Symbol.asyncDispose]();
  });

  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const tus = (more: object) => ({ authorization: `Bearer ${bob}`, "tus-resumable": "1.0.0", ...more });
  /** Bob sends a file in two requests, and posts it. */
  async function send(text: string): Promise<{ readonly id: string; readonly seq: number }> {
    const uploads = `${node.url}/api/v1/files/uploads`;
    const metadata = `filename ${base64("a.bin")},room ${base64("lobby")}`;
    const headers = tus({ "upload-length": String(text.length), "upload-metadata": metadata });
    const begun = await fetch(uploads, { method: "POST", headers });
    const id = begun.headers.get("location")?.split("/").at(-1) ?? "";
    for (const [at, body] of [
      [0, text.slice(0, 5)],
      [5, text.slice(5)],
    ] as const) {
      const more = { "upload-offset": String(at), "content-type": "application/offset+octet-stream" };
      expect((await fetch(`${uploads}/${id}`, { method: "PATCH", headers: tus(more), body })).status).to.equal(204);
    }
    const posted = await node.http("POST", "/api/v1/rooms/lobby/messages", { text: "", files: [id] }, bob);
    expect(posted.status, JSON.stringify(posted.body)).to.equal(200);
    return { id, seq: (posted.body as { seq: number }).seq };
  }
  const read = (id: string, token: string): Promise<Response> =>
    fetch(`${node.url}/api/v1/rooms/lobby/files/${id}`, { headers: { authorization: `Bearer ${token}` } });
  const become = ({ seq }: { readonly seq: number }, check: string) =>
    until(`the file is ${check}`, async () => {
      const { body } = await node.http("GET", `/api/v1/rooms/lobby/messages?after=${seq - 1}&limit=1`, undefined, ada);
      expect((body as { messages: RoomMessage[] }).messages[0]?.files?.[0]?.check).to.equal(check);
    });
  const quarantined = async (): Promise<QuarantinePage["files"]> =>
    ((await node.http("GET", "/api/v1/admin/files/quarantine", undefined, ada)).body as QuarantinePage).files;

  it("gives nobody a file of a list of its own, and says to admins by which digest it is listed", async () => {
    const bad = await send("listed for the node");
    await become(bad, "quarantined");
    for (const token of [ada, bob]) {
      const refused = await read(bad.id, token);
      expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).to.deep.equal([
        403,
        "FILE_QUARANTINED",
      ]);
    }
    const [row] = await until("it is on the list", async () => {
      const rows = await quarantined();
      expect(rows).to.have.length(1);
      return rows;
    });
    expect(row?.signature).to.equal(`on a list of threats: sha256 ${sha256("listed for the node")}`);
    const good = await send("listed nowhere");
    await become(good, "clean");
    expect(await (await read(good.id, ada)).text()).to.equal("listed nowhere");
  });

  it("takes what a feed of the whole cluster names from the moment that an admin sets it", async () => {
    const before = await send("listed for the cluster");
    await become(before, "clean");
    const source = `http://127.0.0.1:${(feed.address() as AddressInfo).port}/stix`;
    const set = await node.http("PUT", "/api/v1/admin/threats/feed", { source }, ada);
    expect(set.status, JSON.stringify(set.body)).to.equal(200);
    await until("the node has read it", async () => {
      const { body } = await node.http("GET", "/api/v1/admin/threats", undefined, ada);
      const { states } = body as { states: { source: string; entries: number }[] };
      expect(states.find((one) => one.source === source)?.entries).to.equal(1);
    });
    await become(await send("listed for the cluster"), "quarantined");
  });

  it("has its lists in force again after a start, before anything else is answered", async () => {
    await node.end("SIGKILL");
    await node.start();
    await become(await send("listed for the cluster"), "quarantined");
  });
});
