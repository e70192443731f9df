import type { Uploads, UploadsOwner } from "./uploads.ts";

/** The way to a person's uploads. What does them is loaded with the first file. */
export class Files {
  /** Undefined until there is one. */
  uploads: Uploads | undefined;
  readonly #session: UploadsOwner;
  #loading: Promise<Uploads> | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(session: UploadsOwner) {
    this.#session = session;
  }

  /** How many are attached at a place. */
  countAt(place: string): number {
    return this.uploads?.store.shown().filter((upload) => upload.place === place).length ?? 0;
  }

  /** Rejects where it cannot be loaded now. */
  load(): Promise<Uploads> {
    this.#loading ??= this.#load().catch((thrown: unknown) => {
      this.#loading = undefined;
      throw thrown;
    });
    return this.#loading;
  }

  async #load(): Promise<Uploads> {
    const { Uploads, claimTab } = await import("./uploads.ts");
    await claimTab(this.#session.keptInTab);
    const uploads = new Uploads(this.#session);
    this.uploads = uploads;
    uploads.store.subscribe(this.#tell);
    this.#tell();
    return uploads;
  }

  readonly #tell = (): void => {
    for (const listener of this.#listeners) listener();
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}
