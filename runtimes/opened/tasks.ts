/** What can be asked of files of strangers, and what is answered. */

/** A picture is at most so large afterwards. */
export interface Box {
  readonly width: number;
  readonly height: number;
}

/** A small picture: WebP. */
export interface SmallPicture {
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** What a page of the web says of itself. */
export interface PageFacts {
  readonly title?: string;
  readonly description?: string;
  readonly site?: string;
  /** The whole address of its picture. */
  readonly image?: string;
}

/** What a document says. */
export type DocumentText =
  | {
      /** No longer than was asked for. */
      readonly text: string;
      /** There is more of it on the pages that were read. */
      readonly isCut: boolean;
      readonly pages: number;
      readonly pagesRead: number;
    }
  /** It wants a password. */
  | { readonly isLocked: true };

/** One row a task. */
export interface OpenedTable {
  readonly picture: { readonly asks: { readonly bytes: Uint8Array; readonly box: Box }; readonly tells: SmallPicture };
  readonly page: {
    readonly asks: { readonly bytes: Uint8Array; readonly type: string; readonly url: string };
    readonly tells: PageFacts;
  };
  /** The first page of a document. */
  readonly document: { readonly asks: { readonly bytes: Uint8Array; readonly box: Box }; readonly tells: SmallPicture };
  /** The text of a document's first pages. */
  readonly text: {
    readonly asks: { readonly bytes: Uint8Array; readonly charsMax: number; readonly pagesMax: number };
    readonly tells: DocumentText;
  };
}

/** What is asked. */
export type OpenedTask = {
  [Name in keyof OpenedTable]: { readonly is: Name } & OpenedTable[Name]["asks"];
}[keyof OpenedTable];

/** What comes of a task; absent: nothing can be made of it. */
export interface OpenedAnswer {
  readonly run: number;
  readonly told?: OpenedTable[keyof OpenedTable]["tells"];
}

/** Why nothing can be told of a file. */
export type NotOpened =
  /** Too many wait. */
  | "full"
  | "time"
  | "memory"
  /** It is not what it should be, or is broken. */
  | "refused"
  /** The process ended by itself, or never began. */
  | "ended"
  /** Nobody asks for it any more. */
  | "takenBack"
  | "stopped";

/** What came of a file. */
export type Opened<Told = OpenedTable[keyof OpenedTable]["tells"]> =
  | { readonly type: "told"; readonly told: Told }
  | { readonly type: "not"; readonly why: NotOpened };

/** Says why not. */
export const notOpened = (why: NotOpened): Opened<never> => ({ type: "not", why });

/** Whose turn it is, and how it ends early. */
export interface OpenedTurn {
  /** Those who sent files take turns. */
  readonly person: string;
  /** What of that person's takes turns with the rest of it. */
  readonly lane: string;
  /** Nobody asks for it any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Opens what it is given. */
export interface Opener {
  /** Undefined: nothing can be told of it, or there is no place. `person`: in whose turn. */
  open<Name extends keyof OpenedTable>(
    is: Name,
    asks: OpenedTable[Name]["asks"],
    person: string,
  ): Promise<OpenedTable[Name]["tells"] | undefined>;
  /** The same, and says why nothing can be told. `asks` is called when its turn has come: what it rejects with, this
   *  does. */
  tried<Name extends keyof OpenedTable>(
    is: Name,
    asks: () => Promise<OpenedTable[Name]["asks"]>,
    turn: OpenedTurn,
  ): Promise<Opened<OpenedTable[Name]["tells"]>>;
  stop(): void;
}
