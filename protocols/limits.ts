/** What clients and nodes agree on. */
export const wireLimits = {
  /** A WebSocket frame beyond it ends the connection (close code 1009); an HTTP body beyond it is refused with
   *  `TOO_LARGE`.
   *
   *  Twice the longest message with its JSON escapes and envelope. */
  frameBytesMax: 64 * 1024,
  /** A longer message is refused with `BAD_REQUEST`.
   *
   *  In UTF-16 units. Zulip's limit; long enough for a log excerpt. */
  messageCharsMax: 10_000,
  /** Messages that come back in one event of a room. */
  restoredPerEventMax: 50,
  /** A longer persona is refused with `BAD_REQUEST`. */
  personaCharsMax: 4_000,
  /** The newest message of a room or a thread is cut to this where it stands in a list. */
  summaryTextChars: 160,
  /** Longer titles and display names are refused with `BAD_REQUEST`. */
  titleCharsMax: 80,
  /** A longer topic is refused with `BAD_REQUEST`. */
  topicCharsMax: 500,
  /** A longer topic of a message is refused with `BAD_REQUEST`. */
  messageTopicCharsMax: 60,
  /** Stretches of messages that somebody has read out of their order, in a topic; further ones are unread until the
   *  room is read. */
  topicReadMax: 256,
  /** Topics of one room that a person follows or mutes; one more is refused with `LIMIT_REACHED`. */
  topicInterestsMax: 64,
  /** A longer user or agent name is refused with `BAD_REQUEST`. */
  nameCharsMax: 32,
  /** A longer name of a model is refused with `BAD_REQUEST`. */
  modelCharsMax: 200,
  /** A longer name of an API key is refused with `BAD_REQUEST`; a device's longer name for itself is cut. */
  labelCharsMax: 200,
  /** A shorter new password is refused with `BAD_REQUEST`. */
  passwordCharsMin: 8,
  /** A longer password is refused with `BAD_REQUEST`, so that hashing has a bound. */
  passwordCharsMax: 256,
  /** A request for a larger page is refused with `BAD_REQUEST`. */
  pageEntriesMax: 200,
  /** Entries of a page when the request names no number. */
  pageEntriesDefault: 50,
  /** Rows of one page of `GET /api/v1/admin/actors`; more cannot be asked for: `BAD_REQUEST`. */
  actorRowsMax: 500,
  /** Rows of one page of `GET /api/v1/admin/rooms`; more cannot be asked for: `BAD_REQUEST`. */
  adminRoomRowsMax: 100,
  /** Characters of what is searched for in messages; a longer text is refused: `BAD_REQUEST`. */
  searchCharsMax: 1_000,
  /** Messages of one page of a search; more cannot be asked for: `BAD_REQUEST`. */
  searchFoundMax: 50,
  /** Messages of a page of a search when the request names no number. */
  searchFoundDefault: 20,
  /** Characters of the passage of a message that a search shows; a longer text is cut around what was found. */
  searchPassageChars: 400,
  /** Characters of `cursor`; a longer one is refused: `BAD_REQUEST`. */
  searchCursorCharsMax: 200,
  /** Browsers that take notices for one account while their page is closed; one more is refused:
   *  `LIMIT_REACHED`. */
  pushDevicesMax: 10,
  /** A longer address of a browser's push service is refused with `BAD_REQUEST`. */
  pushEndpointCharsMax: 1_000,
  /** Somebody gets mail of what is unread no sooner and no more often than after so many minutes: `BAD_REQUEST`. */
  digestMinutesMin: 15,
  /** The next look for such mail lies no further ahead: a day by the clock of a zone that changes. */
  digestLookMsMax: 26 * 3_600_000,
  /** Lines of each room and thread when what was missed is asked for; more cannot be asked for: `BAD_REQUEST`. */
  catchUpLinesMax: 40,
  /** The same when the request names no number. */
  catchUpLinesDefault: 3,
  /** A page ends before its entries take more bytes, and says that there are more; it has at least one entry. */
  pageBytesMax: 2 * 1024 * 1024,
  /** Content of one message between nodes. A larger command or answer is refused with `TOO_LARGE`; a larger event is
   *  dropped, and its followers ask the actor for it.
   *
   *  A frame between nodes has 64 KiB more, for the envelope. */
  peerMessageBytesMax: 4 * 1024 * 1024 - 64 * 1024,
  /** Nesting of arrays and objects in such a message. A deeper message counts as too large, also as a dead letter.
   *
   *  JSON from clients has 16; the encoder's stack ends at 1,400. */
  peerMessageDepthMax: 512,
  /** Lists and objects in such a message; a message with more is not read, and its connection ends.
   *
   *  An empty one is a byte there, and eighty in memory. */
  peerContainersMax: 524_288,
  /** How deep JSON of another server, or of a file of others, may be nested; what is deeper counts as damaged, as do
   *  the following. */
  documentDepthMax: 256,
  /** Values and keys of such JSON.
   *
   *  1,000 vectors of 4,096 numbers are four million. */
  documentValuesMax: 6_000_000,
  /** Lists and objects of such JSON.
   *
   *  The largest vocabularies have half a million pairs. */
  documentContainersMax: 1_000_000,
  /** Bytes of a key of such JSON. */
  documentKeyBytesMax: 64 * 1024,
  /** How deep JSON within a text of JSON may be nested, as the arguments of a call are; what is deeper is no JSON, as
   *  are the following. */
  innerDepthMax: 64,
  /** Values and keys of such JSON: as many as a body with a conversation may have. */
  innerValuesMax: 400_000,
  /** Lists and objects of such JSON. */
  innerContainersMax: 65_536,
  /** Keys of such JSON. */
  innerKeysMax: 32_768,
  /** A longer operation id is refused with `BAD_REQUEST`. */
  operationIdCharsMax: 64,
  /** Topics one WebSocket connection may follow; one more is refused with `LIMIT_REACHED`. */
  subscriptionsMax: 256,
  /** People whose presence one connection may look at; more are refused with `BAD_REQUEST`. */
  peopleLookedAtMax: 200,
  /** A longer status is refused with `BAD_REQUEST`. */
  statusCharsMax: 100,
  /** Commands of one connection that are not yet answered; one more is refused with `OVERLOADED`. */
  outstandingCommandsMax: 64,
  /** Joining or inviting beyond it is refused with `LIMIT_REACHED`. */
  roomMembersMax: 5_000,
  /** A user whose list is full creates no room (`LIMIT_REACHED`) and leaves the next one. */
  roomsPerUserMax: 500,
  /** One more scheduled message or reminder is refused with `LIMIT_REACHED`. */
  laterMax: 100,
  /** Characters of all scheduled messages of a person; more are refused with `LIMIT_REACHED`. */
  laterCharsMax: 200_000,
  /** What is to be sent later than that is refused with `BAD_REQUEST`. */
  laterMsMax: 400 * 24 * 60 * 60_000,
  /** Words of which a person is told; more are refused with `BAD_REQUEST`. */
  keywordsMax: 20,
  /** A longer one of these words is refused with `BAD_REQUEST`. */
  keywordCharsMax: 40,
  /** Signs of a message that a client is told of which does not follow its room; the rest is left out. */
  activityCharsMax: 160,
  /** One more saved message is refused with `LIMIT_REACHED`. */
  savedMax: 500,
  /** More favourites are refused with `BAD_REQUEST`. */
  favouritesMax: 50,
  /** More sections of the list of rooms are refused with `BAD_REQUEST`. */
  sidebarSectionsMax: 30,
  /** A longer name of a section is refused with `BAD_REQUEST`. */
  sectionNameCharsMax: 40,
  /** Banning one more member from a room is refused with `LIMIT_REACHED`; bans that have ended do not count. */
  bansPerRoomMax: 500,
  /** A shorter ban or mute is refused with `BAD_REQUEST`. */
  banMsMin: 60_000,
  /** A longer ban or mute is refused with `BAD_REQUEST`; one without an end holds until a moderator lifts it. */
  banMsMax: 10 * 365 * 24 * 60 * 60_000,
  /** Deleting more messages of a room at once is refused with `BAD_REQUEST`. */
  deletedAtOnceMax: 100,
  /** Groups of people in a cluster; making one more is refused with `LIMIT_REACHED`. */
  groupsMax: 200,
  /** A group with more people is refused with `BAD_REQUEST`. */
  groupMembersMax: 100,
  /** Further groups that one message mentions are not told. */
  groupsPerMessageMax: 3,
  /** A longer title, or longer pronouns, on the card of a person are refused with `BAD_REQUEST`. */
  aboutLineCharsMax: 60,
  /** A longer text that a person tells of themselves is refused with `BAD_REQUEST`. */
  aboutCharsMax: 300,
  /** Emoji that a cluster has of its own; adding one more is refused with `LIMIT_REACHED`. */
  ownEmojiMax: 400,
  /** A larger file of an emoji is refused with `TOO_LARGE`. The page draws larger ones smaller. */
  emojiFileBytesMax: 128 * 1024,
  /** A file of an emoji with more pixels on a side is refused with `TOO_LARGE`. */
  emojiFileSideMax: 1_024,
  /** Pixels on the longer side of an emoji as it is kept: twice what the largest place shows, for fine screens. */
  emojiSideMax: 128,
  /** Earlier texts that are kept of one edited message; beyond it the oldest is forgotten. */
  messageVersionsMax: 20,
  /** One more link into a room is refused with `LIMIT_REACHED`; links that have ended do not count. */
  joinLinksPerRoomMax: 20,
  /** A link into a room for more people is refused with `BAD_REQUEST`. */
  joinLinkUsesMax: 1_000,
  /** A link into a room for a shorter time is refused with `BAD_REQUEST`. */
  joinLinkMsMin: 60_000,
  /** A link into a room for a longer time is refused with `BAD_REQUEST`. */
  joinLinkMsMax: 90 * 24 * 60 * 60_000,
  /** A longer reason for a ban, a mute or a warning is refused with `BAD_REQUEST`. */
  reasonCharsMax: 200,
  /** Creating one more is refused with `LIMIT_REACHED`. */
  agentsPerUserMax: 50,
  /** Conversations with one agent beside the first; opening one more is refused with `LIMIT_REACHED`. */
  agentConversationsMax: 200,
  /** Read-only links to conversations of one person that hold at once; one more is refused with `LIMIT_REACHED`. */
  sharedLinksMax: 100,
  /** A read-only link to a conversation for a shorter time is refused with `BAD_REQUEST`. */
  sharedLinkMsMin: 60_000,
  /** The same for a longer time. */
  sharedLinkMsMax: 90 * 24 * 60 * 60_000,
  /** A longer title of a conversation is refused with `BAD_REQUEST`. */
  conversationTitleCharsMax: 80,
  /** The same of its folder and its tags. */
  conversationLabelCharsMax: 40,
  /** Tags of one conversation; more are refused with `BAD_REQUEST`. */
  conversationTagsMax: 8,
  /** Signing in once more ends the oldest session. */
  sessionsPerUserMax: 32,
  /** The last use of a session or API key is noted when the last note is older. */
  sessionUsedMs: 3_600_000,
  /** Known devices of a user; beyond it the one used longest ago becomes unknown again. */
  devicesPerUserMax: 32,
  /** Making one more is refused with `LIMIT_REACHED`. */
  apiKeysPerUserMax: 32,
  /** Scopes of an API key; a longer list is refused with `BAD_REQUEST`. */
  keyScopesMax: 32,
  /** Roles of the cluster's own; setting one more is refused with `LIMIT_REACHED`. */
  rolesMax: 32,
  /** Grants of a role; a longer list is refused with `BAD_REQUEST`. */
  roleGrantsMax: 128,
  /** Roles of a person; a longer list is refused with `BAD_REQUEST`. */
  rolesPerUserMax: 8,
  /** The longest that an invitation to sign up holds. */
  signUpInvitationMsMax: 366 * 24 * 3_600_000,
  /** The longest that a token of the control endpoint holds which ends at all. */
  controlTokenMsMax: 5 * 366 * 24 * 3_600_000,
  /** A session that proved its person longer ago does nothing of power: `SIGN_IN_AGAIN`. Long enough to look at what a
   *  recall comes to, and to begin it. */
  freshSignInMs: 10 * 60_000,
  /** A person who is an admin for less, or has a password that a link set for less, is no second one to agree to what
   *  another asks for. */
  secondAdminMs: 24 * 3_600_000,
  /** People whose roles one question names. */
  rolesAmongMax: 100,
  /** Adding one more passkey is refused with `LIMIT_REACHED`. */
  passkeysPerUserMax: 16,
  /** A longer name of a passkey is refused with `BAD_REQUEST`. */
  passkeyNameCharsMax: 80,
  /** Codes of a sheet for when the second factor is lost, each good once; a new sheet replaces the one before. */
  recoveryCodes: 10,
  /** Linking one more identity of another server to an account is refused with `LIMIT_REACHED`. */
  identitiesPerUserMax: 8,
  /** Rows of the map from groups of another server to roles; a longer map is refused with `BAD_REQUEST`. */
  providerRolesMax: 64,
  /** A larger picture of a person is refused with `TOO_LARGE`. The page sends about 10 KiB. */
  avatarBytesMax: 64 * 1024,
  /** A picture with more pixels on a side is refused with `TOO_LARGE`. The page sends 256 by 256. */
  avatarSideMax: 512,
  /** A larger picture in a conversation with an agent is refused with `TOO_LARGE`. The page draws larger ones
   *  smaller. */
  pictureBytesMax: 512 * 1024,
  /** A picture with more pixels on a side is refused with `TOO_LARGE`. The page sends at most 1,536. */
  pictureSideMax: 4_096,
  /** Pictures of one message to an agent. */
  picturesPerMessageMax: 4,
  /** A larger sound in a conversation with an agent is refused with `TOO_LARGE`. The page makes 16,000 samples a second
   *  of it, and 8,000 of one that is longer than 30 seconds. */
  soundBytesMax: 1024 * 1024,
  /** A longer one is refused with `TOO_LARGE`, too. */
  soundMsMax: 60_000,
  /** Sounds of one message to an agent. */
  soundsPerMessageMax: 2,
  /** Characters that say what is said in a sound. */
  soundTextCharsMax: 2_000,
  /** A room in which members wait longer between two messages is refused with `BAD_REQUEST`. */
  slowMsMax: 6 * 60 * 60_000,
  /** Files of one message; a post with more is refused with `BAD_REQUEST`. */
  filesPerMessageMax: 10,
  /** Links of one message of which pages are shown; of the others there is nothing. */
  previewsPerMessageMax: 3,
  /** A longer address of a page is not read. */
  previewUrlCharsMax: 2_000,
  /** A longer title of a page is cut. */
  previewTitleCharsMax: 200,
  /** What a page says of itself is cut, too. */
  previewTextCharsMax: 400,
  /** And so is what its site is called. */
  previewSiteCharsMax: 80,
  /** Pictures that nodes make of others are at most as wide, and as high. */
  previewSideMax: 1_024,
  /** A larger file in a room is refused with `TOO_LARGE`, before a byte of it is read.
   *
   *  A room's journal names each of its parts, of which there are 257 then. */
  fileBytesMax: 256 * 1024 * 1024,
  /** A larger picture, of those that are freed of where and by what they were taken, is refused with `TOO_LARGE`.
   *
   *  It is in memory as a whole for that. */
  filePictureBytesMax: 32 * 1024 * 1024,
  /** Characters of a file's text that are kept, so that it is found; what stands behind them is not.
   *
   *  They are a record of the room, written twice into its journal: 400 KB at most, of the 1 MiB of an entry. */
  fileTextCharsMax: 64 * 1024,
  /** A longer name of what a scanner has found is cut. */
  signatureCharsMax: 200,
  /** A longer name of a file is cut, before its ending. */
  fileNameCharsMax: 200,
  /** Bytes of a file that are sealed and kept as one.
   *
   *  What fits into a copied blob with the nonce and the tag of its seal. */
  filePartBytes: 1024 * 1024 - 64,
  /** Newest files of a room's messages that an agent is told of when it is mentioned; it says how many more there
   *  are. */
  filesPerMentionMax: 8,
  /** The most turns for which a room lets agents call each other without a person. */
  agentTurnsMax: 20,
  /** Agents of a room that answer otherwise than by everybody's mention. */
  agentModesMax: 64,
  /** People of a direct conversation of several, the one who begins it included; a larger one is a room. */
  groupPeopleMax: 20,
  /** Characters that say what is in a picture. */
  pictureTextCharsMax: 300,
  /** Pinning one more is refused with `LIMIT_REACHED`. */
  pinsPerRoomMax: 50,
  /** Another emoji on the same message is refused with `LIMIT_REACHED`. */
  reactionKindsMax: 20,
  /** One more person with the same emoji on the same message is refused with `LIMIT_REACHED`. */
  reactionsPerKindMax: 200,
  /** A longer question of a poll is refused with `BAD_REQUEST`. */
  pollQuestionCharsMax: 300,
  /** A longer option of a poll is refused with `BAD_REQUEST`. */
  pollOptionCharsMax: 80,
  /** A poll with more options, or fewer than two, is refused with `BAD_REQUEST`. */
  pollOptionsMax: 12,
  /** So many of those who voted in an open poll are named with what they voted for. */
  pollVotesNamedMax: 200,
  /** Creating one more poll in the room is refused with `LIMIT_REACHED` until one is closed or deleted. */
  openPollsPerRoomMax: 10,
  /** The vote of one more person is refused with `LIMIT_REACHED`; people who have voted may still change their vote.
   *
   *  As many people as a room may have at a time. */
  votersPerPollMax: 5_000,
  /** Further mentions in a message stay text and notify nobody. */
  mentionsPerMessageMax: 20,
  /** Those whom an edited message mentioned and does no more: an edit that mentions more people than this in all tells
   *  the further ones nothing. */
  mentionsOfEditsMax: 100,
  /** Times that an agent calls tools for one message of a room. */
  toolRoundsPerMessageMax: 16,
  /** Events an actor keeps for clients that resume; a client further behind gets `CURSOR_EXPIRED` and loads the
   *  whole state. */
  eventWindow: 10_000,
  /** A larger `maxTokens` is refused with `BAD_REQUEST`. */
  maxTokensMax: 4_096,
  /** Holders of a group, and so shards of a stripe; further nodes with the role `storage` get another group.
   *
   *  A wider code saves little room, and more nodes must be asked for each read. */
  groupHoldersMax: 12,
  /** Bytes of one stripe that an admin puts by hand; a larger file is several. */
  stripePutBytesMax: 4 * 1024 * 1024,
  /** A command to a holder that names more shards or stripes is refused with `BAD_REQUEST`. */
  shardsNamedMax: 64,
  /** A larger page of a holder's inventory is refused with `BAD_REQUEST`. */
  shardsPageMax: 1_000,
  /** Longer times of grace and trash are refused with `BAD_REQUEST`. */
  shardGraceMsMax: 400 * 24 * 3_600_000,
  /** A snapshot that is dated further ahead of now was made while a clock was wrong; its date does not count. */
  snapshotAheadMs: 600_000,
  /** Tasks with backups that one runner has at a time; the others wait. */
  backupTasksTakenMax: 3,
  /** A larger checkpoint of a task is refused with `BAD_REQUEST`. */
  backupCheckpointCharsMax: 16 * 1024,
  /** A larger piece of a task is refused with `BAD_REQUEST`. */
  backupPieceCharsMax: 32 * 1024,
  /** Pieces of a task that one message brings. */
  backupPiecesPage: 64,
  /** A longer reason for a recall or a hold is refused with `BAD_REQUEST`. */
  backupReasonCharsMax: 200,
  /** What the texts are searched for that a recall brings back. */
  backupSearchCharsMax: 200,
  /** A longer note to an alert, a rule or a playbook is refused with `BAD_REQUEST`. */
  alertNoteCharsMax: 500,
  /** Setting one more rule over events is refused with `LIMIT_REACHED`. */
  watchRulesMax: 64,
  /** A rule with more steps is refused with `BAD_REQUEST`. */
  watchRuleStepsMax: 8,
  /** A step that asks for more entries is refused with `BAD_REQUEST`. */
  watchRuleCountMax: 200,
  /** A rule over a longer time is refused with `BAD_REQUEST`. */
  watchRuleMinutesMax: 7 * 24 * 60,
  /** Setting one more playbook is refused with `LIMIT_REACHED`. */
  playbooksMax: 32,
  /** A playbook with more actions is refused with `BAD_REQUEST`. */
  playbookActionsMax: 8,
  /** Entries of the audit that a run of a playbook carries: those that the alert came of. */
  playbookSeenMax: 8,
  /** People of one message about what was done at a node; the next has the others. */
  activityPeoplePage: 256,
  /** Teams of which it is told what their people did: as many as a cluster may have budgets. */
  activityTeamsMax: 64,
  /** Days of what people did that are kept; older ones are deleted. */
  activityDaysMax: 800,
  /** Commands of which a node tells in one message how often they were used; others it tells with the next. */
  featuresMax: 256,
  /** Days of use in one answer; the next page has the others. */
  useDaysMax: 100,
  /** Characters of what somebody says to the admins: `BAD_REQUEST`. */
  feedbackCharsMax: 1_000,
  /** Reports of usage that are sent by mail; one more is refused with `LIMIT_REACHED`. */
  reportsMax: 16,
  /** Addresses to which one is sent: `BAD_REQUEST`. */
  reportReceiversMax: 8,
  /** Days that one goes back: `BAD_REQUEST`. */
  reportDaysMax: 366,
  /** Rows of what detectors remember that one message of the watcher brings; it sends the others with the next. */
  watchRowsPage: 200,
  /** Characters of such a row; a detector keeps the newest that fits. */
  watchRowCharsMax: 4_000,
  /** Findings of one message of the watcher; it reads fewer entries where there are more. */
  watchFindingsPage: 100,
  /** Lines of the log in one answer; a request for more is refused with `BAD_REQUEST`. */
  logLinesMax: 1_000,
  /** Longest wait for the next line of the log; a request for a longer one is refused with `BAD_REQUEST`. */
  logWaitMsMax: 20_000,
  /** Routes, kinds of actors or API keys in one answer about requests; a request for more is refused with
   *  `BAD_REQUEST`. */
  requestRowsMax: 200,
  /** Those of them that come with their figures over time; a request for more is refused with `BAD_REQUEST`. */
  requestChartsMax: 10,
  /** Those that a node tells another one of at once: as many as it keeps. */
  requestNamesMax: 512,
} as const;
