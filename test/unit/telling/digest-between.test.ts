import { expect } from "chai";
import { digestReminded, recoverDigest } from "../../../actors/user/digest.ts";
import { user as behavior } from "../../../actors/user/index.ts";
import { initial, type Account, type HeldDigest } from "../../../actors/user/state.ts";
import { nextLookMs, quietUntilMs } from "../../../node/telling/digest-times.ts";
import { createDigests } from "../../../node/telling/index.ts";
import { type DigestPorts } from "../../../node/telling/digest.ts";
import type { DigestLine, MailRequest } from "../../../node/ports/index.ts";
import {
  failure,
  ok,
  plainDigest,
  refused,
  type DigestOf,
  type DigestState,
  type Result,
} from "../../../protocols/index.ts";
import { controlToken, password } from "../gateway/fixture.ts";
import { startLater, type LaterFixture } from "./later.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

describe("mail to people who were away, and what happens meanwhile", () => {
  let clocked: LaterFixture;
  let count = 0;
  before(async () => {
    clocked = await startLater();
  });
  after(() => clocked.fixture.stop());

  /** A person with two rooms, and a node that looks for them. */
  async function life() {
    const { fixture, ada, asked } = clocked;
    count += 1;
    const name = `bob${count}`;
    const { token } = await fixture.signUp(name);
    const own = (room: string) => `${room}${count}`;
    for (const room of ["den", "attic"].map(own)) {
      await asked(ada, "POST", "/rooms", { room, visibility: "public" });
      await asked(token, "POST", `/rooms/${room}/join`);
    }
    const account = { to: `user/${name}`, from: "gateway", timeoutMs: 5_000 } as const;
    const tell = (type: string, fields: object = {}) =>
      fixture.kernel.ask({ ...account, message: { ...fields, type } });
    const session = (await asked(token, "GET", "/me/sessions")).body.current;
    const shown = { as: "session", session, provedAgoMs: 0 };
    await tell("beginMail", { address: `${name}@example.org`, claim: `mail.${name}`, secretHash: "h", lifeMs: 60_000, shown }); // prettier-ignore
    await tell("confirmMail", { secretHash: "h" });
    await asked(token, "PUT", "/me/digest", { when: "unread", afterMinutes: 15 });
    const sent: Extract<MailRequest, { what: "digest" }>[] = [];
    const at = {
      silent: "",
      result: ok({}) as Result<unknown>,
      taken: async (): Promise<void> => undefined,
      named: async (): Promise<void> => undefined,
    };
    const ports: DigestPorts = {
      kernel: {
        async ask(question) {
          if (question.to === at.silent) return refused(failure("UNREACHABLE"));
          if (question.message.type === "card") await at.named();
          const answer = await fixture.kernel.ask(question);
          if (question.message.type === "takeDigest" && answer.ok) await at.taken();
          return answer;
        },
      },
      clock: fixture.settings.clock,
      random: fixture.settings.random,
      log: fixture.settings.log,
      meter: fixture.settings.meter,
      limits: { askTimeoutMs: 5_000 },
      onDue: () => () => undefined,
      allowed: () => "text",
      isSet: () => true,
      mayRead: async () => true,
      tokenFor: async () => "t",
      async send(request) {
        if (request.what === "digest") sent.push(request);
        return at.result;
      },
    };
    const digests = createDigests(ports, () => false);
    const look = async (minutes = 40): Promise<void> => {
      clocked.shiftMs += minutes * minuteMs;
      await digests.look(name);
    };
    await look(0);
    const post = (room: string, text: string) =>
      asked(ada, "POST", `/rooms/${own(room)}/messages`, { text: `@${name} ${text}` });
    const texts = () => sent.splice(0).flatMap(({ lines }) => lines.map(({ text }: DigestLine) => text.split(" ")[1]));
    const state = async (): Promise<DigestState> => {
      const answer = (await tell("digestState")) as Result<DigestState>;
      if (!answer.ok) throw new Error(answer.error.code);
      return answer.value;
    };
    const later = async () => {
      for (let nth = 0; nth < 4; nth += 1) await look();
    };
    return { name, own, token, at, sent, look, later, post, texts, state, tell };
  }

  it("loses nothing of a room that is silent at the second look, or at the first", async () => {
    const { post, at, look, later, own, texts } = await life();
    await post("den", "one");
    await post("attic", "two");
    at.taken = async () => void (at.silent = `room/${own("attic")}`);
    await look();
    expect(texts(), "while a room is silent").to.deep.equal([]);
    at.taken = async () => undefined;
    at.silent = "";
    await later();
    expect(texts()).to.have.members(["one", "two"]);
    await post("den", "three");
    at.silent = `room/${own("den")}`;
    await look();
    at.silent = "";
    await look(16);
    expect(texts(), "after the time of a retry").to.deep.equal(["three"]);
  });

  it("has nothing that was deleted while the names of authors were asked", async () => {
    const { ada, asked } = clocked;
    const { post, at, look, own, sent } = await life();
    const { seq } = (await post("den", "secret")).body;
    at.named = async () => void (await asked(ada, "DELETE", `/rooms/${own("den")}/messages/${seq}`));
    await look();
    expect(sent).to.deep.equal([]);
  });

  it("goes to nobody who is suspended, wants none any more, or has no such address, since it was taken", async () => {
    const { fixture, asked } = clocked;
    const ends: readonly ((one: Awaited<ReturnType<typeof life>>) => Promise<unknown>)[] = [
      ({ name }) =>
        fixture.request("PUT", `/api/v1/admin/users/${name}/suspended`, {
          token: controlToken,
          body: { suspended: true },
        }),
      ({ tell }) => tell("endDigest"),
      async ({ tell, name }) => {
        // What is removed needs a session that was opened a short time ago.
        const { token } = (await fixture.request("POST", "/api/v1/sign-in", { body: { name, password } })).body;
        const session = (await asked(token, "GET", "/me/sessions")).body.current;
        expect(await tell("removeMail", { shown: { as: "session", session, provedAgoMs: 0 } })).to.include({
          ok: true,
        });
      },
    ];
    for (const end of ends) {
      const one = await life();
      await one.post("den", "one");
      one.at.taken = async () => void (await end(one));
      await one.look();
      expect(one.sent, String(end)).to.deep.equal([]);
      const last = (await one.tell("digest")) as Result<DigestOf>;
      expect(last.ok && last.value.last?.outcome, String(end)).to.equal("away");
    }
  });

  it("gives notices back where settings change while the mail server is away, or are wrong", async () => {
    const { asked } = clocked;
    const { post, at, look, later, token, texts } = await life();
    await post("den", "one");
    at.taken = async () => void (await asked(token, "PUT", "/me/digest", { afterMinutes: 30 }));
    await look();
    expect(texts(), "by settings of before").to.deep.equal([]);
    at.taken = async () => undefined;
    at.result = refused(failure("MAIL_REFUSED", { reason: "no", at: "server" }));
    await later();
    expect(texts()).to.include("one");
    at.result = ok({});
    await later();
    expect(texts()).to.deep.equal(["one"]);
  });

  it("leaves an address that is refused three times in a row alone for a day", async () => {
    const { fixture } = clocked;
    const { post, at, look, sent, state } = await life();
    at.result = refused(failure("MAIL_REFUSED", { reason: "no such mailbox", at: "letter" }));
    for (let nth = 0; nth < 3; nth += 1) {
      await post("den", `n${nth}`);
      await look();
      await look(16);
    }
    expect(sent).to.have.length(3);
    const { dueMs = 0 } = await state();
    expect(dueMs - fixture.settings.clock.nowMs()).to.be.above(dayMs - 60 * minuteMs);
  });

  it("is not tried again while the mail server takes nothing, by one who looks for another", async () => {
    const { fixture } = clocked;
    const { post, at, look, sent, tell, state } = await life();
    at.result = refused(failure("MAIL_AWAY", { at: "server" }));
    await post("den", "one");
    await look();
    expect(sent).to.have.length(1);
    const { revision } = await state();
    await tell("awaitDigest", { revision, dueMs: fixture.settings.clock.nowMs() });
    await look(0);
    expect(sent, "at once").to.have.length(1);
    at.result = ok({});
    await look(18);
    expect(sent).to.have.length(2);
  });

  it("goes on after a clock that was ahead, asks soon for an end that nobody knows, and is reminded again", () => {
    const nowMs = Date.UTC(2026, 0, 1);
    const wants = { ...plainDigest, when: "unread" } as const;
    const dueMs = nextLookMs(wants, nowMs + 365 * dayMs);
    const digest: HeldDigest = { wants, revision: 1, sinceMs: 0, told: [], dueMs };
    const account = { digest } as unknown as Account;
    const turn = { nowMs } as Parameters<typeof digestReminded>[1];
    expect(digestReminded(account, turn)).to.deep.equal([{ type: "publish", event: { type: "digestDue" } }]);
    expect(quietUntilMs({ status: { doNotDisturb: true } } as never, nowMs)).to.equal(nowMs + 30 * minuteMs);
    // A node of the version before forgets the reminder; whichever has the account next sets it.
    const next = { ...digest, dueMs: nowMs + minuteMs };
    const reminds = recoverDigest({ digest: next } as unknown as Account, turn);
    expect(reminds).to.deep.equal([{ type: "remind", id: "digest", dueMs: nowMs + minuteMs }]);
    expect(behavior.pending?.({ ...initial, account })).to.equal(true);
    const never = { digest: { ...next, wants: plainDigest } } as unknown as Account;
    expect(recoverDigest(never, turn)).to.deep.equal([]);
    expect(behavior.pending?.({ ...initial, account: never })).to.equal(false);
  });
});
