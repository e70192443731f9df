/** `control`: heartbeats, directory. `message`: envelopes, answers, events, appends. `bulk`: transfers, on a connection
 *  of its own so that it does not delay the others. */
export type Channel = "control" | "message" | "bulk";
