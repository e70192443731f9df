/** Mail. */
export const mailLimits = {
  /** Messages that wait at a node to be sent; one more is dropped, which the log and `plexus_mail_total` say. */
  waitingMax: 512,
  /** Messages that are being sent at once. */
  sendingMax: 2,
  /** A mail server that is not connected by then counts as away. */
  connectTimeoutMs: 10_000,
  /** A mail server that says nothing for so long counts as away; after the message was sent, the outcome is unknown. */
  silenceTimeoutMs: 30_000,
  /** A message whose server is away is tried so often, then given up: the log says so. */
  triesMax: 6,
  /** Pause before the second try; later ones double. */
  retryMs: 5_000,
  /** Longest of these pauses. */
  retryMsMax: 5 * 60_000,
} satisfies Readonly<Record<string, number>>;
