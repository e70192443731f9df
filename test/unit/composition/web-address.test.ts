import { expect } from "chai";
import type { MemberRecord } from "../../../node/ports.ts";
import { placesOf, webAddressFor } from "../../../node/composition/web-address.ts";
import { memberRecord } from "../../fixtures/members.ts";

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
    expect(webAddressFor("http://10.0.0.2:7070", ["/ip4/10.9.9.9/tcp/1"])).to.equal("http://10.0.0.2:7070");
    expect(webAddressFor("http://127.0.0.1:7070", ["/ip4/10.9.9.9/tcp/1"])).to.equal("http://127.0.0.1:7070");
  });

  it("is where its mesh is announced, when the gateway listens everywhere", () => {
    const mesh = ["/ip4/127.0.0.1/tcp/7071", "/ip4/10.0.0.2/tcp/7071"];
    expect(webAddressFor("http://localhost:7070", mesh)).to.equal("http://10.0.0.2:7070");
    expect(webAddressFor("http://localhost:7070", ["/dns4/b.example.org/tcp/1"])).to.equal("http://b.example.org:7070");
    expect(webAddressFor("http://localhost:7070", ["/ip6/fe80::1/tcp/1", "/ip6/fd00::2/tcp/1"])).to.equal("http://[fd00::2]:7070"); // prettier-ignore
    expect(webAddressFor("http://localhost:7070", ["/ip4/127.0.0.1/tcp/1"])).to.equal("http://localhost:7070");
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
