import { expect } from "chai";
import { routeOf } from "../../../client/route.ts";
import { otherNodes } from "../../../protocols/index.ts";
import { placeOf, urlAt } from "../../../protocols/admin/nodes.ts";

const listed = (...urls: readonly string[]) => urls.map((url, index) => ({ name: `node-${index}`, url }));
const others = (current: string, ...urls: readonly string[]) =>
  otherNodes(listed("http://own:7070", ...urls), current).map(({ url }) => url);

describe("where a client may go on", () => {
  it("is each other node once, without the one that answered", () => {
    const urls = ["http://10.0.0.2:7070", "http://10.0.0.3:7070", "http://10.0.0.2:7070"];
    expect(others("http://10.0.0.1:7070", ...urls)).to.deep.equal(["http://10.0.0.2:7070", "http://10.0.0.3:7070"]);
    expect(others("http://10.0.0.2:7070/", ...urls)).to.deep.equal(["http://10.0.0.3:7070"]);
  });

  it("is nowhere that would carry the session over plain HTTP after HTTPS", () => {
    const urls = ["http://b.example.org", "https://c.example.org"];
    expect(others("https://a.example.org", ...urls)).to.deep.equal(["https://c.example.org"]);
    expect(others("http://a.example.org", ...urls)).to.deep.equal(urls);
  });

  it("is no loopback address that a node elsewhere names: a stranger may listen there", () => {
    const urls = ["http://127.0.0.1:7071", "http://localhost:7072", "http://[::1]:7073", "http://x.localhost:1"];
    expect(others("http://10.0.0.1:7070", ...urls)).to.deep.equal([]);
    expect(others("http://127.0.0.1:7070", ...urls)).to.deep.equal(urls);
  });

  it("is no address that is not of the web", () => {
    expect(others("http://10.0.0.1:7070", "javascript:alert(1)", "", "file:///etc/passwd")).to.deep.equal([]);
    expect(others("not a url", "http://10.0.0.2")).to.deep.equal([]);
  });
});

describe("the address of a node below a path of a proxy", () => {
  it("keeps that path before every path of the node", () => {
    for (const place of ["https://example.org/chat", "https://example.org/chat/"])
      expect(urlAt(place, "/api/v1/me?x=1").href).to.equal("https://example.org/chat/api/v1/me?x=1");
    expect(urlAt("http://127.0.0.1:7070", "/ws").href).to.equal("http://127.0.0.1:7070/ws");
    expect(placeOf("HTTPS://Example.org:443/chat/")).to.equal("https://example.org/chat");
  });

  it("tells two nodes of one host apart", () => {
    const places = ["a", "b", "b/"].map((name) => ({ name, url: `https://example.org/${name}` }));
    expect(otherNodes(places, "https://example.org/a/").map(({ url }) => url)).to.deep.equal(["https://example.org/b"]);
    expect(
      routeOf(["https://example.org/a", "https://example.org/b/", "https://example.org/b"]).addresses,
    ).to.have.length(2);
  });
});
