import type { MessageStream } from "@libp2p/interface";
import { expect } from "chai";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { multiaddr } from "@multiformats/multiaddr";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { meshLimits } from "../../../../node/cluster/mesh/limits.ts";
import { createSwarm, inOnePiece, startSwarm, textOf } from "../../../../node/cluster/mesh/swarm.ts";
import { Happenings } from "./loopback.ts";

type Sent = Parameters<MessageStream["send"]>[0];

describe("what the mesh writes to a socket", () => {
  it("is one piece, whatever it was put together of", () => {
    const sent: Sent[] = [];
    const stream = inOnePiece({
      send(data: Sent): boolean {
        sent.push(data);
        return sent.length < 2;
      },
    });
    const whole = Uint8Array.of(0, 3, 7, 8, 9);
    const parts = { byteLength: whole.length, subarray: () => whole } as unknown as Sent;
    expect(stream.send(parts)).to.equal(true);
    expect(stream.send(whole)).to.equal(false);
    expect(sent).to.deep.equal([whole, whole]);
  });
});

describe("why a connection failed", () => {
  it("is text, whatever it was rejected with", () => {
    expect(textOf(new Error("reset"))).to.equal("Error: reset");
    expect(textOf(new AggregateError([new Error("one"), new Error("two"), new Error("one")]))).to.equal(
      "Error: one; Error: two",
    );
    expect(textOf(new Event("close"))).to.equal("the connection was closed");
    expect(textOf(Object.assign(new Event("close"), { error: new Error("reset") }))).to.equal("Error: reset");
    expect(textOf(new Event("abort"))).to.equal("abort");
    expect(textOf("out of time")).to.equal("out of time");
    expect(textOf(undefined)).to.equal("undefined");
  });
});

/** A socket's way to a port; counts what comes back over it. */
async function wayTo(port: number) {
  const way = { back: 0, port: 0, close: () => server.close() };
  const server = createServer((socket) => {
    const onward = connect(port, "127.0.0.1");
    socket.pipe(onward);
    onward.on("data", (bytes) => {
      way.back += 1;
      socket.write(bytes);
    });
    for (const one of [socket, onward]) one.on("error", () => one.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  way.port = (server.address() as AddressInfo).port;
  return way;
}

describe("a stream of the mesh", () => {
  it("is told of its reader's window in steps, and not of each small message", async () => {
    const swarm = async (...listen: string[]) => {
      const made = await createSwarm({ key: await generateKeyPair("Ed25519"), listen, gater: {}, limits: meshLimits });
      await startSwarm(made);
      return made;
    };
    const [sender, reader] = [await swarm(), await swarm("/ip4/127.0.0.1/tcp/0")];
    const [address = ""] = reader.getMultiaddrs().map(String);
    const way = await wayTo(Number(/tcp\/(\d+)/.exec(address)?.[1]));
    try {
      let bytes = 0;
      const happened = new Happenings();
      await reader.handle("/plexus/test/1", (stream) =>
        stream.addEventListener("message", ({ data }) => {
          bytes += data.byteLength;
          happened.tell();
        }),
      );
      const connection = await sender.dial(multiaddr(`/ip4/127.0.0.1/tcp/${way.port}/p2p/${reader.peerId.toString()}`));
      const stream = await connection.newStream("/plexus/test/1");
      const write = async (count: number, size: number): Promise<void> => {
        const wanted = bytes + size;
        for (let sent = 1; sent <= count; sent += 1) {
          if (!stream.send(new Uint8Array(size))) await once(stream as never, "drain");
          await happened.until(() => bytes >= wanted + (sent - 1) * size, "it arrives");
        }
      };
      await write(1, 100);
      const before = way.back;
      await write(100, 100);
      expect(way.back - before).to.equal(0);
      // Three times what a window has.
      await write(48, 65_536);
      expect(way.back - before).to.be.within(20, 60);
    } finally {
      way.close();
      await Promise.all([sender.stop(), reader.stop()]);
    }
  });
});
