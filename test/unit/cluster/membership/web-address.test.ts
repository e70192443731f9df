import { expect } from "chai";
import type { MemberRecord } from "../../../../node/ports/index.ts";
import { placeFor, placesOf, webAddressFor } from "../../../../node/cluster/membership/web-address.ts";
import { memberRecord } from "../../../fixtures/members.ts";

const member = (changes: Partial<MemberRecord>): MemberRecord =>
  memberRecord("b", {
    name: "b",
    addresses: ["/ip4/10.0.0.2/tcp/7071"],
    roles: ["gateway"],
    url: "http://10.0.0.2:7070",
    ...changes,
  });

describe("the web address of a node", () => {
  it("is where its gateway listens, when that is one address", () => {
    const at = { everywhere: false, mesh: ["/ip4/10.9.9.9/tcp/1"], own: ["10.8.8.8"] };
    expect(webAddressFor("http://10.0.0.2:7070", at)).to.equal("http://10.0.0.2:7070");
    expect(webAddressFor("http://127.0.0.1:7070", at)).to.equal("http://127.0.0.1:7070");
  });

  it("is its own public address, when only its machine reaches the gateway itself", () => {
    const at = { everywhere: false, mesh: [], own: [], publicUrl: "https://example.org/b" };
    expect(webAddressFor("http://127.0.0.1:7070", at)).to.equal("https://example.org/b");
    expect(webAddressFor("http://10.0.0.2:7070", at)).to.equal("http://10.0.0.2:7070");
  });

  it("is where its mesh is announced, when the gateway listens everywhere", () => {
    const from = (url: string, mesh: readonly string[]) => webAddressFor(url, { everywhere: true, mesh, own: [] });
    const mesh = ["/ip4/127.0.0.1/tcp/7071", "/ip4/10.0.0.2/tcp/7071"];
    expect(from("http://127.0.0.1:7070", mesh)).to.equal("http://10.0.0.2:7070");
    expect(from("http://127.0.0.1:7070", ["/dns4/b.example.org/tcp/1"])).to.equal("http://b.example.org:7070");
    const both = ["/ip6/fe80::1/tcp/1", "/ip6/fd00::2/tcp/1"];
    expect(from("http://[::1]:7070", both)).to.equal("http://[fd00::2]:7070");
    expect(from("http://127.0.0.1:7070", both), "it does not listen there").to.equal("http://127.0.0.1:7070");
    expect(from("https://127.0.0.1:7070", ["/ip4/127.0.0.1/tcp/1"])).to.equal("https://127.0.0.1:7070");
  });

  it("is one of its machine, when the gateway listens everywhere and its mesh does not", () => {
    const mesh = ["/ip4/127.0.0.1/tcp/7071"];
    const from = (url: string, own: readonly string[]) => webAddressFor(url, { everywhere: true, mesh, own });
    expect(from("http://127.0.0.1:7070", ["fd00::2", "10.0.0.2"])).to.equal("http://10.0.0.2:7070");
    expect(from("http://[::1]:7070", ["fd00::2"])).to.equal("http://[fd00::2]:7070");
    expect(from("http://127.0.0.1:7070", [])).to.equal("http://127.0.0.1:7070");
  });

  it("is told of a place without a scheme in the same way", () => {
    const at = { mesh: [], own: ["10.0.0.2", "fd00::2"] };
    expect(placeFor("0.0.0.0:80", at)).to.equal("10.0.0.2:80");
    expect(placeFor("[::]:7080", { ...at, own: ["fd00::2"] })).to.equal("[fd00::2]:7080");
    expect(placeFor("[::]:7080", { ...at, own: [] })).to.equal("[::1]:7080");
    expect(placeFor("127.0.0.1:7080", at)).to.equal("127.0.0.1:7080");
  });

  it("is named to clients while the node serves clients, takes new ones, and can be reached there", () => {
    const names = (changes: Partial<MemberRecord>) => placesOf([member(changes)]).map(({ name }) => name);
    expect(names({})).to.deep.equal(["b"]);
    expect(names({ roles: ["chat", "ai"] })).to.deep.equal([]);
    expect(names({ state: "draining" })).to.deep.equal([]);
    expect(names({ url: "" })).to.deep.equal([]);
    expect(names({ url: "http://127.0.0.1:7070" })).to.deep.equal([]);
    expect(names({ url: "http://127.0.0.1:7070", addresses: ["/ip4/127.0.0.1/tcp/1"] })).to.deep.equal(["b"]);
  });
});
