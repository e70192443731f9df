import { expect } from "chai";
import { createClamd } from "../../../node/scanning/index.ts";
import { createClock } from "../../../node/platform/index.ts";
import type { QuarantinePage, RoomMessage } from "../../../protocols/index.ts";
import { clamdFrom, eicar, eicarSignature, findClamd, type ClamdProcess } from "../../fixtures/processes/clamd.ts";
import { createDataFolder, NodeProcess, withoutAi } from "../../fixtures/processes/node-process.ts";
import { until } from "../../waits.ts";

const program = findClamd();

if ("missing" in program) {
  describe("Debian's clamd", () => {
    it.skip(`is not asked: ${program.missing}`, () => undefined);
  });
} else {
  describe("the client of Debian's clamd", () => {
    const client = (clamd: ClamdProcess) => createClamd({ path: clamd.socket }, createClock());
    const scan = (clamd: ClamdProcess, ...pieces: readonly Buffer[]) =>
      client(clamd).scan(
        (async function* all() {
          yield* pieces;
        })(),
        new AbortController().signal,
      );

    it("hears what is in a file, however it is cut, and that nothing is", async () => {
      await using clamd = clamdFrom(program);
      await clamd.start();
      const version = await client(clamd).works();
      expect(version.ok && version.value).to.match(/^ClamAV \d/);
      expect(await scan(clamd)).to.deep.equal({ ok: true, value: {} });
      expect(await scan(clamd, Buffer.alloc(3_000_000, 7))).to.deep.equal({ ok: true, value: {} });
      const found = { ok: true, value: { signature: eicarSignature } };
      expect(await scan(clamd, eicar)).to.deep.equal(found);
      expect(await scan(clamd, eicar.subarray(0, 10), eicar.subarray(10))).to.deep.equal(found);
    });

    it("says that a file is too large for it, wherever in the file that shows", async () => {
      await using clamd = clamdFrom(program, "1M");
      await clamd.start();
      const piece = Buffer.alloc(1_000_000, 7);
      const answers = await Promise.all([scan(clamd, piece, piece, piece), scan(clamd, Buffer.alloc(20_000_000))]);
      // Where clamd has closed the connection while bytes were under way, its answer may be lost: that is asked again.
      for (const answer of answers)
        expect(answer.ok || answer.error.code).to.be.oneOf(["SCAN_TOO_LARGE", "SCAN_FAILED"]);
      await until("its answer is heard", async () => {
        const answer = await scan(clamd, piece, piece);
        expect(answer.ok || answer.error.code).to.equal("SCAN_TOO_LARGE");
      });
      expect((await scan(clamd, piece)).ok).to.equal(true);
    });

    it("fails where none listens, where it dies half way, and where the file cannot be read", async () => {
      await using clamd = clamdFrom(program);
      const absent = await scan(clamd, eicar);
      expect(absent.ok || absent.error.code).to.equal("SCAN_FAILED");
      await clamd.start();
      const dying = await client(clamd).scan(
        (async function* all() {
          yield Buffer.alloc(1_000_000);
          await clamd.kill();
          yield Buffer.alloc(1_000_000);
        })(),
        new AbortController().signal,
      );
      expect(dying.ok || dying.error.code).to.equal("SCAN_FAILED");
      await clamd.start();
      const unread = await client(clamd).scan(
        (async function* all() {
          yield Buffer.alloc(10);
          throw new Error("the part is gone");
        })(),
        new AbortController().signal,
      );
      expect(unread.ok || unread.error.details?.["reason"]).to.include("the part is gone");
    });
  });

  describe("a node with Debian's clamd", function () {
    let clamd: ClamdProcess;
    let data: Awaited<ReturnType<typeof createDataFolder>>;
    let node: NodeProcess;
    let ada: string;
    let bob: string;
    before(async () => {
      clamd = clamdFrom(program);
      await clamd.start();
      data = await createDataFolder();
      node = new NodeProcess(data.path, [...withoutAi, "--antivirus", clamd.place]);
      await node.start();
      ada = await node.signUp("ada");
      bob = await node.signUp("bob");
      await node.http("POST", "/api/v1/rooms", { room: "lobby" }, ada);
      await node.http("POST", "/api/v1/rooms/lobby/join", {}, bob);
    });
    after(async () => {
      await node[Symbol.asyncDispose]();
      await data[Symbol.asyncDispose]();
      await clamd[Symbol.asyncDispose]();
    });

    const headers = (token: string, more: object = {}) => ({
      authorization: `Bearer ${token}`,
      "tus-resumable": "1.0.0",
      ...more,
    });
    const base64 = (text: string): string => Buffer.from(text).toString("base64");
    const begin = (bytes: Buffer, name: string): Promise<Response> =>
      fetch(`${node.url}/api/v1/files/uploads`, {
        method: "POST",
        headers: headers(bob, {
          "upload-length": String(bytes.length),
          "upload-metadata": `filename ${base64(name)},room ${base64("lobby")}`,
        }),
      });
    /** Sends a file and posts it; gives its id and the message. */
    async function send(bytes: Buffer, name: string): Promise<{ readonly id: string; readonly seq: number }> {
      const begun = await begin(bytes, name);
      const id = begun.headers.get("location")?.split("/").at(-1) ?? "";
      await fetch(`${node.url}/api/v1/files/uploads/${id}`, {
        method: "PATCH",
        headers: headers(bob, { "upload-offset": "0", "content-type": "application/offset+octet-stream" }),
        body: bytes as Uint8Array<ArrayBuffer>,
      });
      const posted = await node.http("POST", "/api/v1/rooms/lobby/messages", { text: "", files: [id] }, bob);
      expect(posted.status, JSON.stringify(posted.body)).to.equal(200);
      return { id, seq: (posted.body as { seq: number }).seq };
    }
    const read = (id: string, token = ada): Promise<Response> =>
      fetch(`${node.url}/api/v1/rooms/lobby/files/${id}`, { headers: { authorization: `Bearer ${token}` } });
    const checkOf = async (seq: number): Promise<string | undefined> => {
      const { body } = await node.http("GET", `/api/v1/rooms/lobby/messages?after=${seq - 1}&limit=1`, undefined, ada);
      return (body as { messages: RoomMessage[] }).messages[0]?.files?.[0]?.check;
    };
    const become = (seq: number, check: string) =>
      until(`the file is ${check}`, async () => expect(await checkOf(seq)).to.equal(check));
    const admin = (method: string, path: string) => node.http(method, `/api/v1/admin/files${path}`, undefined, ada);
    const quarantined = async (): Promise<QuarantinePage["files"]> =>
      ((await admin("GET", "/quarantine")).body as QuarantinePage).files;

    it("lets through what is clean, and keeps what is not from everybody until an admin says otherwise", async () => {
      const clean = await send(Buffer.from("hello"), "hello.txt");
      await become(clean.seq, "clean");
      expect(await (await read(clean.id)).text()).to.equal("hello");
      const bad = await send(eicar, "invoice.pdf.exe");
      await become(bad.seq, "quarantined");
      for (const token of [ada, bob]) expect((await read(bad.id, token)).status).to.equal(403);
      const [row] = await until("it is on the list", async () => {
        const rows = await quarantined();
        expect(rows).to.have.length(1);
        return rows;
      });
      expect(row).to.deep.include({
        id: bad.id,
        name: "invoice.pdf.exe",
        room: "lobby",
        seq: bad.seq,
        sender: "user/bob",
        signature: eicarSignature,
      });
      const { status } = await node.http("GET", "/api/v1/admin/files/quarantine", undefined, bob);
      expect(status).to.equal(403);
      expect((await admin("POST", `/quarantine/${bad.id}/release`)).status).to.equal(200);
      expect(Buffer.from(await (await read(bad.id)).arrayBuffer()).equals(eicar)).to.equal(true);
      const worse = await send(Buffer.from(eicar), "again.exe");
      await become(worse.seq, "quarantined");
      expect((await admin("DELETE", `/quarantine/${worse.id}`)).status).to.equal(200);
      expect((await read(worse.id)).status).to.equal(404);
      await until("the list is empty", async () => expect(await quarantined()).to.deep.equal([]));
      const { body } = await node.http("GET", "/api/v1/admin/audit?action=releaseFile", undefined, ada);
      expect(JSON.stringify(body)).to.include("releaseFile");
    });

    it("goes on when the scanner comes back that was away, and refuses files while the policy says so", async () => {
      await clamd.kill();
      const waiting = await send(Buffer.from("later"), "later.txt");
      expect(await checkOf(waiting.seq)).to.equal("scanning");
      expect((await read(waiting.id)).status).to.equal(503);
      await until("the node knows", async () => {
        const { body: known } = await admin("GET", "/scanners");
        expect((known as { scanners: { state: string }[] }).scanners.map(({ state }) => state)).to.deep.equal([
          "failed",
        ]);
      });
      const body = { set: { "files.withoutScanner": "refuse" }, revision: 0 };
      const set = await node.http("PUT", "/api/v1/admin/configuration", body, ada);
      expect(set.status, JSON.stringify(set.body)).to.equal(200);
      await until("it takes no files", async () => expect((await begin(Buffer.from("x"), "x")).status).to.equal(503));
      await clamd.start();
      await become(waiting.seq, "clean");
      await until("it takes files", async () => expect((await begin(Buffer.from("x"), "x")).status).to.equal(201));
      const metrics = await node.metrics();
      expect(metrics).to.match(/plexus_files_scanned_total\{verdict="found"\} 2/);
    });
  });
}
