import { createServer, type AddressInfo } from "node:net";
import { expect } from "chai";
import { parseConfig, type Config, type ConfigInput } from "../../../config/index.ts";
import { checkPlaces, placeIn, placesToListen } from "../../../node/composition/joining.ts";
import { failureOf } from "../../../protocols/index.ts";

const configOf = (flags: ConfigInput): Config =>
  parseConfig({ environment: {}, flags }, { workFolder: "/", dataFolder: "/data", hostname: "a", models: [] });

describe("the places at which a node listens", () => {
  it("are all tried, the cheapest way, and by addresses: nothing has to resolve `localhost`", async () => {
    const config = configOf({
      host: "localhost",
      port: 7070,
      mesh: { host: "localhost" },
      metricsListen: "localhost:9464",
      grpc: "7080",
      control: "localhost:7072",
    });
    const tried: unknown[] = [];
    await checkPlaces(config, (place) => Promise.resolve(void tried.push(place)));
    expect(tried).to.deep.equal([7070, 7071, 9464, 7080, 7072].map((port) => ({ host: "127.0.0.1", port })));
    expect(placesToListen(configOf({ control: "unix:/run/plexus.sock" })).map(({ of }) => of)).to.deep.equal([
      "web",
      "mesh",
    ]);
    expect(placeIn("[::1]:9464")).to.deep.equal({ host: "::1", port: 9464 });
  });

  it("that another program has end the start with the flag that chooses another one", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = other.address() as AddressInfo;
      const refusal = async (flags: ConfigInput) =>
        checkPlaces(configOf(flags)).then(
          () => undefined,
          (error: unknown) => error,
        );
      expect(await refusal({ port: 0 })).to.equal(undefined);
      expect(await refusal({ port })).to.include({ code: "EADDRINUSE", syscall: "listen", port });
      const mesh = failureOf(await refusal({ port: 0, mesh: { port } }));
      expect(mesh).to.have.nested.property("details.field", "mesh.port");
      expect(mesh.message).to.equal(
        `Port ${port} is in use by another process; choose one for other nodes with --mesh-port.`,
      );
      // A network that is for documents, which no machine has.
      const elsewhere = failureOf(await refusal({ port: 0, mesh: { host: "192.0.2.1", port: 0 } }));
      expect(elsewhere).to.have.nested.property("details.field", "mesh.host");
      expect(elsewhere.message).to.match(/^This machine has no address 192\.0\.2\.1; .*--mesh-host, .*--announce\.$/);
      // Another port would not help where the address is valid on one network only, or there is no IPv6 at all.
      const linked = failureOf(await refusal({ port: 0, mesh: { host: "fe80::1", port: 0 } }));
      expect(linked).to.have.nested.property("details.field", "mesh.host");
      expect(linked.message).to.match(/^This machine has no address fe80::1; /);
    } finally {
      other.close();
    }
  });
});
