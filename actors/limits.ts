/** Inside actors. */
export const actorLimits = {
  /** Messages an actor still has to deliver to others; a command that needs another one is refused with `OVERLOADED`
   *  and changes nothing.
   *
   *  Twice a full room that joins at once. */
  outboxEntriesMax: 10_000,
  /** A delivery that takes longer is tried again. */
  outboxTimeoutMs: 10_000,
  /** First pause before a delivery is tried again; later pauses grow. */
  outboxRetryMs: 2_000,

  /** Newest messages a room keeps in memory; older ones are read from its records. */
  roomRecentMessages: 100,
  /** Older messages that changed lately and stay in memory; the least recent leaves.
   *
   *  Commands on one message may overlap. */
  roomChangedMessages: 64,
  /** Changes of which messages' files came or went that are remembered. A deletion during which more happened reads
   *  again. */
  roomFiledNoted: 256,
  /** Inviting one more agent is refused with `LIMIT_REACHED`. */
  roomAgentsMax: 100,
  /** A new room waits so long for the answer whether its creator has a place for it; then it is created without the
   *  answer. */
  roomWantedTimeoutMs: 3_000,
  /** Recalls whose messages a room knows; the oldest is forgotten, and cannot be taken back any more. */
  roomRecallsKept: 32,
  /** Messages of a recall that a room knows one by one; with more the next ones are refused with `LIMIT_REACHED`.
   *
   *  A recall goes on by stretches of 200, and what was before the stretch needs no list. */
  roomRecallOpenMax: 1_000,
  /** Muting one more member of a room is refused with `LIMIT_REACHED`; mutes that are over do not count. */
  mutesPerRoomMax: 100,
  /** Warnings of one member that a room keeps; beyond it the oldest is forgotten. */
  warningsPerMemberMax: 20,
  /** Warnings that a room keeps; beyond it the oldest is forgotten. */
  warningsPerRoomMax: 500,
  /** Records of files that go with messages which are deleted together; beyond it messages with files are left, and say
   *  so. Those of one message always go. */
  roomDeletedPartsMax: 4_000,
  /** Positions that are looked at together when a recall is taken back. */
  roomWithdrawnAtOnce: 50,
  /** Threads of which a room knows who has read how much; of the one that was not written in for longest nothing is
   *  unread any more. */
  roomThreadsKept: 50,
  /** Topics of one room; a message with one more is refused with `LIMIT_REACHED`. Topics whose messages have all moved
   *  away, or were deleted, do not count. */
  roomTopicsMax: 10_000,
  /** The same that one member has begun, who is no moderator. */
  roomTopicsPerMemberMax: 500,
  /** Messages that go to another topic in one event. Half of what changes that a room remembers. */
  topicMovedAtOnce: 32,
  /** The same in bytes; a longer message goes alone. */
  topicMovedBytes: 128 * 1024,
  /** Messages that go to another topic by one command; what is left goes when it is sent again. */
  topicMovedMax: 20_000,
  /** Answers of a thread that its author moves to another topic; longer ones moderators move. */
  topicMovedByAuthorMax: 100,
  /** Unread messages that are looked at to say what is unread in each topic; the list says how many it has left out. */
  topicsCountedMax: 2_000,
  /** Messages of other topics that are read between two of one topic, rather than to read twice. */
  topicGapRead: 8,
  /** People who follow one thread; a later follower is not told of what is unread in it. */
  threadReadersMax: 200,
  /** Messages that are read at once when a read marker moves far back. */
  countedAtOnce: 200,
  /** Messages that are counted one by one when a read marker moves; what is behind them counts as read. */
  countedMax: 20_000,
  /** Messages that are looked at for one page of a room without the answers that are in threads only; the page ends
   *  there, and says that there are more. */
  historyScannedMax: 4_000,
  /** Parts of a file that are one stripe on the storage nodes: 8 MiB. A piece of a single part stays copied. */
  filePieceParts: 8,
  /** Files of one room that are uploaded or wait to be posted; one more is refused with `LIMIT_REACHED`. */
  roomUploadsMax: 64,
  /** The same of one person in a room. */
  roomUploadsPerPersonMax: 16,
  /** Bytes of all of them together, as announced; with more `LIMIT_REACHED`. */
  roomUploadBytesMax: 4 * 1024 * 1024 * 1024,
  /** The same of one person: as much as ten files of a message may have. */
  roomUploadBytesPerPersonMax: 2560 * 1024 * 1024,
  /** An upload of which nothing was kept for so long gives way to a new one that a limit of uploads stands against: the
   *  oldest of the same person, and for limits of the room the oldest of the person who has most there. */
  uploadYieldsMs: 10 * 60_000,
  /** An upload of which no byte came for so long is gone, and so is a file that was not posted. */
  uploadIdleMs: 24 * 3_600_000,
  /** People whose accounts a room tells at once what they keep in it; the others are told after a pause. */
  storedToldAtOnce: 64,
  /** Files that are read at once when a room counts anew what people keep in it. */
  storedCountedAtOnce: 100,
  /** Rooms and conversations of which an account knows what its person keeps there; the one with least goes. An upload
   *  to one more is refused with `LIMIT_REACHED` where the role has a quota of what is kept. */
  storagePlacesMax: 2_048,
  /** Rooms that are named when a person asks where their files are: those with most. */
  storageRoomsShown: 50,
  /** Uploads that are about to begin; one more is refused with `LIMIT_REACHED`. */
  storageReservedMax: 64,
  /** An upload that its room has not told of by then did not begin.
   *
   *  Long, since it bounds what somebody can keep beyond a quota while a room cannot reach the account. */
  storageReservedMs: 3_600_000,
  /** Files of one room that wait for a scanner; a post with one more is refused with `LIMIT_REACHED`. */
  roomChecksMax: 256,
  /** A scanner that has not answered for a file by then is asked again, or another one. */
  scanTimeoutMs: 10 * 60_000,
  /** Pauses before a file is checked again, after each time that failed; then `files.withoutScanner` says what becomes
   *  of it. */
  scanPausesMs: [1_000, 5_000, 30_000],
  /** Pause between further tries, where that says `hold`. */
  scanHoldMs: 5 * 60_000,
  /** Pause before a file is checked again for which no scanner had a place, or which could not be read. */
  scanBusyMs: 30_000,
  /** After how long a client that wants a file is told to ask again, while it is being checked. */
  scanShownMs: 2_000,
  /** “Is typing” holds this long unless repeated.
   *
   *  Clients repeat it about every 3 seconds while a person types. */
  typingMs: 5_000,
  /** Mentions of one agent that a room still has to deliver; the next one is refused by a message in the agent's
   *  name. */
  roomMentionsPerAgentMax: 8,
  /** The same for all agents of a room. */
  roomMentionsMax: 64,
  /** Messages of a room whose groups wait to be found. While so many wait, groups in further messages call nobody; the
   *  messages are said all the same. */
  roomGroupCallsMax: 256,
  /** How often a message that is sent later waits for a room in slow mode; the next refusal is told to its author. */
  laterTriesMax: 16,
  /** People who left a room in slow mode while they had to wait, and wait on when they come back; the one who left
   *  first does not. */
  roomWaitingKept: 256,
  /** Messages and reminders of one person whose time has come that are dealt with in one turn; the others have the
   *  next. */
  laterAtOnce: 16,
  /** Answers of agents that a room waits for; the next one is refused. */
  roomAskedMax: 128,
  /** Answers of agents that are owed at a time in a room whose agents have a budget for the day; the next one is
   *  refused.
   *
   *  By what so many take the budget is exceeded at most. */
  roomBudgetOwedMax: 4,
  /** An answer that is awaited for so long is not shown as awaited any more.
   *
   *  All tries of all that may wait before it together. */
  askedShownMs: 3 * 3_600_000,
  /** A mention that cannot be delivered for so long is refused in the same way. */
  mentionWaitMs: 10 * 60_000,
  /** A mentioned agent gets so many of the newest messages as context, and those before them up to a number that this
   *  divides.
   *
   *  So the context begins at the same message for that many, and a model has read its beginning already. */
  mentionContextMessages: 20,
  /** Characters of these messages together; the oldest are left out, in steps of `mentionContextStep`. */
  mentionContextChars: 12_000,
  /** Messages that are left out of such a context together. */
  mentionContextStep: 10,

  /** A user whom others brought into so many rooms leaves the next one again: the room shows `left`.
   *
   *  Half of `roomsPerUserMax`. */
  roomsByInvitationMax: 250,
  /** Rooms a user asks at once for their summaries; the others wait for their turn. */
  summaryAsksMax: 32,
  /** A room that does not answer in time is listed as unreachable. */
  summaryTimeoutMs: 3_000,
  /** Room lists of one user that wait for an answer; one more is refused with `OVERLOADED`. */
  roomListsWaitingMax: 64,
  /** The count of failed sign-ins that a person sees starts over when there were none for so long. */
  signInsFailedKeptMs: 30 * 24 * 3_600_000,
  /** A use of an API key is written down when the last one that was is so long ago. */
  keyUseNotedMs: 3_600_000,
  /** People who have other roles than a member's; giving one more roles is refused with `LIMIT_REACHED`. */
  rolePeopleMax: 10_000,
  /** A mail address that was taken for an account, and that the account does not keep, is free again after this. */
  claimHeldMs: 10 * 60_000,
  /** Links by mail for a new password that hold at once; the oldest holds no more. */
  mailResetsMax: 3,
  /** Deletions a user remembers, so that a repeated command gets the same answer; the oldest is forgotten. */
  deletionsKept: 8,

  /** Newest turns of a conversation that stay in memory; older ones are read from records. */
  agentRecentTurns: 200,
  /** Characters of these turns together. */
  agentRecentChars: 100_000,
  /** Branches of a conversation beside the first; one more is refused with `LIMIT_REACHED`, until it is cleared. */
  agentBranchesMax: 256,
  /** Places where a conversation does not go on by number: beginnings of branches, and where one was gone on with after
   *  another. One more is refused with `LIMIT_REACHED`, until it is cleared. */
  agentForksMax: 2_048,
  /** Branches that begin at one place of a conversation; one more is refused with `LIMIT_REACHED`. */
  agentSiblingsMax: 32,
  /** Summaries of branches that are not shown, which an agent keeps for when they are; the oldest goes. */
  agentSummariesAsideMax: 8,
  /** Runs of an agent that were cancelled and have not ended yet; what the oldest took is not counted when there are
   *  more. */
  agentRunsCancelledMax: 64,
  /** Inputs that wait while an agent writes; one more is refused with `QUEUE_FULL`. */
  agentQueueMax: 8,
  /** How many of them may be mentions in rooms; one more is refused with `QUEUE_FULL`, which the room shows; the
   *  other places are the owner's. */
  agentQueueMentionsMax: 4,
  /** How many of these may be one person's; one more is refused in the same way.
   *
   *  An answer may take several runs of the model: one place is left for somebody else. */
  agentQueueMentionsPerPersonMax: 3,
  /** Characters of a conversation that a model is given at most, however long its context is; the oldest lines are left
   *  out.
   *
   *  What a turn of the agent and a message between nodes carry; about 16,000 tokens of 3 characters. */
  contextChars: 48_000,
  /** Tokens of a model's context, until a run of it has told. */
  contextTokensAssumed: 4_096,
  /** Tokens that a character of a conversation takes, until a run of the model has told. */
  tokensPerCharAssumed: 1 / 3,
  /** What a run tells of tokens for each character counts from prompts so long.
   *
   *  Short ones are mostly template. */
  measuredCharsMin: 600,
  /** Characters that a message is counted longer than its text.
   *
   *  Templates add marks to each. */
  messageOverheadChars: 16,
  /** Tokens of a context that are kept for the answer when the agent names no longest one; never more than a quarter
   *  of the context. */
  answerTokensKept: 1_024,
  /** Share of what fits into a model's context; when a conversation has more, its oldest lines are summed up. */
  contextFullShare: 0.75,
  /** Share that stays as it was said then. */
  contextKeptShare: 0.375,
  /** Share above which lines fall out without a summary when it cannot be made; below, it is tried again after the next
   *  answer. */
  contextOverShare: 0.9,
  /** Lines of a conversation that a model reads; when there are more, half of them are summed up. */
  contextLinesMax: 160,
  /** Models with a shorter context sum up nothing: the oldest lines fall out without a summary. */
  summaryContextTokensMin: 2_048,
  /** Tokens of a summary; a longer one ends there. */
  summaryTokensMax: 320,
  /** Characters of a summary; a longer one is cut. */
  summaryCharsMax: 2_000,
  /** A summary whose model neither reads nor writes for so long, waiting for a place included, is given up. */
  condenseSilenceMs: 2 * 60_000,
  /** Tokens of a conversation's title; what is longer is none. */
  titleTokensMax: 32,
  /** Runs for a title of one conversation that may fail. */
  titleTriesMax: 2,
  /** Characters of each side of the first exchange that a title is made of. */
  titleReadChars: 600,
  /** Characters of a title that is the first words of a conversation. */
  titleWordsChars: 48,
  /** Conversations that an agent tells new settings at once; the others come after these.
   *
   *  Each such message has the whole persona. */
  settingsToldAtOnce: 8,
  /** Until an agent asks again to delete a conversation that a node of the version before has. */
  endingRetryMs: 30_000,
  /** Rooms and threads of which an agent keeps a summary; the one that changed first goes. */
  roomSummariesMax: 16,
  /** Times the context is halved when the model finds it too long; then the answer fails with `CONTEXT_TOO_LONG`. */
  contextHalvingsMax: 8,
  /** An answer whose model neither reads nor writes for so long, waiting for a place included, fails with
   *  `GENERATION_TIMEOUT`. As long as it does, it may take a day.
   *
   *  Waiting on a slow machine where others are answered. */
  generationSilenceMs: 10 * 60_000,
  /** The longest answer, however much is written. */
  generationWholeMs: 24 * 3_600_000,
  /** How long it is tried to tell people news of the cluster; then it is left to the audit. */
  noticeMs: 24 * 3_600_000,
  /** News of the cluster that a person keeps; the oldest goes. */
  noticesKept: 32,
  /** Warnings of rooms that a person keeps beside them, one of each room; the oldest goes. */
  noticesOfWarningsKept: 5,
  /** Warnings of one member in a room within an hour; one more is refused with `LIMIT_REACHED`. */
  warningsPerHourMax: 5,
  /** Deleted messages whose older events are given out without their texts; of more than those the events before go. */
  roomDeletionsKept: 16_384,
  /** How often a deletion of many messages is begun again because something changed meanwhile; then those that are not
   *  sure are answered with `OVERLOADED`. */
  roomDeletionTriesMax: 4,
  /** Pictures and sounds of a conversation that are kept; the oldest goes, and its message says so. */
  agentPicturesMax: 32,
  /** Drafts that an account keeps; one more is refused with `LIMIT_REACHED`, and stays in its browser. */
  draftsMax: 50,
  /** Characters of all of them. */
  draftsCharsMax: 64_000,
  /** Drafts that are written in a minute, of all devices; one more is refused with `RATE_LIMITED`, and its browser
   *  tries again. Those that are emptied are taken all the same.
   *
   *  A person who types without a pause has their page write twenty. */
  draftWritesMax: 120,
  /** A draft that was not changed for so long goes. */
  draftKeptMs: 90 * 24 * 3_600_000,
  /** Files that one conversation with an agent has at most. */
  agentFilesMax: 200,
  /** Pictures and sounds that were uploaded and are in no message yet; the oldest goes. */
  agentUploadsMax: 8,
  /** Newest pictures and sounds of a conversation that a model is given. */
  contextPicturesMax: 4,
  /** Bytes of them: a request travels between nodes as one message. */
  contextMediaBytesMax: 2 * 1024 * 1024,
  /** Characters that a picture or a sound is counted for in a context.
   *
   *  About 1,000 tokens. */
  pictureChars: 3_000,
  /** Bytes of pictures from messages of a room that a model is given: a request travels between nodes as one
   *  message. */
  contextRoomMediaBytesMax: 3 * 1024 * 1024,
  /** Share of a context that texts of files have at most; what does not fit is left out, and the answer says so. */
  contextFilesShare: 0.5,
  /** Characters of one file's text that a model is given. */
  contextFileCharsMax: 60_000,
  /** Characters in which an answer says which files its model was not shown. */
  leftOutCharsMax: 1_000,
  /** Where less is left for a file, it is left out. */
  contextFileCharsMin: 200,
  /** How often the text of an answer that is being written is noted durably: what was written since is lost with the
   *  agent's node, and written anew.
   *
   *  A short answer costs no write, a long one one in this time. */
  draftNoteMs: 2_000,
  /** Times an answer is begun when the runtime fails; then it fails with the last error. */
  generationAttemptsMax: 3,
  /** Pause before the second attempt; the third waits four times as long. */
  generationRetryMs: 1_000,
  /** A longer answer is stopped there and kept.
   *
   *  4,096 tokens of 8 characters. */
  answerCharsMax: 32_768,
  /** Times the model of one answer may call tools; then it is told to call none, and calls that come all the same are
   *  not run. */
  toolRoundsMax: 4,
  /** Calls of one such time that are run; the next one is told so, and further ones are dropped. */
  toolCallsMax: 4,
  /** Characters of a call's name and arguments; a longer one is told so instead of run. */
  toolArgumentsCharsMax: 300,
  /** What a tool answers is cut to this. */
  toolResultCharsMax: 300,
  /** What a model says before it calls tools is cut to this. */
  toolTextCharsMax: 2_000,
  /** Characters of calls, results and what was said between them, for one answer; from there on no more tools are run.
   *
   *  A room keeps them with the message. */
  toolRoundsCharsMax: 12_000,
  /** Tokens that a model reads anew and writes for one answer; from there on no more tools are run.
   *
   *  Twice the longest conversation. Time would not say how much work it was. */
  toolTokensMax: 32_000,
  /** Parentheses, signs and powers within each other in a sum for the calculator; a deeper one is told so. */
  calculatorDepthMax: 32,
  /** Days that usage of models is kept for, the newest included. */
  usageDays: 31,
  /** Rows of usage, one for each day and model; the oldest goes. */
  usageRowsMax: 200,
  /** Records one step of a deletion removes; a longer history is erased in several steps.
   *
   *  The kernel deletes at most 10,000 per append, and there are two kinds of them. */
  erasePerEvent: 4_000,

  /** Naming an admin fails when the user's actor does not answer in time. */
  adminCheckTimeoutMs: 3_000,

  /** Nodes the cluster remembers; the one stopped longest ago is forgotten. */
  nodesMax: 1_000,
  /** Entries of the audit (changes of the cluster) that the role-manager keeps; the oldest is deleted. */
  auditEntriesMax: 2_000,

  /** Alerts that nobody has acknowledged; what is found beyond them is counted in one alert of its own. */
  alertsOpenMax: 500,
  /** Acknowledged alerts that are kept; the oldest goes. */
  alertsKept: 5_000,
  /** Places in the audit that an alert names; the first ones stay, the newest takes the last place. */
  alertEvidenceMax: 8,
  /** Runs of playbooks that are kept; the oldest goes. */
  playbookRunsKept: 1_000,
  /** Runs of playbooks that are not over; an alert that comes while there are so many runs none. */
  playbookRunsOpenMax: 64,

  /** Rows a search looks at in one read. */
  catalogScanRows: 500,
  /** Rows a search looks at in all; the page then says where to continue. */
  catalogScanRowsMax: 20_000,
  /** Rows of a page of the catalog when the asker names no number. */
  catalogPageDefault: 50,

  /** Rows of a ledger's day, and of its month: one for each person or key, and model. What others take is added to one
   *  row `others`. */
  usageRowsPerPeriodMax: 4_096,
  /** Days that a ledger keeps; older ones are deleted. */
  usageDaysKept: 400,
  /** Rows of days in one answer; the next page has the others. */
  usageDayRowsPage: 1_000,
  /** Nodes whose last message a ledger remembers; the one that told longest ago is forgotten. */
  usageReportersMax: 1_000,
  /** A node that has told nothing for so long is forgotten.
   *
   *  What it repeats then would count again, so it gives up long before. */
  usageReporterMs: 7 * 24 * 3_600_000,
  /** People who are told apart in a month of what people did; what others do is counted, and they are not. */
  activityPeopleMax: 20_000,
  /** Days of what people did in one answer; the next page has the others. */
  activityDaysPage: 100,
  /** Days of use that are kept; older ones are deleted. */
  useDaysKept: 400,
  /** Commands of which a day is counted how often they were used; others are left out. */
  featuresKept: 512,
  /** What people said to the admins that is kept: of those that are done the oldest goes; one more that waits is
   *  refused with `LIMIT_REACHED`. */
  feedbackKept: 100,
  /** Reports by mail that are over and still shown; the oldest go. */
  reportRunsKept: 50,
  /** How often one is tried whose mail server is away; then it has failed. */
  reportTriesMax: 6,
  /** The pause before the next try. */
  reportRetryMs: 15 * 60_000,
  /** Between two times of one report. */
  reportEveryMs: 3_600_000,
  /** How many of a schedule's next times are compared with one another. */
  reportTimesChecked: 64,
  /** One whose node says nothing for so long has failed, and nobody knows who got it. */
  reportSilentMs: 30 * 60_000,
  /** Months of what people did that are kept. */
  activityMonthsKept: 26,
  /** Nodes of which is remembered what they keep; one that has said nothing for so long counts no more. */
  activityStoredMs: 2 * 24 * 3_600_000,
  /** A share of a budget whose node has told nothing for so long is given to others. */
  leaseMs: 10 * 60_000,
  /** A node that needs a share of a budget gets what it needs, or one part in so many of what is left, if that is
   *  more. */
  leaseShare: 8,

  /** Stripes whose last changes a holder remembers, so that it knows a record which is older; of one that changed
   *  before, the record is read again. */
  shardChangesKept: 128,
  /** Owners that refer to one stripe; one more is refused with `LIMIT_REACHED`. */
  shardOwnersMax: 64,
  /** Owners of which a holder remembers that they released one stripe; the earliest is forgotten first. */
  shardReleasesMax: 64,
  /** Stripes of which a holder remembers their releases; of more, the first are forgotten at the next
   *  collection. */
  shardsReleasedMax: 1_000_000,
  /** Owners whose shards of the last minute a holder counts; the one that began longest ago is forgotten. */
  shardOwnersCounted: 1_000,
  /** Shards that one step of a collection moves into the trash, and out of it. */
  shardsCollected: 64,
  /** Shards that become free later than this are looked at by each collection: a clock that was ahead may have said so.
   *
   *  As long as backups refer to what no snapshot leads to yet: what is kept for longer by hand is little. */
  shardLifeUsualMs: 7 * 24 * 3_600_000,

  /** A recall that read less says nothing of how fast bytes are read. */
  backupMeasuredBytesMin: 1024 * 1024,
  /** No session holds for longer, whatever the gateway says: its clock may be ahead. */
  sessionLifeMsMax: 30 * 24 * 3_600_000,
  /** No server that answers a call later makes an agent wait for longer. */
  generationRetryMsMax: 3_600_000,
  /** No link that was sent by mail, or made by an admin, holds for longer. One that seems to was made while a clock was
   *  ahead. */
  linkLifeMsMax: 24 * 3_600_000,
  /** No deletion of an account waits for longer: one that seems to was asked for while a clock was ahead, and waits for
   *  so long from now. */
  deletionWaitMsMax: 14 * 24 * 3_600_000,
  /** Mails of what was missed that the mail server refuses in a row for one address; then none is tried for a day. */
  digestRefusalsMax: 3,
  /** That pause. */
  digestRefusedPauseMs: 24 * 3_600_000,
  /** A mail that was taken for so long is nobody's any more: its node died. */
  digestTakenMsMax: 10 * 60_000,
  /** Schedules of backups; making one more is refused with `LIMIT_REACHED`. */
  backupSchedulesMax: 32,
  /** Tasks with backups that wait or are under way; one more is refused with `LIMIT_REACHED`, and a schedule's is left
   *  out. */
  backupTasksOpenMax: 16,
  /** Folders with backups that are remembered; the one that was looked at the longest ago is forgotten. */
  backupFoldersMax: 64,
  /** Tasks with backups that have ended and are remembered; the oldest is forgotten. */
  backupTasksKept: 200,
  /** Tasks that ended too early and can go on; of more, the one that ended first begins anew. */
  backupTasksLeft: 8,
  /** So long after its beginning a task can go on; later it begins anew.
   *
   *  Less than half of how long holders keep what no snapshot refers to. */
  backupLeftMs: 3 * 24 * 3_600_000,
  /** What a runner keeps of one task; more is refused with `LIMIT_REACHED`, and the task fails.
   *
   *  One for each part of a run. The kernel deletes at most 10,000 records at once. */
  backupPiecesMax: 5_000,
  /** Pieces in one answer; the next page has the others. */
  backupPiecesPage: 64,
  /** Legal holds; one more is refused with `LIMIT_REACHED`. */
  backupHoldsMax: 200,
  /** Persons and actors whose keys are destroyed at once; one more is refused with `LIMIT_REACHED`. */
  backupErasuresMax: 20,
  /** No hold is set for so long that would keep keys which somebody is destroying and of whom nothing is heard: several
   *  times as long as the directory may take for it. */
  backupErasureMs: 60_000,
  /** How long a recall of private things may be approved, and then begun; after that it has to be asked for anew. */
  recallApprovalMs: 24 * 3_600_000,
  /** Such recalls that wait for an answer or may be begun; one more is refused with `LIMIT_REACHED`. */
  recallRequestsOpenMax: 16,
  /** Such recalls that are remembered; the oldest that is over is forgotten. */
  recallRequestsKept: 64,
} as const;
