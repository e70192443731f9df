/** `plexus chat`: people and agents in a terminal, over the same WebSocket as the page.
 *
 *      sign-in.ts     who you are; the session is kept, readable by you only
 *      connection.ts  one WebSocket that comes back by itself, at another node when its own is gone: cursors continue,
 *                     unanswered commands are sent again
 *      route.ts       which node is tried next            (pure)
 *      commands.ts    what a typed line means             (pure)
 *      view.ts        what an event looks like            (pure)
 *      screen.ts      a terminal with the typed line at the bottom, or plain pipes
 *      conversation.ts  ties them: where the person is, what a line does, what is printed
 *
 *  Piped, each line of standard input is one message or command, done before the next is read; at the end of input the
 *  client waits for an agent's answer and ends with the outcome of the worst command. */
import { setTimeout as delay } from "node:timers/promises";
import { awayNode, failureOf, type Failure } from "../../protocols/errors.ts";
import { cliLimits } from "../limits.ts";
import { callNode } from "../node-client.ts";
import { describeFailure, exitCodes, paint, type Output } from "../output.ts";
import { saveSession } from "../session.ts";
import { openConnection, type ConnectionEvents } from "./connection.ts";
import { createConversation, type Conversation } from "./conversation.ts";
import { processScreen, type Screen } from "./screen.ts";
import { signIn, type SignInWish } from "./sign-in.ts";
import { jsonLine, withoutControls } from "../printable.ts";

/** What the command line of `plexus chat` says. */
export interface ChatFlags extends SignInWish {
  readonly room: string | undefined;
  readonly agent: string | undefined;
  /** Keep printing after the end of input. */
  readonly follow: boolean;
  readonly json: boolean;
}

/** Runs the client until /quit, Ctrl-D, Ctrl-C or the end of input. Resolves with the exit code. */
export async function chat(flags: ChatFlags, output: Output): Promise<number> {
  const screen = processScreen(output.color && !flags.json);
  try {
    return await converse(flags, screen, output);
  } finally {
    screen.close();
  }
}

/** How long a refusal that may pass is outlasted before there is a conversation: on a terminal until the person has had
 *  enough of it, piped as long as one command would be. */
function outlast(screen: Screen): ConnectionEvents["onWait"] {
  const startMs = performance.now();
  let said: string | undefined;
  return async (reason, pauseMs) => {
    const { code, message, details } = reason;
    if (!screen.interactive) {
      if (performance.now() - startMs > cliLimits.answerTimeoutMs) return false;
      await delay(pauseMs);
      return true;
    }
    const away = awayNode(reason);
    const account =
      away === undefined
        ? "Your account cannot be reached now."
        : `${withoutControls(away)} does not answer, and it has your account.`;
    const why = `${details?.["actor"] === undefined ? message : account} (${code})`;
    if (why !== said)
      screen.print(paint(screen.color, "dim", `* ${withoutControls(why)} Trying again; Ctrl-C ends it.`));
    said = why;
    return await Promise.race([delay(pauseMs, true), screen.ended.then(() => false)]);
  };
}

async function converse(flags: ChatFlags, screen: Screen, output: Output): Promise<number> {
  const session = await signIn(flags, screen);
  const { token } = session;
  let conversation: Conversation | undefined = undefined;
  const fate: { ended?: Failure } = {};
  const connection = await openConnection(
    { urls: flags.urls, token },
    {
      onState: (topic, state) => conversation?.onState(topic, state),
      onEvent: (topic, event, at) => conversation?.onEvent(topic, event, at),
      onLost: (topic, reason) => conversation?.onLost(topic, reason),
      onActivity: (activity) => conversation?.onActivity(activity),
      onHold: (reason) => conversation?.onHold(reason),
      onChange: (state, reason) => conversation?.onChange(state, reason),
      onDegraded: (node, unreached) => conversation?.onDegraded(node, unreached),
      onEnd(reason) {
        fate.ended = reason;
        screen.close();
      },
      onWait: outlast(screen),
    },
  ).catch(async (thrown: unknown) => {
    // The kept session was revoked or belongs to a data folder that is gone: forget it, so that the next run asks.
    if (failureOf(thrown).code === "UNAUTHENTICATED") await saveSession(session.keptFor, undefined);
    throw thrown;
  });
  conversation = createConversation({
    user: session.user,
    connection,
    screen,
    json: flags.json,
    publicRooms: () => callNode({ url: connection.at().url, token }, "GET", "/api/v1/catalog/rooms"),
  });

  let worst: Failure | undefined;
  const note = (failure: Failure | undefined): void => {
    if (failure === undefined) return;
    output.printError(flags.json ? jsonLine({ error: failure }) : describeFailure(failure, screen.color, false));
    worst = failure;
  };
  note(await conversation.begin(flags));
  // Piped into a place that is not there, every line would only fail again.
  if (worst === undefined || screen.interactive)
    for await (const line of screen.lines()) {
      const step = await conversation.take(line);
      note(step.failure);
      if (step.end === "quit") break;
      if (step.end === "signOut") {
        // First the connection: the node ends it as soon as the session is revoked, and that is no failure here.
        connection.close();
        const signedOut = await callNode({ url: connection.at().url, token }, "POST", "/api/v1/sign-out");
        note(signedOut.ok ? undefined : signedOut.error);
        await saveSession(session.keptFor, undefined);
        break;
      }
    }
  const { ended } = fate;
  if (ended === undefined && worst === undefined) await conversation.settled(flags.follow);
  connection.close();
  if (ended !== undefined) {
    if (ended.code === "UNAUTHENTICATED") await saveSession(session.keptFor, undefined);
    note(ended);
  }
  return worst === undefined || (screen.interactive && ended === undefined) ? exitCodes.ok : exitCodes[worst.outcome];
}
