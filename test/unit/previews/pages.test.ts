import { expect } from "chai";
import { createPages } from "../../../node/previews/pages.ts";
import { previewLimits } from "../../../node/previews/limits.ts";
import type { PreviewPorts } from "../../../node/previews/ports.ts";
import { createWorld } from "../gateway/asking.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";

describe("pages that are read for previews", () => {
  const limits = {
    ...previewLimits,
    pagesPerPersonMax: 3,
    pagesPerRoomMax: 4,
    pagesMax: 6,
    pagesPerHostMax: 2,
    pagesKept: 2,
  };
  const of = (read: PreviewPorts["read"]) => {
    const world = createWorld();
    const clock = world.clock();
    const asked: string[] = [];
    const pages = createPages({
      settings: () => ({ links: true, files: true }),
      isKnownToAll: () => true,
      read(url, how) {
        asked.push(url);
        return read(url, how);
      },
      opener: {
        open: async () => ({ title: "A page" }) as never,
        tried: async () => ({ type: "not", why: "refused" }),
      },
      ask: () => Promise.reject(new Error("nobody is asked")),
      keepPicture: () => Promise.reject(new Error("nothing is kept")),
      bytesOf: () => (async function* none() {})(),
      clock,
      log: quietLog,
      meter: quietMeter,
      limits,
    });
    return { pages, asked, world };
  };
  const html: PreviewPorts["read"] = async (url) => ({ url, type: "text/html", bytes: Buffer.from(""), isCut: false });
  let hosts = 0;
  const url = (): string => `https://host${(hosts += 1)}.example/`;
  const reader = (person: string, room: string) => ({ person, room });

  it("are so many in a minute for a person, a room, a host and the node, and then again", async () => {
    const { pages, asked, world } = of(html);
    const come = async (person: string, room: string, at = url()): Promise<boolean> =>
      (await pages.read(at, reader(person, room))) !== undefined;
    for (let count = 0; count < 3; count += 1) expect(await come("ada", "a")).to.equal(true);
    expect(await come("ada", "b"), "the person").to.equal(false);
    expect(await come("bob", "a")).to.equal(true);
    expect(await come("cleo", "a"), "the room").to.equal(false);
    expect(await come("dan", "c", "https://one.example/1")).to.equal(true);
    expect(await come("eve", "d", "https://one.example/2")).to.equal(true);
    expect(await come("fay", "e"), "the node").to.equal(false);
    expect(asked).to.have.length(6);
    await world.pass(60_000);
    expect(await come("ada", "a", "https://two.example/1")).to.equal(true);
    expect(await come("bob", "b", "https://two.example/2")).to.equal(true);
    expect(await come("cleo", "c", "https://two.example/3"), "the host").to.equal(false);
  });

  it("count each host that a page or its picture leads on to", async () => {
    const { pages, asked } = of(async (at, { mayAsk }) => {
      for (const host of [new URL(at).hostname, "victim.example"]) if (!mayAsk(host)) throw new Error("not asked");
      return { url: at, type: "text/html", bytes: Buffer.from(""), isCut: false };
    });
    const come = async (person: string): Promise<boolean> =>
      (await pages.read(url(), reader(person, person))) !== undefined;
    expect(await come("ada")).to.equal(true);
    expect(await come("bob")).to.equal(true);
    expect(await come("cleo"), "two of one host in a minute").to.equal(false);
    expect(await pages.read("https://victim.example./", reader("dan", "d")), "by its own name").to.equal(undefined);
    expect(asked).to.have.length(3);
  });

  it("are read once for all who ask, remembered, and then forgotten", async () => {
    const { pages, asked, world } = of(html);
    const one = url();
    const both = await Promise.all([pages.read(one, reader("ada", "a")), pages.read(one, reader("bob", "b"))]);
    expect(both.map((page) => page?.title)).to.deep.equal(["A page", "A page"]);
    await pages.read(one, reader("cleo", "c"));
    expect(asked).to.have.length(1);
    await world.pass(previewLimits.pageKeptMs);
    await pages.read(one, reader("ada", "a"));
    expect(asked).to.have.length(2);
    await pages.read(url(), reader("ada", "a"));
    await pages.read(url(), reader("bob", "a"));
    await pages.read(one, reader("cleo", "c"));
    expect(asked, "two are remembered").to.have.length(5);
  });

  it("that cannot be read are left alone for a while, and one that takes too long is given up", async () => {
    const { pages, asked, world } = of(
      (_url, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("ended")))),
    );
    const one = url();
    const reading = pages.read(one, reader("ada", "a"));
    await world.pass(previewLimits.pageMsMax);
    expect(await reading).to.equal(undefined);
    expect(await pages.read(one, reader("ada", "a"))).to.equal(undefined);
    expect(asked).to.have.length(1);
    await world.pass(previewLimits.pageFailedMs);
    void pages.read(one, reader("ada", "a"));
    expect(asked).to.have.length(2);
  });
});
