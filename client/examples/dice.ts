/** A bot that throws dice: `!roll 2d6` in its room, or a mention of its name.
 *
 *      PLEXUS_KEY=plxk_… node dice.ts --url http://127.0.0.1:7070 --room lobby
 *
 *  It answers each message once, whatever happens to the node or to itself. A node that restarts costs it nothing: the
 *  library comes back and goes on after the last event. When the bot itself is restarted, the file has the position up
 *  to which it has answered. A message that was answered, but whose position did not reach the file, is answered again
 *  under the same operation id, and the node makes no second message of it. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { connect, type Streams } from "plexus-client";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:7070" },
    room: { type: "string", default: "lobby" },
    state: { type: "string", default: "dice.json" },
  },
});
const { room, state: file } = values;
const token = process.env["PLEXUS_KEY"];
if (token === undefined)
  throw new Error("PLEXUS_KEY is not set: make a key on the settings page, or POST /api/v1/me/keys");

/** The bot as author and member; known once it is connected. */
let me = "";
const client = connect({ url: values.url, token });

/** The position up to which everything was answered; undefined at the first start. */
function readPosition(): number | undefined {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { readonly position: number }).position;
  } catch {
    return undefined;
  }
}

function keepPosition(position: number): void {
  writeFileSync(`${file}.new`, JSON.stringify({ position }));
  renameSync(`${file}.new`, file);
}

/** What is answered to a text, if anything. */
function answerTo(text: string, isMeant: boolean): string | undefined {
  const asked = /^!roll(?:\s+(\d{1,2})d(\d{1,3}))?\s*$/.exec(text);
  if (asked === null) return isMeant ? "Say !roll, or !roll 2d6." : undefined;
  const [count, sides] = [Number(asked[1] ?? 1), Math.max(1, Number(asked[2] ?? 6))];
  const rolls = Array.from({ length: count }, () => 1 + Math.floor(Math.random() * sides));
  return `${rolls.join(" + ")} = ${rolls.reduce((sum, roll) => sum + roll, 0)}`;
}

/** Events are answered one after the other, so that the position in the file never passes one that is not. */
let last = Promise.resolve();

async function answer(event: Streams["room"]["event"], at: number): Promise<void> {
  if (event.type === "posted" && event.message.author !== me) {
    const { seq, text, mentions } = event.message;
    const said = answerTo(text, mentions?.includes(me) === true);
    if (said !== undefined) {
      const operationId = `dice-${room}-${seq}`;
      for (;;) {
        const posted = await client.call("room.post", room, { text: said, replyTo: seq }, { operationId });
        if (posted.ok) break;
        // `failed`: it will not do better next time. Else nobody has answered yet, or nobody knows.
        if (posted.error.outcome === "failed") {
          console.error(`message ${seq} is not answered: ${posted.error.message}`);
          break;
        }
      }
    }
  }
  keepPosition(at);
}

client.onLink((link) => {
  if (link.status === "open") {
    me = `user/${link.hello.user}`;
    console.log(`connected to ${client.at.name} as ${me}`);
  }
  if (link.status === "waiting") console.log(`not connected (${link.reason.code}); trying again`);
  if (link.status === "ended") end(1, link.failure.message);
});

function end(code: number, reason: string): void {
  console.log(reason);
  client.close();
  process.exitCode = code;
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => end(0, "stopped"));

const joined = await client.call("room.join", room, {});
if (!joined.ok && joined.error.code !== "ALREADY_DONE") end(1, `cannot join ${room}: ${joined.error.message}`);
else
  client.follow(
    `room/${room}`,
    {
      // The first time there is nothing to go on from; later only when the position has expired.
      state: (_state, head) => {
        keepPosition(head);
        console.log(`following ${room} from ${head}`);
      },
      event: (event, at) => {
        last = last.then(() => answer(event, at));
      },
      refused: (reason) => end(1, `cannot follow ${room}: ${reason.message}`),
    },
    readPosition(),
  );
