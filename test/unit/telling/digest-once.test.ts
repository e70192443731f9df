import { expect } from "chai";
import fc from "fast-check";
import { createDigests } from "../../../node/telling/index.ts";
import { type DigestPorts } from "../../../node/telling/digest.ts";
import type { MailRequest } from "../../../node/ports/index.ts";
import { failure, ok, refused, type Result } from "../../../protocols/index.ts";
import { depth } from "../../depth.ts";
import { startLater, type LaterFixture } from "./later.ts";

type Fate = "take" | "away" | "refuse" | "unknown" | "dieAfter";
/** Something that happens after a mail was taken and before it is written. */
type Between = "nothing" | "die" | "delete" | "read" | "leave" | "unsubscribe" | "readdress" | "counts";

type Step =
  | { readonly does: "post"; readonly room: number; readonly thread: boolean }
  | { readonly does: "delete" | "read" | "leave" | "join"; readonly room: number }
  | { readonly does: "look"; readonly fate: Fate; readonly between: Between; readonly twice: boolean };

const rooms = ["den", "attic"];
const places = fc.nat(rooms.length - 1);
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ does: fc.constant("post" as const), room: places, thread: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.record({ does: fc.constantFrom("delete", "read", "leave", "join" as const), room: places }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        does: fc.constant("look" as const),
        fate: fc.constantFrom<Fate[]>("take", "take", "away", "refuse", "unknown", "dieAfter"),
        between: fc.constantFrom<Between[]>(
          "nothing",
          "nothing",
          "nothing",
          "nothing",
          "delete",
          "delete",
          "read",
          "leave",
          "die",
          "unsubscribe",
          "readdress",
          "counts",
        ),
        twice: fc.boolean(),
      }),
    },
  ) as fc.Arbitrary<Step>,
  { minLength: 6, maxLength: 18 },
);

const results: Readonly<Record<Exclude<Fate, "dieAfter">, Result<unknown>>> = {
  take: ok({}),
  away: refused(failure("MAIL_AWAY")),
  refuse: refused(failure("MAIL_REFUSED", { at: "letter" })),
  unknown: refused(failure("MAIL_UNKNOWN")),
};

describe("mail to people who were away, whatever happens", () => {
  let clocked: LaterFixture;
  let count = 0;
  before(async () => {
    clocked = await startLater();
  });
  after(() => clocked.fixture.stop());

  /** One person with rooms of their own, and what is known of every message. */
  async function life() {
    const { fixture, ada, asked } = clocked;
    count += 1;
    const user = `bob${count}`;
    const { token } = await fixture.signUp(user);
    const own = rooms.map((room) => `${room}${count}`);
    for (const room of own) {
      await asked(ada, "POST", "/rooms", { room, visibility: "public" });
      await asked(token, "POST", `/rooms/${room}/join`);
      // Both threads and the room have something of the person's to answer.
      await asked(token, "POST", `/rooms/${room}/messages`, { text: "a question" });
    }
    const account = { to: `user/${user}`, from: "gateway", timeoutMs: 5_000 } as const;
    const tell = (type: string, fields: object) => fixture.kernel.ask({ ...account, message: { type, ...fields } });
    const { current } = (await asked(token, "GET", "/me/sessions")).body;
    let address = "";
    const moveTo = async (next: string) => {
      address = next;
      const shown = { as: "session", session: current, provedAgoMs: 0 };
      await tell("beginMail", { address, claim: `mail.${user}`, secretHash: "h", lifeMs: 60_000, shown });
      expect(await tell("confirmMail", { secretHash: "h" })).to.include({ ok: true });
    };
    await moveTo(`${user}@example.org`);
    const want = (fields: object) => asked(token, "PUT", "/me/digest", fields);
    await want({ when: "unread", afterMinutes: 15 });
    /** What no mail may be sent after, and what ends it again. */
    let isOff = false;
    let content = "text";
    const posted: { room: number; seq: number; text: string; thread: boolean }[] = [];
    /** Texts that no mail may have any more, and those that a mail may have reached the person with. */
    const hidden = new Set<string>();
    const out = new Set<number>();
    const reached: string[] = [];
    const shownTooLate: string[] = [];
    const does = {
      async post(room: number, thread: boolean) {
        const text = `@${user} n${posted.length}.`;
        const more = thread ? { replyTo: 1 } : {};
        const { status, body } = await asked(ada, "POST", `/rooms/${own[room]}/messages`, { text, ...more });
        expect(status, JSON.stringify(body)).to.be.below(300);
        posted.push({ room, seq: body.seq, text, thread });
        if (out.has(room)) hidden.add(text);
      },
      async delete(room: number) {
        const one = posted.findLast((message) => message.room === room && !hidden.has(message.text));
        if (one === undefined) return;
        await asked(ada, "DELETE", `/rooms/${own[room]}/messages/${one.seq}`);
        hidden.add(one.text);
      },
      async read(room: number) {
        const seq = Math.max(1, ...posted.filter((one) => one.room === room).map((one) => one.seq));
        await asked(token, "PUT", `/rooms/${own[room]}/read`, { seq });
        await asked(token, "PUT", `/rooms/${own[room]}/read`, { seq, thread: 1 });
        for (const one of posted) if (one.room === room) hidden.add(one.text);
      },
      async leave(room: number) {
        await asked(token, "POST", `/rooms/${own[room]}/leave`);
        out.add(room);
        for (const one of posted) if (one.room === room) hidden.add(one.text);
      },
      async unsubscribe() {
        await tell("endDigest", {});
        isOff = true;
        // What was written until it is asked for again is told by none.
        for (const { text } of posted) hidden.add(text);
      },
      async readdress() {
        await moveTo(`${user}.${posted.length}.${reached.length}@example.com`);
      },
      async counts() {
        await want({ content: "counts" });
        content = "counts";
      },
      /** After a look, all is as before. */
      async restore(between: Between) {
        isOff = false;
        if (between === "unsubscribe") await want({ when: "unread" });
        if (between === "counts") await want({ content: (content = "text") });
      },
      async join(room: number) {
        await asked(token, "POST", `/rooms/${own[room]}/join`);
        out.delete(room);
      },
    };
    /** A node that looks. It may die; another one looks then. */
    const node = (fate: Fate, between: () => Promise<void>) => {
      let died: () => void = () => undefined;
      const death = new Promise<void>((resolve) => (died = resolve));
      const ports: DigestPorts = {
        kernel: {
          async ask(question) {
            const answer = await fixture.kernel.ask(question);
            if (question.message.type === "takeDigest" && answer.ok) await between();
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
        async send(request: MailRequest) {
          const texts = request.what === "digest" ? request.lines.map(({ text }) => text) : [];
          if (isOff) shownTooLate.push("mail to somebody who gets none");
          if (request.to !== address) shownTooLate.push("mail to an address that was another");
          if (content === "counts" && texts.length > 0) shownTooLate.push("texts for somebody who wants counts");
          shownTooLate.push(...texts.filter((text) => hidden.has(text)));
          if (fate !== "away") reached.push(...texts);
          if (fate !== "dieAfter") return results[fate];
          died();
          return new Promise(() => undefined);
        },
      };
      return { look: () => Promise.race([createDigests(ports, () => false).look(user), death]), die: () => died() };
    };
    return { does, posted, hidden, reached, shownTooLate, node };
  }

  it("each notice is in one mail at the most, in one if none is lost, and nothing that may no longer be read is in any", async () => {
    let mails = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const { does, posted, hidden, reached, shownTooLate, node } = await life();
        const look = async (fate: Fate, between: Between, twice: boolean) => {
          clocked.shiftMs += 31 * 60_000;
          let isFirst = true;
          const first = node(fate, async () => {
            if (!isFirst) return;
            isFirst = false;
            if (between === "die") return (first.die(), await new Promise<void>(() => undefined));
            if (between !== "nothing") await does[between](0);
          });
          // The account has moved, and both nodes look.
          const other = twice ? [node("take", async () => undefined).look()] : [];
          await Promise.all([first.look(), ...other]);
          if (!isFirst) await does.restore(between);
        };
        let isWhole = true;
        for (const step of all) {
          if (step.does === "post") await does.post(step.room, step.thread);
          else if (step.does !== "look") await does[step.does](step.room);
          else {
            await look(step.fate, step.between, step.twice);
            isWhole &&= step.between !== "die";
          }
        }
        for (const _ of ["settles a time", "sends"]) await look("take", "nothing", false);
        mails += reached.length;
        expect(shownTooLate, "what may not be read any more").to.deep.equal([]);
        expect(new Set(reached).size, "twice in a mail").to.equal(reached.length);
        const owed = posted.map(({ text }) => text).filter((text) => !hidden.has(text) && !reached.includes(text));
        // What a node that died had taken is lost, and nothing else is.
        if (isWhole) expect(owed, "in no mail").to.deep.equal([]);
      }),
      { numRuns: depth(25, 250) },
    );
    expect(mails, "something was sent").to.be.above(0);
  });
});
