/** What is shown of links. */
export const previewLimits = {
  /** Messages whose links wait to be read; one more has no previews, or takes the place of one of the person who has
   *  most waiting. */
  linksWaitingMax: 256,
  /** The same of one person. */
  linksWaitingPerPersonMax: 16,
  /** Messages whose links are read at the same time. */
  linksReadingMax: 4,
  /** Pages that are read for one person in a minute; links beyond have no preview. */
  pagesPerPersonMax: 20,
  /** The same for one room. */
  pagesPerRoomMax: 40,
  /** The same of this node. */
  pagesMax: 200,
  /** The same of one host: so that a node is nobody's weapon. */
  pagesPerHostMax: 20,
  /** People, rooms and hosts whose pages are counted. */
  countedMax: 10_000,
  /** A page and its picture take so long at most, redirections included. */
  pageMsMax: 8_000,
  /** Bytes of a page that are read; what it says of itself stands at its beginning. */
  pageBytesMax: 512 * 1024,
  /** A larger picture of a page is not shown. */
  pagePictureBytesMax: 5 * 1024 * 1024,
  /** Redirections of one page, and of its picture. */
  redirectsMax: 4,
  /** Pages that are remembered. */
  pagesKept: 500,
  /** Bytes of what is remembered. */
  pagesKeptBytesMax: 16 * 1024 * 1024,
  /** A page is read anew after so long. */
  pageKeptMs: 30 * 60_000,
  /** One that could not be read is tried again after so long. */
  pageFailedMs: 5 * 60_000,
  /** The picture of a page is at most so wide, in pixels. */
  pagePictureWidth: 640,
  /** And so high. */
  pagePictureHeight: 360,
  /** Files that wait to be drawn; one more has no small picture, or takes the place of one of the person who has most
   *  waiting. */
  filesWaitingMax: 256,
  /** The same of one person. */
  filesWaitingPerPersonMax: 30,
  /** Files that are read and drawn at the same time: one is opened while the next one is read. */
  filesDrawnMax: 2,
  /** Files that cannot be drawn and are not opened again, until as many others could not be. */
  filesFailedMax: 2_000,
  /** Of a smaller picture there is no other one: it is as quick. */
  drawnBytesMin: 64 * 1024,
  /** The small picture of a file is at most so wide, in pixels: twice its place on the page. */
  filePictureWidth: 720,
  /** And so high. */
  filePictureHeight: 520,
  /** Files whose text waits to be read; one more is read when the room is next looked through, or takes the place of
   *  one of the person who has most waiting. */
  textsWaitingMax: 512,
  /** The same of one person. */
  textsWaitingPerPersonMax: 60,
  /** Files whose text is read at the same time. */
  textsReadMax: 2,
  /** The bytes of a file have so long to come; then others are read, and it is read later. */
  textReadMsMax: 30_000,
  /** A room of whose files one was not read is asked for those at most so often. */
  textsAgainMs: 5 * 60_000,
  /** A file over which the process ended so often is not opened again in this life of the node. */
  textTriesMax: 2,
  /** Rooms that are asked for files that nobody has read at the same time; another is asked when something happens in
   *  it again. */
  roomsAskingMax: 4,
  /** Rooms of which is known that they were asked for files that nobody has read; the oldest is asked again. */
  roomsAskedMax: 10_000,
  /** A room, or an account, has so long for an answer. */
  previewAskTimeoutMs: 10_000,
} as const;

/** Those that tests set. */
export type PreviewLimits = { readonly [Name in keyof typeof previewLimits]: number };
