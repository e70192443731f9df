/** `/compare`: the same said to two models, in two new conversations with the agent. */
import type { Client } from "../../client/index.ts";
import { agentOfKey, conversationKey } from "../../protocols/answering/conversation-key.ts";
import { failure, ok, refused } from "../../protocols/errors.ts";
import { cleaned } from "../../protocols/text/text.ts";
import type { ActorId, ConversationTurn, Result } from "../../protocols/index.ts";
import { cliLimits } from "../limits.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Printer } from "./printer.ts";
import type { Place, Wrong } from "./requests.ts";

interface At {
  readonly client: Pick<Client, "call" | "follow">;
  readonly place: Place | undefined;
  readonly printer: Printer;
  /** Does something while Ctrl-C stops it. */
  readonly whileStoppable: <Came>(stop: () => void, act: () => Promise<Came>) => Promise<Came>;
}

/** Asks both at once, and shows the answers one below the other. */
export async function compare(
  words: readonly string[],
  said: string,
  { client, place, printer, whileStoppable }: At,
): Promise<Result<unknown> | Wrong> {
  if (place?.kind !== "agent") return { wrong: "Talk to an agent first: /agent NAME." };
  const agent = agentOfKey(place.key);
  if (words[0] === words[1]) return { wrong: "Name two different models: /compare MODEL MODEL TEXT." };
  const opened: { readonly model: string; readonly number: number }[] = [];
  for (const model of words.slice(0, 2)) {
    const made = await client.call("agent.open", agent, { model, folder: "Compared" });
    if (!made.ok) {
      // One alone compares nothing.
      for (const { number } of opened) await client.call("agent.drop", agent, { number });
      return made;
    }
    opened.push({ model, number: made.value.number });
  }
  const text = cleaned(said, "lines");
  const keys = opened.map(({ number }) => conversationKey(agent, number));
  let isStopped = false;
  const stopBoth = (): void => {
    isStopped = true;
    for (const key of keys) void client.call("agent.stop", key, {});
  };
  const answers = await whileStoppable(stopBoth, () =>
    Promise.all(
      keys.map(async (key) => {
        const answer = await answerIn(client, key, text, () => isStopped);
        // One that failed leaves nothing to compare with.
        if (!answer.ok) stopBoth();
        return answer;
      }),
    ),
  );
  for (const [index, answer] of answers.entries()) {
    const { model = "", number = 0 } = opened[index] ?? {};
    if (!answer.ok) continue;
    const turn = answer.value;
    const took = `${turn.tokens ?? 0} tokens, ${((turn.ms ?? 0) / 1_000).toFixed(1)} s`;
    const head = printer.dim(`${withoutControls(model)} (${took}), /conversation ${number} goes on with it:`);
    printer.show({ answer: turn, model, conversation: number }, `${head}\n${withoutControls(turn.error ?? turn.text)}`);
  }
  return answers.find(({ ok: isAnswer }) => !isAnswer) ?? ok(undefined);
}

/** Says something and waits for its answer, which may take long. */
async function answerIn(
  client: Pick<Client, "call" | "follow">,
  key: string,
  text: string,
  isStopped: () => boolean,
): Promise<Result<ConversationTurn>> {
  const { promise, resolve } = Promise.withResolvers<Result<ConversationTurn>>();
  let wanted = Infinity;
  const heard: ConversationTurn[] = [];
  const hear = (turn: ConversationTurn): void => {
    heard.push(turn);
    if (turn.turn === wanted && turn.role === "assistant") resolve(ok(turn));
  };
  const topic: ActorId = `agent/${key}`;
  const unfollow = client.follow(topic as `agent/${string}`, {
    state: ({ conversation }) => conversation.forEach(hear),
    event: (event) => (event.type === "answered" ? hear(event.turn) : undefined),
    refused: (reason) => resolve(refused(reason)),
  });
  const timer = setTimeout(() => resolve(refused(failure("ASK_TIMEOUT"))), cliLimits.modelAnswerTimeoutMs);
  try {
    const asked = await client.call("agent.say", key, { text });
    if (!asked.ok) return asked;
    // It was stopped while this was on its way.
    if (isStopped()) void client.call("agent.stop", key, {});
    wanted = asked.value.turn + 1;
    const early = heard.find(({ turn, role }) => turn === wanted && role === "assistant");
    return early === undefined ? await promise : ok(early);
  } finally {
    clearTimeout(timer);
    unfollow();
  }
}
