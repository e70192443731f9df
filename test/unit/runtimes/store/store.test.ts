import { expect } from "chai";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contentTree } from "../../../../node/bulk/blobs/index.ts";
import { failure, ok, refused, type PullModel, type PullView, type StoredModel } from "../../../../protocols/index.ts";
import { checkFile } from "../../../../runtimes/store/check.ts";
import { inspectBeginning } from "../../../../runtimes/store/inspect.ts";
import { storeLimits } from "../../../../runtimes/store/limits.ts";
import type { ModelPeers, ModelStore } from "../../../../runtimes/store/port.ts";
import { openModelStore, type FileChecks, type StoreOptions } from "../../../../runtimes/store/store.ts";
import { gguf } from "../../../fixtures/model-files.ts";
import { splitAsTool, writeSplit } from "../../../fixtures/split-model.ts";
import {
  serveFiles,
  serveRegistry,
  serveRepository,
  sha256Of,
  type ModelServer,
} from "../../../fixtures/model-servers.ts";
import { keptLog } from "../../../conformance/real-time.ts";
import { flowingWorld } from "../../../fixtures/flowing.ts";

/** In this thread: tests have small files. */
const checks: FileChecks = {
  check: async (path, name, { look }) => checkFile(path, name, contentTree, look),
  begin: async (path, name, { total }) => inspectBeginning(path, name, total),
  stop: () => Promise.resolve(),
};
const facts = { "general.architecture": "llama", "llama.context_length": 64 };
/** Half a megabyte, so that it comes in several pieces. */
const model = (title = "m", more: Readonly<Record<string, string>> = {}): Buffer =>
  gguf({
    facts: { ...facts, ...more, "general.name": title },
    tensors: [{ name: "w", dimensions: [256, 512], type: 0 }],
  });

describe("the model store", function () {
  const clock = flowingWorld().clock();
  let folder: string;
  const servers: ModelServer[] = [];
  const stores: ModelStore[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-store-"));
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.stop()));
    await Promise.all(servers.splice(0).map((server) => server.close()));
    rmSync(folder, { recursive: true });
  });

  const opened = async (options: Partial<StoreOptions> = {}): Promise<ModelStore> => {
    const store = await openModelStore({
      folder,
      places: { huggingFace: "http://127.0.0.1:9", ollama: "http://127.0.0.1:9" },
      clock: { ...clock, nowMs: () => 1_000 },
      log: keptLog(),
      tree: contentTree,
      checks,
      hasRoom: () => true,
      ...options,
    });
    stores.push(store);
    return store;
  };
  const serving = <Server extends ModelServer>(server: Server): Server => {
    servers.push(server);
    return server;
  };
  const pulled = async (store: ModelStore, request: PullModel): Promise<PullView> => {
    const begun = store.pull(request, "ada");
    if (!begun.ok) throw new Error(JSON.stringify(begun.error));
    const ended = await store.ended(begun.value.id);
    if (!ended.ok) throw new Error(JSON.stringify(ended.error));
    return ended.value;
  };
  const reasonOf = ({ state, error }: PullView): string =>
    `${state} ${error?.code} ${error?.details?.["reason"] as string}`;
  const inFolder = (name: string): readonly string[] => readdirSync(join(folder, name)).sort();
  const empty = { content: [], sets: [], names: [] };
  const things = () => Object.fromEntries(["content", "sets", "names"].map((name) => [name, inFolder(name)]));

  describe("pulls a file from a web address", () => {
    it("twice at once under two names, and neither writes to what the other has checked", async () => {
      const server = serving(await serveFiles({}));
      const others = Buffer.from(model());
      others.fill(1, others.length - 1_000);
      const waiting: (() => void)[] = [];
      const bothAsked = Promise.withResolvers<void>();
      let answers = 0;
      server.instead = (_request, response) => {
        const bytes = (answers += 1) === 1 ? model() : others;
        response.writeHead(200, { "content-length": bytes.length });
        response.write(bytes.subarray(0, 1_000));
        if (waiting.push(() => response.end(bytes.subarray(1_000))) === 2) bothAsked.resolve();
        return true;
      };
      const store = await opened();
      const source = `${server.url}/a.gguf`;
      const one = pulled(store, { source, name: "one" });
      const two = pulled(store, { source, name: "two" });
      await bothAsked.promise;
      // Either pull may have asked first.
      waiting[0]?.();
      expect((await Promise.race([one, two])).state).to.equal("done");
      waiting[1]?.();
      expect([(await one).state, (await two).state]).to.deep.equal(["done", "done"]);
      for (const { digest, main } of store.list())
        expect(sha256Of(readFileSync(join(folder, "sets", digest, main)))).to.equal(digest);
    });

    it("and writes nothing of its parameters into the log, which may be keys", async () => {
      const server = serving(await serveFiles({ "a.gguf": model(), "b%": model("b") }));
      const log = keptLog();
      const store = await opened({ log });
      expect(await pulled(store, { source: `${server.url}/a.gguf?key=hidden` })).to.include({ state: "done" });
      expect(await pulled(store, { source: `${server.url}/none.gguf?key=hidden` })).to.include({ state: "failed" });
      await pulled(store, { source: `http://hidden:hidden@${server.url.slice(7)}/a.gguf` });
      expect(JSON.stringify([log, store.pulls(), store.list()])).not.to.include("hidden");
      expect(await pulled(store, { source: `${server.url}/b%` })).to.include({ state: "done", name: "b-" });
    });

    it("and keeps it by its digest, with a card, under several names", async () => {
      const bytes = model();
      const server = serving(await serveFiles({ "x/Tiny-1B.Q8_0.gguf": bytes }));
      const store = await opened();
      const source = `${server.url}/x/Tiny-1B.Q8_0.gguf?key=secret`;
      expect(await pulled(store, { source })).to.include({ state: "done", doneBytes: bytes.length });
      expect(await pulled(store, { source, name: "other:1b" })).to.include({ state: "done", name: "other:1b" });
      const [first] = store.list() as readonly [StoredModel];
      expect(first).to.deep.include({ name: "Tiny-1B.Q8_0", digest: sha256Of(bytes), size: bytes.length });
      expect(first.card).to.deep.include({
        format: "gguf",
        family: "llama",
        contextTokens: 64,
        capabilities: ["chat"],
      });
      expect(first.source).to.equal(`${server.url}/x/Tiny-1B.Q8_0.gguf`);
      expect(readFileSync(store.pathOf(first))).to.deep.equal(bytes);
      // Two names, the same bytes on the disk.
      expect(store.list().map(({ name }) => name)).to.deep.equal(["Tiny-1B.Q8_0", "other:1b"]);
      expect(inFolder("content")).to.deep.equal([sha256Of(bytes), `${sha256Of(bytes)}.leaves`]);
      expect(statSync(store.pathOf(first)).nlink).to.equal(2);
      expect(inFolder("partial")).to.deep.equal([]);
      await store.remove("Tiny-1B.Q8_0");
      expect(existsSync(store.pathOf(first))).to.equal(true);
      await store.remove("other:1b");
      expect(things()).to.deep.equal(empty);
      expect(await store.remove("other:1b")).to.have.nested.property("error.code", "NOT_FOUND");
    });

    it("and has it after a restart; what nothing names goes", async () => {
      const server = serving(await serveFiles({ "m.gguf": model() }));
      const store = await opened();
      await pulled(store, { source: `${server.url}/m.gguf` });
      await store.stop();
      writeFileSync(join(folder, "content", "f".repeat(64)), "left by a crash");
      writeFileSync(join(folder, "names", "x.json.1.new"), "half");
      const again = await opened();
      expect(again.list()).to.deep.equal(store.list());
      expect(inFolder("content")).to.have.length(2);
      expect(inFolder("names")).to.deep.equal(["m.json"]);
    });

    it("and goes on where it ended, if the file is the same", async () => {
      const bytes = model();
      const server = serving(await serveFiles({ "m.gguf": bytes }));
      let cuts = 0;
      server.instead = (_request, response) => {
        if ((cuts += 1) > 1) return false;
        response.writeHead(200, { etag: `"${sha256Of(bytes)}"`, "content-length": bytes.length });
        response.write(bytes.subarray(0, 300_000), () => response.destroy());
        return true;
      };
      const store = await opened();
      expect(await pulled(store, { source: `${server.url}/m.gguf` })).to.include({ state: "done" });
      const [, second] = server.asked;
      expect(second?.headers).to.include({ "if-range": `"${sha256Of(bytes)}"` });
      expect(second?.headers.range).to.match(/^bytes=[1-9]\d*-$/);
    });

    it("and goes on after a restart of the node, or after somebody has cancelled it", async () => {
      const bytes = model();
      const server = serving(await serveFiles({ "m.gguf": bytes }));
      const sent = Promise.withResolvers<void>();
      server.instead = (_request, response) => {
        response.writeHead(200, { etag: `"${sha256Of(bytes)}"`, "content-length": bytes.length });
        response.write(bytes.subarray(0, 300_000), () => sent.resolve());
        return true;
      };
      const store = await opened();
      const source = `${server.url}/m.gguf`;
      const came = new Promise<void>((resolve) => {
        store.watch(() => store.pulls()[0]?.doneBytes === 300_000 && resolve());
      });
      const begun = store.pull({ source }, "ada");
      await Promise.all([sent.promise, came]);
      await store.stop();
      if (!begun.ok) throw new Error("the pull was refused");
      expect(await store.ended(begun.value.id)).to.have.nested.property("value.state", "cancelled");
      expect(store.pull({ source }, "ada")).to.have.nested.property("error.code", "STOPPING");
      server.instead = undefined;
      const again = await opened();
      expect(await pulled(again, { source })).to.include({ state: "done" });
      expect(server.asked.at(-1)?.headers.range).to.equal("bytes=300000-");
      expect(again.get("m")?.digest).to.equal(sha256Of(bytes));
    });

    it("and begins anew when the file has changed meanwhile", async () => {
      const [old, now] = [model("old"), model("new")];
      const server = serving(await serveFiles({ "m.gguf": now }));
      let asked = 0;
      server.instead = (_request, response) => {
        if ((asked += 1) > 1) return false;
        response.writeHead(200, { etag: '"old"', "content-length": old.length });
        response.write(old.subarray(0, 100_000), () => response.destroy());
        return true;
      };
      const store = await opened();
      expect(await pulled(store, { source: `${server.url}/m.gguf` })).to.include({ state: "done" });
      expect(store.get("m")?.digest).to.equal(sha256Of(now));
    });

    it("and refuses servers that lie about lengths, go in circles, or have nothing", async () => {
      const bytes = model();
      const server = serving(await serveFiles({ "m.gguf": bytes }));
      const store = await opened();
      const ask = async (instead: NonNullable<ModelServer["instead"]>): Promise<string> => {
        server.instead = instead;
        return reasonOf(await pulled(store, { source: `${server.url}/m.gguf` }));
      };
      expect(await ask((_, response) => (response.writeHead(404).end(), true))).to.match(/NOT_FOUND/);
      expect(await ask((_, response) => (response.writeHead(403).end(), true))).to.match(/SOURCE_FAILED HTTP 403/);
      expect(await ask((_, response) => (response.writeHead(302, { location: "/m.gguf" }).end(), true))).to.match(
        /redirects more than/,
      );
      expect(
        await ask((_, response) => (response.writeHead(302, { location: "file:///etc/passwd" }).end(), true)),
      ).to.match(/not a web address/);
      expect(
        await ask((_, response) => (response.writeHead(206, { "content-range": "bytes 5-9/10" }).end("abcde"), true)),
      ).to.match(/nobody asked for/);
      expect(
        await ask((_, response) => (response.writeHead(200, { "content-length": 2 ** 45 }).write("x"), true)),
      ).to.match(/are the limit/);
      expect(
        await ask((_, response) => (response.writeHead(200, { "content-encoding": "gzip" }).end("x"), true)),
      ).to.match(/encoded/);
      expect(things()).to.deep.equal(empty);
    });

    it("and refuses a file with another digest than was asked for, and begins anew with the next pull", async () => {
      const bytes = model();
      const server = serving(await serveFiles({ "m.gguf": bytes }));
      const store = await opened();
      const source = `${server.url}/m.gguf`;
      expect(reasonOf(await pulled(store, { source, digest: "0".repeat(64) }))).to.match(/SHA-256 is not/);
      expect(await pulled(store, { source, digest: sha256Of(bytes) })).to.include({ state: "done" });
      // It is here already: nothing is asked for.
      const asked = server.asked.length;
      expect(await pulled(store, { source, name: "again", digest: sha256Of(bytes) })).to.include({ state: "done" });
      expect(server.asked.length).to.equal(asked);
    });

    it("and puts apart what is no model, with the reason, and keeps few of those", async () => {
      const files = Object.fromEntries(
        Array.from({ length: 10 }, (_, index) => [`${index}.gguf`, Buffer.from(`<html>${index}`)]),
      );
      const server = serving(await serveFiles(files));
      const store = await opened();
      for (const name of Object.keys(files))
        expect(reasonOf(await pulled(store, { source: `${server.url}/${name}` }))).to.match(
          /MODEL_REFUSED this is not a GGUF file/,
        );
      expect(store.refused()).to.have.length(storeLimits.refusedKeptMax);
      expect(store.refused()[0]).to.deep.include({ file: "9.gguf", source: `${server.url}/9.gguf` });
      expect(inFolder("refused")).to.have.length(storeLimits.refusedKeptMax);
      expect(things()).to.deep.equal(empty);
      await store.stop();
      expect((await opened()).refused()).to.have.length(storeLimits.refusedKeptMax);
    });

    it("and looks at it while it comes: what is no model is fetched no further, and put apart", async () => {
      // A server that sends the beginning, and then nothing more: only who looks early knows in time.
      const beginnings: Readonly<Record<string, Buffer>> = {
        "page.gguf": Buffer.alloc(2 * storeLimits.earlyLookBytes, "<html>"),
        "old.gguf": gguf({
          facts,
          tensors: [{ name: "w", dimensions: [256, 1_024], type: 36 }],
          data: 300_000,
        }).subarray(0, 200_000),
        "page.onnx": Buffer.alloc(2 * storeLimits.earlyLookBytes, "<html>"),
      };
      const server = createServer((asked, response) => {
        const bytes = beginnings[(asked.url ?? "").slice(1)] ?? Buffer.alloc(0);
        response.writeHead(200, { "content-length": 40 * 1024 ** 3 });
        response.write(bytes);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      servers.push({
        url: "",
        close: async () => void (server.closeAllConnections(), server.close()),
      } as unknown as ModelServer);
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const store = await opened();
      const reasons: Readonly<Record<string, RegExp>> = {
        "page.gguf": /^failed MODEL_REFUSED .*not a GGUF file/,
        "old.gguf": /^failed MODEL_REFUSED .*i2_s/,
        "page.onnx": /^failed MODEL_REFUSED .*not an ONNX file/,
      };
      for (const [name, reason] of Object.entries(reasons)) {
        const pull = await pulled(store, { source: `${url}/${name}` });
        expect(reasonOf(pull)).to.match(reason);
        expect(pull.doneBytes).to.be.lessThan(1e6);
        expect(store.refused()[0]).to.include({ file: name });
      }
      expect(things()).to.deep.equal(empty);
    });

    it("and takes nothing that does not fit the disk", async () => {
      const server = serving(await serveFiles({ "m.gguf": model() }));
      const store = await opened({ hasRoom: (bytes) => bytes < 1_000 });
      expect(reasonOf(await pulled(store, { source: `${server.url}/m.gguf` }))).to.match(/DISK_FULL/);
    });

    it("one at a time for each source, few at once, and ends when somebody cancels", async () => {
      const server = serving(await serveFiles({}));
      server.instead = (_request, response) => {
        response.writeHead(200, { "content-length": 1_000_000 });
        response.write("GGUF");
        return true;
      };
      const store = await opened();
      const begin = (name: string) => store.pull({ source: `${server.url}/${name}.gguf` }, "ada");
      const [one, two, three] = [begin("a"), begin("b"), begin("c")];
      if (!one.ok || !two.ok || !three.ok) throw new Error("a pull was refused");
      expect(begin("a")).to.deep.include({ ok: true });
      expect(store.pulls()).to.have.length(3);
      expect(store.pulls()[0]).to.include({ state: "waiting" });
      const cancelled = async (id: string): Promise<string> => {
        store.cancel(id);
        const ended = await store.ended(id);
        return ended.ok ? ended.value.state : ended.error.code;
      };
      expect(await cancelled(three.value.id)).to.equal("cancelled");
      expect(await cancelled(one.value.id)).to.equal("cancelled");
      expect(await cancelled(two.value.id)).to.equal("cancelled");
      expect(await cancelled("none")).to.equal("NOT_FOUND");
      for (let index = 0; index < storeLimits.pullsAtOnceMax + storeLimits.pullsWaitingMax; index += 1)
        begin(`q${index}`);
      expect(begin("more")).to.have.nested.property("error.code", "QUEUE_FULL");
      expect(store.pull({ source: "ftp://x" }, "ada")).to.have.nested.property("error.code", "BAD_REQUEST");
    });
  });

  describe("checks what it has", () => {
    it("finds damage, puts the file apart, and mends it with the next pull", async () => {
      const bytes = model();
      const server = serving(await serveFiles({ "m.gguf": bytes }));
      const store = await opened();
      const source = `${server.url}/m.gguf`;
      await pulled(store, { source });
      const verdict = async (): Promise<string> => {
        const result = await store.verify("m");
        return result.ok ? result.value.files.map(({ state }) => state).join() : result.error.code;
      };
      expect(await verdict()).to.equal("fine");
      const path = join(folder, "content", sha256Of(bytes));
      const rotten = Buffer.from(bytes);
      rotten[rotten.length - 1] = 1;
      writeFileSync(path, rotten);
      expect(await verdict()).to.equal("damaged");
      expect(store.damaged()).to.deep.equal(["m"]);
      expect(await verdict()).to.equal("missing");
      expect(await pulled(store, { source })).to.include({ state: "done" });
      expect(await verdict()).to.equal("fine");
      expect(store.damaged()).to.deep.equal([]);
      expect(await store.verify("none")).to.have.nested.property("error.code", "NOT_FOUND");
    });

    it("reads a model once for all who ask, few models at once, and says when it was removed meanwhile", async () => {
      const held = Promise.withResolvers<void>();
      let reads = 0;
      const slow: FileChecks = {
        ...checks,
        async check(path, name, options) {
          if (!options.look) {
            reads += 1;
            await held.promise;
            if (options.signal.aborted) throw options.signal.reason;
          }
          return checks.check(path, name, options);
        },
      };
      const names = ["a", "b", "c", "d", "e"];
      const server = serving(await serveFiles(Object.fromEntries(names.map((name) => [`${name}.gguf`, model(name)]))));
      const store = await opened({ checks: slow });
      for (const name of names) await pulled(store, { source: `${server.url}/${name}.gguf` });
      const [first, again] = [store.verify("a"), store.verify("a")];
      const others = ["b", "c", "d"].map((name) => store.verify(name));
      expect(await store.verify("e")).to.have.nested.property("error.code", "OVERLOADED");
      await store.remove("b");
      held.resolve();
      expect(await first).to.have.nested.property("value.files[0].state", "fine");
      expect(await again).to.deep.equal(await first);
      expect(await others[0]).to.have.nested.property("error.code", "NOT_FOUND");
      for (const other of others.slice(1)) expect((await other).ok).to.equal(true);
      expect(reads).to.equal(4);
      expect((await store.verify("e")).ok).to.equal(true);
    });

    it("says which manifests cannot be read, and sweeps nothing beside them", async () => {
      const server = serving(await serveFiles({ "m.gguf": model() }));
      const store = await opened();
      await pulled(store, { source: `${server.url}/m.gguf` });
      await store.stop();
      writeFileSync(join(folder, "names", "m.json"), "{");
      const again = await opened();
      expect(again.list()).to.deep.equal([]);
      expect(again.damaged()).to.deep.equal(["m"]);
      expect(inFolder("content")).to.have.length(2);
      expect(await pulled(again, { source: `${server.url}/m.gguf` })).to.include({ state: "done" });
      expect(again.damaged()).to.deep.equal([]);
    });
  });

  describe("pulls from a repository", () => {
    it("the wished quantisation, once its licence is accepted; its secrets go nowhere else", async () => {
      const [small, large] = [model("small"), model("large")];
      const files = { "M-Q8_0.gguf": large, "M-Q4_K_M.gguf": small, "mmproj-M-F16.gguf": model("x"), "README.md": Buffer.from("#") }; // prettier-ignore
      const server = serving(await serveRepository("ada/M-GGUF", files, { licence: "apache-2.0" }));
      servers.push(server.store);
      const store = await opened({ places: { huggingFace: server.url, ollama: "" } });
      process.env["HF_TOKEN"] = "hf_secret";
      try {
        const asked = await pulled(store, { source: "hf:ada/M-GGUF" });
        expect(asked).to.have.nested.property("error.code", "LICENCE_NOT_ACCEPTED");
        expect(asked.error?.details).to.include({ licence: "apache-2.0" });
        expect(await pulled(store, { source: "hf:ada/M-GGUF", acceptLicence: true })).to.include({ state: "done" });
      } finally {
        delete process.env["HF_TOKEN"];
      }
      expect(store.get("M-Q4_K_M")).to.deep.include({ digest: sha256Of(small), acceptedBy: "ada" });
      expect(server.asked.every(({ headers }) => headers.authorization === "Bearer hf_secret")).to.equal(true);
      expect(server.store.asked.every(({ headers }) => headers.authorization === undefined)).to.equal(true);
      await pulled(store, { source: "hf:ada/M-GGUF:q8_0", acceptLicence: true });
      expect(store.get("M-Q8_0")?.digest).to.equal(sha256Of(large));
      expect(reasonOf(await pulled(store, { source: "hf:ada/M-GGUF:Q2_K", acceptLicence: true }))).to.match(
        /NOT_FOUND/,
      );
    });
  });

  describe("pulls by what stands behind @", () => {
    const files = { "M-Q8_0.gguf": model("large"), "M-Q4_K_M.gguf": model("small") };

    it("how the weights are written, where the repository has no revision of that name", async () => {
      const server = serving(await serveRepository("ada/M-GGUF", files));
      servers.push(server.store);
      const store = await opened({ places: { huggingFace: server.url, ollama: "" } });
      expect(await pulled(store, { source: "hf:ada/M-GGUF@q8_0" })).to.include({ state: "done", name: "M-Q8_0" });
      expect(store.get("M-Q8_0")?.source).to.equal("hf:ada/M-GGUF@q8_0");
      for (const source of ["hf:ada/M-GGUF@v2", "https://huggingface.co/ada/M-GGUF/tree/Q8_0"])
        expect(reasonOf(await pulled(store, { source })), source).to.match(/NOT_FOUND/);
    });

    it("its revision, where it has one", async () => {
      const server = serving(await serveRepository("ada/M-GGUF", files, { branch: "Q8_0" }));
      servers.push(server.store);
      const store = await opened({ places: { huggingFace: server.url, ollama: "" } });
      expect(await pulled(store, { source: "hf:ada/M-GGUF@Q8_0" })).to.include({ state: "done", name: "M-Q4_K_M" });
    });
  });

  describe("pulls from a registry", () => {
    it("the weights, and shows the licence", async () => {
      const bytes = model();
      const layers = {
        model: bytes,
        license: Buffer.from("Community licence\nof many words"),
        template: Buffer.from("{{ .Prompt }}"),
      };
      const server = serving(await serveRegistry("tiny", "1b", layers));
      const store = await opened({ places: { huggingFace: "", ollama: server.url } });
      const asked = await pulled(store, { source: "ollama:tiny:1b" });
      expect(asked.error?.details).to.include({ text: "Community licence\nof many words" });
      expect(await pulled(store, { source: "ollama:tiny:1b", acceptLicence: true })).to.include({
        state: "done",
        name: "tiny:1b",
      });
      expect(store.get("tiny:1b")?.card.licence).to.equal("Community licence");
    });

    it("that is named by its host and port, in place of Ollama's", async () => {
      const server = serving(await serveRegistry("tiny", "1b", { model: model() }));
      const store = await opened({ places: { huggingFace: "", ollama: "http://nowhere.invalid" } });
      const source = `ollama:${server.url}/library/tiny:1b`;
      const name = `${server.url.replace("http://", "")}-library-tiny:1b`;
      expect(await pulled(store, { source })).to.include({ state: "done", name });
      expect(store.get(name)?.source).to.equal(source);
    });

    it("nothing that needs more than its weights", async () => {
      const server = serving(await serveRegistry("eyes", "latest", { model: model(), projector: Buffer.from("x") }));
      const store = await opened({ places: { huggingFace: "", ollama: server.url } });
      expect(reasonOf(await pulled(store, { source: "ollama:eyes" }))).to.match(/MODEL_REFUSED.*projectors/);
    });
  });

  it("asks for a licence that only the file names, without fetching it again", async () => {
    const server = serving(await serveFiles({ "m.gguf": model("m", { "general.license": "mit" }) }));
    const store = await opened();
    const source = `${server.url}/m.gguf`;
    expect((await pulled(store, { source })).error).to.deep.include({ code: "LICENCE_NOT_ACCEPTED" });
    const asked = server.asked.length;
    const again = await pulled(store, { source, acceptLicence: true });
    expect(again).to.include({ state: "done" });
    expect(server.asked.length).to.be.at.most(asked + 1);
  });

  it("copies a file of the machine, and a folder", async () => {
    const path = join(folder, "..", `${folder.split("/").at(-1)}.gguf`);
    writeFileSync(path, model());
    try {
      const store = await opened();
      expect(await pulled(store, { source: path, name: "mine" })).to.include({ state: "done" });
      expect(readFileSync(path)).to.deep.equal(model());
      expect((await pulled(store, { source: "/nowhere/x.gguf" })).error).to.deep.include({ code: "NOT_FOUND" });
    } finally {
      rmSync(path);
    }
  });

  it("copies all files of a split model, whichever of them is named", async () => {
    const whole = gguf({ facts, tensors: ["a", "b", "c"].map((name) => ({ name, dimensions: [32, 4], type: 8 })) });
    const paths = writeSplit(join(folder, "big"), splitAsTool(whole, { tensorsPerFile: 2 }));
    const store = await opened();
    for (const [index, source] of paths.entries())
      expect(await pulled(store, { source, name: `big${index}` })).to.include({ state: "done" });
    const [first, other] = ["big0", "big1"].map((name) => store.get(name));
    expect(first?.main).to.equal("big-00001-of-00002.gguf");
    expect(first?.files.map(({ path }) => path)).to.deep.equal(["big-00001-of-00002.gguf", "big-00002-of-00002.gguf"]);
    expect(first?.card.parameters).to.equal(384);
    expect(other?.digest).to.equal(first?.digest);
    rmSync(paths[1]!);
    const refused = await pulled(store, { source: paths[0]!, name: "half" });
    expect(refused.error).to.deep.include({ code: "NOT_FOUND" });
  });

  describe("pulls from other nodes", () => {
    it("from several at once, and no more from one that gives other bytes", async () => {
      const bytes = gguf({
        facts,
        tensors: [{ name: "w", dimensions: [256, 5_000], type: 0, data: Buffer.alloc(5_120_000, 7) }],
        data: 6e6,
      });
      const path = join(folder, "origin.gguf");
      writeFileSync(path, bytes);
      const { sha256, tree, size, leaves: hashes } = checkFile(path, "origin.gguf", contentTree);
      const file = { path: "m.gguf", size, digest: sha256, tree };
      const manifest: StoredModel = { name: "m", digest: sha256, size, files: [file], main: "m.gguf", card: { format: "gguf", kind: "model", family: "llama", capabilities: ["chat"] }, source: "x", addedAtMs: 1 }; // prettier-ignore
      const gave: Record<string, number> = { good: 0, fine: 0, liar: 0 };
      const leaves = Array.from({ length: hashes.length / 32 }, (_, leaf) =>
        hashes.subarray(leaf * 32, leaf * 32 + 32),
      );
      const peers: ModelPeers = {
        find: async (name) =>
          name === "m" ? ok({ model: manifest, nodes: Object.keys(gave) }) : refused(failure("NOT_FOUND")),
        leaves: async () => ok(leaves),
        async chunk(node, { start, end }) {
          gave[node] = (gave[node] ?? 0) + 1;
          const part = Buffer.from(bytes.subarray(start, end));
          if (node === "liar") part[100] = 0xff ^ part[100]!;
          return ok(part);
        },
      };
      const store = await opened({ peers });
      const view = await pulled(store, { source: "cluster:m" });
      expect(view, JSON.stringify(view)).to.include({ state: "done" });
      expect(store.get("m")?.digest).to.equal(sha256Of(bytes));
      expect(gave["good"]).to.be.above(0);
      expect(gave["fine"]).to.be.above(0);
      // Those that were under way when the first was compared.
      expect(gave["liar"]).to.be.within(1, 3);
      expect((await pulled(store, { source: "cluster:none" })).error).to.deep.include({ code: "NOT_FOUND" });
    });
  });
});
