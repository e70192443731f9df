import { expect } from "chai";
import { Interest } from "../../../../node/gateway/ai/interest.ts";

describe("gateway: interest in an answer", () => {
  it("is lost once, with what it is part of, and tells those who still wait for that", () => {
    const client = new Interest();
    const choice = new Interest(client);
    const told: string[] = [];
    const kept = (): void => void told.push("kept");
    choice.whenLost(kept);
    choice.whenLost(() => void told.push("choice"));
    choice.keep(kept);
    client.whenLost(() => void told.push("client"));
    client.lose();
    client.lose();
    expect(told).to.deep.equal(["choice", "client"]);
    expect([client.lost, choice.lost]).to.deep.equal([true, true]);
    expect(new Interest(client).lost, "of what was lost before").to.equal(true);
  });

  it("of a part is lost alone", () => {
    const client = new Interest();
    const choice = new Interest(client);
    choice.lose();
    expect([client.lost, choice.lost]).to.deep.equal([false, true]);
  });
});
