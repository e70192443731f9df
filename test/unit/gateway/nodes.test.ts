import { once } from "node:events";
import { expect } from "chai";
import { WebSocket } from "ws";
import type { Hello, NodePlace } from "../../../protocols/index.ts";
import { listNodes } from "../../../node/gateway/nodes.ts";
import { startFixture } from "./fixture.ts";

const place = (name: string): NodePlace => ({ name, url: `http://${name}.test` });

describe("gateway: the other nodes", () => {
  it("are listed behind the one that answers, each node beginning with another", () => {
    const names = (own: string, others: readonly string[], max = 16) =>
      listNodes(place(own), others.map(place), max).map(({ name }) => name);
    expect(names("b", ["c", "a", "d"])).to.deep.equal(["b", "c", "d", "a"]);
    expect(names("d", ["c", "a", "b"])).to.deep.equal(["d", "a", "b", "c"]);
    expect(names("b", ["c", "a", "d"], 3)).to.deep.equal(["b", "c", "d"]);
    expect(names("b", [])).to.deep.equal(["b"]);
  });

  it("are told in hello and at /api/v1/nodes, as they are at that time, to those who are signed in", async () => {
    let peers = [place("zoe"), place("amy")];
    const fixture = await startFixture({ name: "ned", peers: () => peers });
    const { token } = await fixture.signUp("ada");
    const own = { name: "ned", url: fixture.url };
    const socket = new WebSocket(`${fixture.url.replace("http", "ws")}/ws`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const [first] = (await once(socket, "message")) as [Buffer];
    socket.terminate();
    const { hello } = JSON.parse(first.toString()) as { readonly hello: Hello };
    expect(hello.nodes).to.deep.equal([own, place("zoe"), place("amy")]);
    peers = [];
    const listed = await fixture.request("GET", "/api/v1/nodes", { token });
    expect(listed.body).to.deep.equal({ nodes: [own] });
    expect((await fixture.request("GET", "/api/v1/nodes")).status).to.equal(401);
    await fixture.stop();
  });
});
