import { expect } from "chai";
import type { Connection } from "../../../node/gateway/connection.ts";
import type { Feeds } from "../../../node/gateway/feeds.ts";
import { createHub } from "../../../node/gateway/index.ts";
import { createPeople } from "../../../node/gateway/people.ts";
import { ok } from "../../../protocols/index.ts";

describe("gateway: people", () => {
  it("follow what can be a room, and nothing else that the node with their actor says", async () => {
    const hub = createHub();
    const watched: string[] = [];
    const feeds = { watch: (topic: string) => void watched.push(topic) } as Partial<Feeds> as Feeds;
    const people = createPeople(hub, feeds, async () => ok({ rooms: ["den"] }));
    const connection = { watching: false, caller: { session: "s" } } as Connection;
    const person = people.arrive("ada");
    people.arrived(person, connection);
    await people.watch(person, connection);
    for (const room of [undefined, null, 7, "", "../lobby", "Lobby", "attic"])
      hub.publish("user/ada", { type: "roomJoined", room }, 1);
    expect(watched).to.deep.equal(["room/den", "room/attic"]);
  });
});
