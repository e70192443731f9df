import { expect } from "chai";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import { bytesOfFile } from "../../../node/gateway/index.ts";
import type { ActorBlobs, ScanPolicy } from "../../../node/ports/index.ts";
import { createScanner } from "../../../node/scanning/index.ts";
import {
  failure,
  ok,
  refused,
  type QuarantinePage,
  type Result,
  type RoomMessage,
  type ScanAnswer,
} from "../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { until } from "../../waits.ts";
import { createWorld, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: files that are scanned", () => {
  const held = new Map<string, Buffer>();
  const blobs: ActorBlobs = {
    async put(actor, bytes, commit) {
      held.set(`${actor}/${hashOf(bytes)}`, Buffer.from(bytes));
      return commit(hashOf(bytes));
    },
    async read(actor, hash) {
      const bytes = held.get(`${actor}/${hash}`);
      return bytes === undefined ? refused(failure("NOT_FOUND", { blob: hash })) : ok(bytes);
    },
    forget: async () => undefined,
  };
  /** Files that are scanned now, by what they say. */
  const scans = new Map<string, (said: Result<ScanAnswer>) => void>();
  let policy: ReturnType<ScanPolicy["mustScan"]> = ok(true);
  let fixture: Fixture;
  let ada: string;
  let bob: string;
  before(async () => {
    const world = createWorld();
    const scan = createScanner({
      clamd: {
        works: async () => ok("ClamAV 1.4.3"),
        async scan(bytes) {
          let text = "";
          for await (const piece of bytes) text += Buffer.from(piece).toString();
          return new Promise((resolve) => void scans.set(text, resolve));
        },
      },
      read: (file) => bytesOfFile(blobs, file),
      clock: world.clock(),
      log: quietLog,
      meter: quietMeter,
    });
    fixture = await startFixture({ world, blobs, scan, scanning: { mustScan: () => policy } });
    [ada, bob] = [(await fixture.signUp("ada")).token, (await fixture.signUp("bob")).token];
    await fixture.request("POST", "/api/v1/rooms", { token: ada, body: { room: "lobby" } });
    await fixture.request("POST", "/api/v1/rooms/lobby/join", { token: bob });
  });
  after(() => fixture.stop());
  beforeEach(() => {
    policy = ok(true);
    scans.clear();
  });

  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const headers = (more: object) => ({ authorization: `Bearer ${bob}`, "tus-resumable": "1.0.0", ...more });
  const begin = (text: string): Promise<Response> =>
    fetch(`${fixture.url}/api/v1/files/uploads`, {
      method: "POST",
      headers: headers({
        "upload-length": String(text.length),
        "upload-metadata": `filename ${base64("a.exe")},room ${base64("lobby")}`,
      }),
    });
  async function posted(text: string): Promise<{ readonly id: string; readonly seq: number }> {
    const id = (await begin(text)).headers.get("location")?.split("/").at(-1) ?? "";
    await fetch(`${fixture.url}/api/v1/files/uploads/${id}`, {
      method: "PATCH",
      headers: headers({ "upload-offset": "0", "content-type": "application/offset+octet-stream" }),
      body: text,
    });
    const body = { text: "", files: [id] };
    const { body: post } = await fixture.request("POST", "/api/v1/rooms/lobby/messages", { token: bob, body });
    return { id, seq: post.seq };
  }
  const read = (id: string, token: string) =>
    fixture.request("GET", `/api/v1/rooms/lobby/files/${id}`, { token }).then(({ status, body }) => ({
      status,
      code: body?.error?.code,
    }));
  const checkOf = async (seq: number): Promise<string | undefined> => {
    const { body } = await fixture.request("GET", `/api/v1/rooms/lobby/messages?after=${seq - 1}&limit=1`, {
      token: ada,
    });
    return (body.messages as readonly RoomMessage[])[0]?.files?.[0]?.check;
  };
  const say = async (text: string, said: ScanAnswer): Promise<void> => {
    await until("it is scanned", () => expect([...scans.keys()]).to.include(text));
    scans.get(text)?.(ok(said));
  };
  const quarantine = async (token = ada) => fixture.request("GET", "/api/v1/admin/files/quarantine", { token });

  it("are read where the scanner is, and fetched by nobody before it has found nothing", async () => {
    const { id, seq } = await posted("hello");
    expect(await checkOf(seq)).to.equal("scanning");
    for (const token of [ada, bob])
      expect(await read(id, token)).to.deep.equal({ status: 503, code: "FILE_BEING_CHECKED" });
    await say("hello", {});
    await until("it is clean", async () => expect(await checkOf(seq)).to.equal("clean"));
    expect((await read(id, ada)).status).to.equal(200);
  });

  it("are in quarantine with what was found, for admins to see and decide about, and for nobody else", async () => {
    const { id, seq } = await posted("EICAR");
    await say("EICAR", { signature: "Eicar" });
    await until("it is", async () => expect(await checkOf(seq)).to.equal("quarantined"));
    for (const token of [ada, bob])
      expect(await read(id, token)).to.deep.equal({ status: 403, code: "FILE_QUARANTINED" });
    const [row] = await until("it is listed", async () => {
      const { files } = (await quarantine()).body as QuarantinePage;
      expect(files).to.have.length(1);
      return files;
    });
    const said = { id, name: "a.exe", bytes: 5, room: "lobby", seq, sender: "user/bob", signature: "Eicar" };
    expect(row).to.deep.include(said);
    expect((await quarantine(bob)).body.error.code).to.equal("FORBIDDEN");
    for (const [method, path] of [
      ["POST", `/${id}/release`],
      ["DELETE", `/${id}`],
    ] as const) {
      const refusal = await fixture.request(method, `/api/v1/admin/files/quarantine${path}`, { token: bob });
      expect(refusal.body.error.code, method).to.equal("FORBIDDEN");
    }
    const released = await fixture.request("POST", `/api/v1/admin/files/quarantine/${id}/release`, { token: ada });
    expect(released.body).to.deep.include(said);
    expect((await read(id, bob)).status).to.equal(200);
    const again = await fixture.request("DELETE", `/api/v1/admin/files/quarantine/${id}`, { token: ada });
    expect(again.body.error.code).to.equal("ALREADY_DONE");
    const unknown = await fixture.request("DELETE", `/api/v1/admin/files/quarantine/${"0".repeat(20)}.lobby`, {
      token: ada,
    });
    expect(unknown.body.error.code).to.equal("NOT_FOUND");
  });

  it("are not taken where the policy refuses them, and come as they are where nothing is scanned", async () => {
    policy = refused(failure("SCANNER_MISSING"));
    const refusal = await begin("later");
    expect(refusal.status).to.equal(503);
    expect(((await refusal.json()) as { error: { code: string } }).error.code).to.equal("SCANNER_MISSING");
    policy = ok(false);
    const { id, seq } = await posted("plain");
    expect(await checkOf(seq)).to.equal(undefined);
    expect((await read(id, ada)).status).to.equal(200);
    expect([...scans.keys()]).to.deep.equal([]);
  });

  it("say which nodes scan, and what becomes of files without", async () => {
    const { body } = await fixture.request("GET", "/api/v1/admin/files/scanners", { token: ada });
    expect(body).to.deep.include({ scan: true, withoutScanner: "allow" });
    expect(body.scanners.map(({ state }: { readonly state: string }) => state)).to.deep.equal(["ready"]);
  });

  it("are no models: nothing of the scanner is in the lists of these", async () => {
    const { body } = await fixture.request("GET", "/v1/models", { token: ada });
    expect(JSON.stringify(body)).not.to.include("clamd");
  });
});
