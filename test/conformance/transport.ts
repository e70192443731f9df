import { expect } from "chai";
import type { Channel, NodeId, Transport } from "../../node/ports/index.ts";
import { encode, failure, wireLimits } from "../../protocols/index.ts";

/** Two nodes of one implementation of the Transport port that will find each other once both are listened to. */
export interface TransportCase {
  readonly one: Transport;
  readonly other: Transport;
  /** Something arrived, or a connection came or went. */
  happened(): void;
  /** Lets time pass until this holds; rejects, naming the phase, when it takes too long. */
  until(holds: () => boolean, phase: string): Promise<void>;
  /** Frees what the case used. */
  end(): Promise<void>;
}

interface End {
  readonly transport: Transport;
  readonly received: { readonly from: NodeId; readonly channel: Channel; readonly message: unknown }[];
  readonly events: string[];
}

const channels: readonly Channel[] = ["control", "message", "bulk"];

/** More than any queue may hold. */
const sentBytesMax = 256 * 1024 * 1024;

/** What every Transport does, whatever it sends over. */
export function transportConformance(name: string, makePair: () => Promise<TransportCase>): void {
  describe(`the transport over ${name}`, () => {
    let pair: TransportCase;
    let one: End;
    let other: End;

    const listenTo = (transport: Transport): End => {
      const end: End = { transport, received: [], events: [] };
      transport.listen({
        received(from, channel, message) {
          end.events.push("received");
          end.received.push({ from, channel, message });
          pair.happened();
        },
        connected(peer) {
          end.events.push(`connected ${peer}`);
          pair.happened();
        },
        disconnected(peer) {
          end.events.push(`disconnected ${peer}`);
          pair.happened();
        },
      });
      return end;
    };
    const areConnected = (): boolean =>
      one.transport.peers().includes(other.transport.node) && other.transport.peers().includes(one.transport.node);
    const send = (from: End, to: End, channel: Channel, message: unknown): boolean =>
      from.transport.send(to.transport.node, channel, message);
    const on = (end: End, channel: Channel): unknown[] =>
      end.received.filter((each) => each.channel === channel).map(({ message }) => message);

    beforeEach(async () => {
      pair = await makePair();
      one = listenTo(pair.one);
      other = listenTo(pair.other);
      await pair.until(areConnected, "the two are connected");
    });
    afterEach(() => pair.end());

    it("tells each end of the other before anything is received from it", async () => {
      send(one, other, "message", "first");
      await pair.until(() => other.received.length > 0, "the first message");
      expect(other.events.slice(0, 2)).to.deep.equal([`connected ${one.transport.node}`, "received"]);
      expect(one.events).to.deep.equal([`connected ${other.transport.node}`]);
    });

    for (const channel of channels) {
      it(`delivers what is sent on ${channel} once and in order, both ways`, async () => {
        const count = 500;
        for (let index = 0; index < count; index += 1) {
          expect(send(one, other, channel, { index })).to.equal(true);
          expect(send(other, one, channel, ["back", index])).to.equal(true);
        }
        await pair.until(() => other.received.length >= count && one.received.length >= count, "all messages");
        expect(on(other, channel)).to.deep.equal(Array.from({ length: count }, (_, index) => ({ index })));
        expect(on(one, channel)).to.deep.equal(Array.from({ length: count }, (_, index) => ["back", index]));
        expect(other.received[0]?.from).to.equal(one.transport.node);
      });
    }

    it("keeps the order of each channel while all are used", async () => {
      const count = 200;
      for (let index = 0; index < count; index += 1)
        for (const channel of channels) expect(send(one, other, channel, index)).to.equal(true);
      await pair.until(() => other.received.length === count * channels.length, "all messages");
      const expected = Array.from({ length: count }, (_, index) => index);
      for (const channel of channels) expect(on(other, channel)).to.deep.equal(expected);
    });

    it("carries plain data of every sort", async () => {
      const message = {
        text: "ä – 中 – 👋",
        empty: "",
        list: [1, -1, 2 ** 40, 1.5, true, false, null, []],
        nested: { a: { b: { c: {} } } },
        bytes: new Uint8Array([0, 255, 128]),
      };
      send(one, other, "message", message);
      await pair.until(() => other.received.length === 1, "the message");
      const got = on(other, "message")[0] as typeof message;
      expect({ ...got, bytes: [...got.bytes] }).to.deep.equal({ ...message, bytes: [...message.bytes] });
    });

    it("delivers large messages whole, and what comes after them", async () => {
      const size = 3 * 1024 * 1024;
      const large = new Uint8Array(size).map((_, index) => index % 251);
      for (const channel of channels) {
        expect(send(one, other, channel, large)).to.equal(true);
        expect(send(one, other, channel, "after")).to.equal(true);
      }
      await pair.until(() => other.received.length === 2 * channels.length, "all messages");
      for (const channel of channels) {
        const [bytes, after] = on(other, channel) as [Uint8Array, string];
        expect(Buffer.compare(bytes, large)).to.equal(0);
        expect(after).to.equal("after");
      }
    });

    it("takes the largest message on every channel; what is larger than any it refuses, and nothing else is touched", async () => {
      const { peerMessageBytesMax } = wireLimits;
      const largest = new Uint8Array(peerMessageBytesMax - 5);
      expect(encode(largest)).to.have.length(peerMessageBytesMax);
      for (const channel of channels) {
        expect(send(one, other, channel, new Uint8Array(2 * peerMessageBytesMax))).to.equal(false);
        expect(send(one, other, channel, ["with a name beside it", 1, largest])).to.equal(true);
        expect(send(one, other, channel, "after")).to.equal(true);
      }
      await pair.until(() => other.received.length === 2 * channels.length, "all messages");
      for (const channel of channels) {
        const [[, , bytes], after] = on(other, channel) as [[string, number, Uint8Array], string];
        expect([bytes.length, after]).to.deep.equal([largest.length, "after"]);
      }
      expect(one.events).to.deep.equal([`connected ${other.transport.node}`]);
    });

    it("sends nothing to a node it does not know", () => {
      expect(one.transport.send("nobody", "message", "lost")).to.equal(false);
    });

    for (const channel of channels) {
      it(`refuses messages when the queue of ${channel} is full, and takes them again when it is not`, async () => {
        const filling = new Uint8Array(64 * 1024);
        let taken = 0;
        while (taken * filling.length < sentBytesMax && send(one, other, channel, [taken, filling])) taken += 1;
        expect(taken).to.be.greaterThan(0);
        expect(taken * filling.length).to.be.lessThan(sentBytesMax);
        await pair.until(() => other.received.length === taken, "everything that was taken");
        const numbers = (on(other, channel) as [number, Uint8Array][]).map(([number]) => number);
        expect(numbers).to.deep.equal(Array.from({ length: taken }, (_, index) => index));
        expect(send(one, other, channel, "again")).to.equal(true);
        await pair.until(() => other.received.length === taken + 1, "one more message");
      });
    }

    it("ends a connection on demand, tells both ends, and connects again", async () => {
      pair.one.disconnect(other.transport.node, failure("FORBIDDEN", { reason: "a test" }));
      expect(send(one, other, "message", "too late")).to.equal(false);
      const ended = (end: End, peer: End): boolean => end.events.includes(`disconnected ${peer.transport.node}`);
      await pair.until(() => ended(one, other) && ended(other, one), "both are told");
      await pair.until(areConnected, "the two are connected again");
      expect(one.events.filter((event) => event !== "received")).to.deep.equal([
        `connected ${other.transport.node}`,
        `disconnected ${other.transport.node}`,
        `connected ${other.transport.node}`,
      ]);
      expect(send(other, one, "message", "hello again")).to.equal(true);
      await pair.until(() => one.received.length === 1, "the message after");
      expect(on(one, "message")).to.deep.equal(["hello again"]);
      expect(other.received).to.deep.equal([]);
    });

    it("brings of what was under way when a connection ends a beginning, once, and nothing over the next one", async () => {
      const filling = new Uint8Array(16 * 1024);
      for (let index = 0; index < 100; index += 1)
        for (const channel of channels) expect(send(one, other, channel, [index, filling])).to.equal(true);
      await pair.until(() => other.received.length >= 20, "some of it");
      pair.one.disconnect(other.transport.node, failure("FORBIDDEN", { reason: "a test" }));
      const connected = `connected ${one.transport.node}`;
      const connections = (): number => other.events.filter((event) => event === connected).length;
      await pair.until(() => connections() === 2 && areConnected(), "the two are connected again");
      for (const channel of channels) expect(send(one, other, channel, "after")).to.equal(true);
      const ends = (channel: Channel): boolean => on(other, channel).at(-1) === "after";
      await pair.until(() => channels.every(ends), "what comes after");
      for (const channel of channels) {
        const numbers = on(other, channel).slice(0, -1) as [number, Uint8Array][];
        const beginning = Array.from({ length: numbers.length }, (_, index) => index);
        expect(numbers.map(([number]) => number)).to.deep.equal(beginning);
      }
      const sinceThen = other.events.slice(other.events.lastIndexOf(connected) + 1);
      expect(sinceThen.filter((event) => event === "received")).to.have.length(channels.length);
    });
  });
}
