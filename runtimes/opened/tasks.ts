/** What the process that opens files is asked, and what it answers. */

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
export interface DocumentWords {
  readonly text: string;
}

/** One row a task. */
export interface OpenedTable {
  readonly picture: { readonly asks: { readonly bytes: Uint8Array; readonly box: Box }; readonly tells: SmallPicture };
  readonly page: {
    readonly asks: { readonly bytes: Uint8Array; readonly type: string; readonly url: string };
    readonly tells: PageFacts;
  };
  /** The first page of a document. */
  readonly document: { readonly asks: { readonly bytes: Uint8Array; readonly box: Box }; readonly tells: SmallPicture };
  readonly words: { readonly asks: { readonly bytes: Uint8Array }; readonly tells: DocumentWords };
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
