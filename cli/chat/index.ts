/** `plexus chat`: people and agents in a terminal, through the same client library as the page (`client/`).
 *
 *      sign-in.ts     who you are; the session is kept, readable by you only
 *      socket.ts      the library's socket, on `ws`
 *      commands.ts    what a typed line means                        (pure)
 *      requests.ts    what it asks of the room or agent             (pure)
 *      view.ts        what an event looks like                      (pure)
 *      files.ts       files that are sent, and those that are saved
 *      names.ts       how people are called: as everybody sees them
 *      link-news.ts   what a change of the connection says          (pure)
 *      screen.ts      a terminal with the typed line at the bottom, or plain pipes; printer.ts: for people or programs
 *      visit.ts       one stay in a room or with an agent: what is followed, and shown once
 *      conversation.ts  ties them: from place to place, line by line
 *
 *  Piped, each line of standard input is one message or command, done before the next is read; at the end of input the
 *  client waits for an agent's answer and ends with the outcome of the worst command. */
import { Client, clientLimits, People } from "../../client/index.ts";
import { awayNode, failureOf, ok, passingCodes, PlexusError, type Failure } from "../../protocols/errors.ts";
import type { CatalogPage, Result } from "../../protocols/index.ts";
import { cliLimits } from "../limits.ts";
import { asksTo, callsTo } from "../node/admin.ts";
import { callNode } from "../node/node-client.ts";
import { describeFailure, exitCodes, paint, type Output } from "../terminal/output.ts";
import { saveSession } from "../terminal/session.ts";
import { createConversation } from "./conversation.ts";
import { filesOf } from "./files.ts";
import { Names } from "./names.ts";
import { processScreen, type Screen } from "./screen.ts";
import { signIn, type SignInOptions } from "./sign-in.ts";
import { terminalPorts } from "./socket.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";

/** What the command line of `plexus chat` says. */
export interface ChatFlags extends SignInOptions {
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

/** Resolves when the client is connected. What may pass is outlasted: on a terminal until the person has had enough of
 *  it, piped as long as one command would be. Errors: why no node has us. */
function connected(client: Client, screen: Screen): Promise<void> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    let said: string | undefined;
    const fail = (reason: Failure): void => {
      stop();
      reject(new PlexusError(reason));
    };
    const stop = client.onLink((link) => {
      if (link.status === "open") {
        stop();
        resolve();
      } else if (link.status === "ended") fail(link.failure);
      else if (link.status === "waiting" && link.tried) {
        const { reason } = link;
        const isOver = !screen.interactive && performance.now() - startMs > clientLimits.answerTimeoutMs;
        if (!passingCodes.has(reason.code) || isOver) return fail(reason);
        if (!screen.interactive) return;
        const why = outlasted(reason);
        if (why !== said)
          screen.print(paint(screen.color, "dim", `* ${withoutControls(why)} Trying again; Ctrl-C ends it.`));
        said = why;
        void screen.ended.then(() => fail(reason));
      }
    });
    client.start();
  });
}

/** Why one waits for a first connection, in words. */
function outlasted(reason: Failure): string {
  const { code, message, details } = reason;
  const away = awayNode(reason);
  const account =
    away === undefined
      ? "Your account cannot be reached now."
      : `${withoutControls(away)} does not answer, and your account is on it.`;
  return `${details?.["actor"] === undefined ? message : account} (${code})`;
}

/** The people of the cluster, as the node tells of them. */
const peopleOf = (client: Client, token: string): People =>
  new People({
    page: (after) =>
      asksTo({ url: client.at.url, token })("people", { limit: 200, ...(after !== undefined && { after }) }),
    card: async (user) => {
      const card = await client.call("user.card", user, {});
      return card.ok ? ok({ key: user, title: card.value.displayName }) : card;
    },
  });

/** People whose account or name contains a text. */
const peopleLike = (client: Client, token: string, text: string): Promise<Result<CatalogPage>> =>
  asksTo({ url: client.at.url, token })("people", { text });

async function converse(flags: ChatFlags, screen: Screen, output: Output): Promise<number> {
  const session = await signIn(flags, screen);
  const { token } = session;
  const client = new Client({ urls: flags.urls }, terminalPorts(token));
  try {
    await connected(client, screen);
  } catch (thrown) {
    client.close();
    // The kept session was revoked or belongs to a data folder that is gone: forget it, so that the next run asks.
    if (failureOf(thrown).code === "UNAUTHENTICATED") await saveSession(session.keptFor, undefined);
    throw thrown;
  }
  const conversation = createConversation({
    user: session.user,
    client,
    screen,
    json: flags.json,
    names: new Names(peopleOf(client, token), flags.json, (text) => peopleLike(client, token, text)),
    publicRooms: () => asksTo({ url: client.at.url, token })("rooms"),
    operation: (name, ...input) => callsTo({ url: client.at.url, token })(name, ...input),
    search: (fields) => callsTo({ url: client.at.url, token })("search.messages", fields),
    missed: () => callsTo({ url: client.at.url, token })("catchUp.show", {}),
    files: filesOf(() => ({ url: client.at.url, token })),
    askModel: (body) =>
      callNode(
        {
          url: client.at.url,
          token,
          timeoutMs: cliLimits.modelAnswerTimeoutMs,
          headers: { "x-plexus-cache": "skip" },
        },
        "POST",
        "/v1/chat/completions",
        body,
      ),
    models: () => callsTo({ url: client.at.url, token })("models.list"),
  });
  const fate: { ended?: Failure } = {};
  client.onActivity((activity) => conversation.onActivity(activity));
  client.onLink((link) => {
    if (link.status !== "ended") return conversation.onLink(link);
    fate.ended = link.failure;
    screen.close();
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
        client.close();
        const signedOut = await callsTo({ url: client.at.url, token })("signIn.signOut");
        note(signedOut.ok ? undefined : signedOut.error);
        await saveSession(session.keptFor, undefined);
        break;
      }
    }
  const { ended } = fate;
  if (ended === undefined && worst === undefined) await conversation.settled(flags.follow);
  client.close();
  if (ended !== undefined) {
    if (ended.code === "UNAUTHENTICATED") await saveSession(session.keptFor, undefined);
    note(ended);
  }
  return worst === undefined || (screen.interactive && ended === undefined) ? exitCodes.ok : exitCodes[worst.outcome];
}
