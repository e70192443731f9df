import { expect } from "chai";
import { parseConfig, parseControl, type ConfigInput } from "../../../config/index.ts";
import { failureOf } from "../../../protocols/index.ts";

const context = { workFolder: "/work", dataFolder: "/data", hostname: "host", models: [] };
const fault = (flags: ConfigInput): string => {
  try {
    parseConfig({ flags }, context);
    return "";
  } catch (thrown) {
    const { field, reason } = failureOf(thrown).details ?? {};
    return `${String(field)}: ${String(reason)}`;
  }
};

describe("configuration: the control endpoint", () => {
  it("is on this machine where it names none", () => {
    expect(parseControl("7072")).to.deep.equal({ host: "127.0.0.1", port: 7072 });
    expect(parseControl(":7072")).to.deep.equal({ host: "127.0.0.1", port: 7072 });
    expect(parseControl("[::1]:0")).to.deep.equal({ host: "::1", port: 0 });
    expect(parseControl("node-a.example.org:7072")).to.deep.equal({ host: "node-a.example.org", port: 7072 });
    expect(parseControl("unix:/run/plexus.sock")).to.deep.equal({ path: "/run/plexus.sock" });
    for (const wrong of [
      "",
      "host",
      "host:",
      "1:99999",
      "unix:relative",
      `unix:/${"x".repeat(120)}`,
      "http://a:1",
      "a b:1",
    ])
      expect(parseControl(wrong), wrong).to.equal(undefined);
  });

  it("is beyond this machine with TLS only, and has a port of its own", () => {
    const tls = { cert: "a.pem", key: "b.pem" };
    for (const here of ["7072", "localhost:7072", "[::1]:7072", "127.8.9.1:7072", "unix:/run/x"])
      expect(fault({ control: here }), here).to.equal("");
    for (const away of ["0.0.0.0:7072", "[::]:7072", "10.0.0.5:7072", "node-a:7072"]) {
      expect(fault({ control: away }), away).to.match(/^control: tokens would cross the network/);
      expect(fault({ control: away, tls }), away).to.equal("");
    }
    expect(fault({ control: "7070" })).to.match(/^control: its port is taken by port/);
    expect(fault({ control: "7071" })).to.match(/^control: its port is taken by mesh.port/);
    expect(fault({ control: "nowhere" })).to.match(/^control: must be an address with its port/);
  });

  it("certificates come with their keys, authorities of clients with a control endpoint; paths start where the layer is", () => {
    expect(fault({ tls: { cert: "a.pem" } })).to.match(/^tls.key: a certificate and its key/);
    expect(fault({ tls: { key: "a.pem" } })).to.match(/^tls.cert: /);
    expect(fault({ tls: { cert: "a", key: "b", clientCa: "c" } })).to.match(/^tls.clientCa: .*--control/);
    const environment = { PLEXUS_TLS_CERT: "tls/a.pem", PLEXUS_TLS_KEY: "/keys/b.pem", PLEXUS_CONTROL: "7072" };
    const config = parseConfig({ environment }, context);
    expect(config.tls).to.deep.equal({ cert: "/work/tls/a.pem", key: "/keys/b.pem" });
    expect(config.control).to.equal("7072");
  });
});
