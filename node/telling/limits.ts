/** What people are told who were away. */
export const tellingLimits = {
  /** Rooms with something to read that are looked at for one answer; of more it is said how many they are. */
  catchUpRoomsMax: 50,
  /** Rooms that are asked at the same time for one answer. */
  catchUpAsksMax: 8,
  /** Messages of one room that are looked at for those that concern the person, the newest; a room with more is named
   *  in `unseen`. */
  catchUpLookedMax: 600,
  /** Threads of one room whose messages are shown, those that were written in last; a room with more is named in
   *  `unseen`. */
  catchUpThreadsMax: 20,
  /** Threads of one list of all that somebody follows, those that were written in last. */
  followedThreadsMax: 100,
  /** Messages that concern the person of one answer; of more the newest, and the rooms of the others are
   *  named in `unseen`. */
  catchUpConcernsMax: 100,
  /** Characters of a message that are shown; a longer text is cut. */
  catchUpTextChars: 300,
  /** People for whom a node looks at once whether there is mail to send; others wait for them. */
  digestLooksMax: 4,
  /** People who wait for that; one more is looked at when their reminder comes again. */
  digestsWaitingMax: 10_000,
  /** Messages that one mail names; of more it says how many they are. */
  digestLinesMax: 20,
  /** Somebody who uses a client is looked at again after this long. */
  digestActiveMs: 10 * 60_000,
  /** The same where something that has to be asked does not answer, or the mail server is away. */
  digestRetryMs: 15 * 60_000,
  /** A node takes nothing for so long after its mail server took nothing; longer after each further time. */
  digestPauseMs: 60_000,
  /** Longest of these pauses. */
  digestPauseMsMax: 15 * 60_000,
  /** Names of authors that are not there by then are left as the addresses have them. */
  digestNamesMs: 2_500,
  /** The same where no mail can be sent: there is no address, no mail server, or mail is turned off. */
  digestIdleMs: 3_600_000,
} as const;

/** The limits, as numbers. */
export type TellingLimits = { readonly [Name in keyof typeof tellingLimits]: number };

/** Notices to browsers whose page is closed. */
export const pushSendLimits = {
  /** A push service that has not answered after this long is asked again later. */
  pushTimeoutMs: 10_000,
  /** How long a push service may take the cluster's word that it is the cluster; the standard allows a day. */
  pushWordMs: 12 * 3_600_000,
} as const;
