/** The client library: what the page, `plexus chat` and people's programs use to speak with a cluster.
 *
 *      const client = connect({ url: "http://127.0.0.1:7070", token });
 *      client.follow("room/lobby", { state, event, refused });
 *      const posted = await client.call("room.post", "lobby", { text: "hi" });
 *
 *  It knows the wire (`protocols/wire/client.ts`) and nothing of a node's inside. Each part answers one question:
 *
 *      client.ts       what callers see: commands, topics, the link
 *        connection.ts   at which node, and on which socket: attempts, silence, nodes that are gone or cut off
 *        outbox.ts       what is unanswered, and whether it is sent again
 *        topics.ts       what is followed, and from where
 *        commands.ts     what commands take and answer, from the rows in `protocols/`
 *      people.ts       how people are called
 *      missed.ts       what was missed, marked as read
 *
 *  Socket, clock, chance and storage are ports (`ports.ts`): `standard.ts` has them for browsers and for Node, tests
 *  simulate them. Why it repeats what it repeats: docs/decisions/0024-one-client-library.md. */
export { Client, type Activity, type ClientOptions, type Link } from "./client.ts";
export { streamAnswer, type AskedModel, type StreamedAnswer } from "./answers.ts";
export type { Streams } from "./commands.ts";
export type { At } from "./connection.ts";
export { markMissed, type Markers } from "./missed.ts";
export { People, type PeoplePorts, type Person } from "./people.ts";
export { clientLimits } from "./limits.ts";
export type { ClientPorts, NodeStorage, Socket } from "./ports.ts";
export { connect, newOperationId, standardPorts, type ConnectOptions } from "./standard.ts";
export type { Follower } from "./topics.ts";
export type { Failure, Result } from "../protocols/errors.ts";
export type { AnswerOf, CommandName, CommandsOf, ParametersOf } from "../protocols/index.ts";
