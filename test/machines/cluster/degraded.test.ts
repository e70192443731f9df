import { expect } from "chai";
import { terminalPorts } from "../../../cli/chat/socket.ts";
import { Client } from "../../../client/index.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { ClusterProcesses, manager, worker } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, sleep, until } from "../../fixtures/processes/cluster-waits.ts";
import { isolate } from "../../fixtures/processes/links.ts";
import { layProxies, missingForProxies } from "../../fixtures/processes/links-proxies.ts";

const names = [manager.name, "one", "two", "three"];
const rooms = ["den", "attic", "cellar", "garden"];
const pauseMs = 50;
/** Noticing takes 2 s. Whoever waits for so long has waited until the node itself gave up. */
const waitMsMax = gatewayLimits.askTimeoutMs;

/** Posts again and again, one after the other was acknowledged, as a person at one node does; how long each had to
 *  wait. */
class Person {
  readonly #client: Client;
  readonly waits: number[] = [];
  readonly refusals: string[] = [];
  #stopped = false;
  #ended: Promise<void> = Promise.resolve();

  private constructor(client: Client) {
    this.#client = client;
  }

  static at(url: string, token: string, room: string): Person {
    const client = new Client({ urls: [url] }, terminalPorts(token));
    const person = new Person(client);
    client.start();
    person.#ended = person.#post(room);
    return person;
  }

  get isAt(): string {
    return this.#client.at.name;
  }

  async #post(room: string): Promise<void> {
    for (let number = 0; !this.#stopped; number += 1) {
      const sentMs = performance.now();
      const answer = await this.#client.call("room.post", room, { text: `${number}` });
      this.waits.push(performance.now() - sentMs);
      if (!answer.ok) this.refusals.push(answer.error.code);
      await sleep(pauseMs);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
    this.#client.close();
  }
}

const missing = missingForProxies();

describe("people at a node of a cluster that is cut off from the others", function () {
  if (missing !== undefined) it.skip(`is not tested: ${missing}`, () => undefined);
  else it("go on elsewhere at once, and come back when it is over", cutOff);
});

async function cutOff(): Promise<void> {
  await using links = await layProxies();
  await using cluster = await ClusterProcesses.start([manager, ...names.slice(1).map(worker)], links);
  const token = await cluster.first.signUp("ada");
  for (const room of rooms) {
    const made = await cluster.first.http("POST", "/api/v1/rooms", { room, title: room }, token);
    expect(made.status).to.equal(200);
  }
  await healthy(cluster, "before the cut");
  const node = cluster.named("one");
  const ready = async (): Promise<string> => {
    const { status, body } = await node.http("GET", "/readyz");
    return `${status} ${(body as { error?: { code: string } }).error?.code ?? ""}`;
  };
  expect(await ready()).to.equal("200 ");
  const people = rooms.map((room) => Person.at(node.url, token, room));
  const haveWritten = (than: readonly number[], more: number): void => {
    for (const [index, { waits }] of people.entries()) expect(waits.length).to.be.above((than[index] ?? 0) + more);
  };
  try {
    await until("everybody writes", () => haveWritten([], 5));
    const before = people.map(({ waits }) => waits.length);
    isolate(links, "one", names);
    // Whoever waits for the end of the cut would not get there.
    await until("everybody writes during the cut, elsewhere", () => {
      haveWritten(before, 10);
      expect(people.map(({ isAt }) => isAt)).to.not.include("one");
    });
    await until("it says that it is cut off", async () => expect(await ready()).to.equal("503 NODE_DEGRADED"));
    links.mend();
    const longest = people.map(({ waits }, index) => Math.round(Math.max(...waits.slice(before[index]))));
    // What was measured is of interest also when it is good.
    console.log(`      longest waits during a cut: ${longest.join(", ")} ms`);
    for (const wait of longest) expect(wait).to.be.below(waitMsMax);
    await until("it is ready again", async () => expect(await ready()).to.equal("200 "));
    await until("everybody is back", () => expect(people.every(({ isAt }) => isAt === "one")).to.equal(true));
    expect(people.flatMap(({ refusals }) => refusals)).to.deep.equal([]);
  } finally {
    await Promise.all(people.map((person) => person.stop()));
  }
}
