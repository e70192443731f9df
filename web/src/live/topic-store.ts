import { useSyncExternalStore } from "react";

/** A model that is folded at once and shown once per animation frame, so that a hundred tokens a second cost sixty
 *  renders. */
export class TopicStore<Model, Input> {
  readonly #fold: (model: Model, input: Input) => Model;
  #latest: Model;
  #shown: Model;
  #cancel: (() => void) | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(initial: Model, fold: (model: Model, input: Input) => Model) {
    this.#latest = initial;
    this.#shown = initial;
    this.#fold = fold;
  }

  /** The newest model, for decisions. */
  get latest(): Model {
    return this.#latest;
  }

  /** The model as shown, stable between frames. */
  readonly shown = (): Model => this.#shown;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Folds one input. `now` shows it in this frame: what a person did must not wait. */
  apply(input: Input, when: "frame" | "now" = "frame"): void {
    this.#latest = this.#fold(this.#latest, input);
    if (when === "now") this.#show();
    else this.#cancel ??= nextFrame(() => this.#show());
  }

  #show(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#shown === this.#latest) return;
    this.#shown = this.#latest;
    for (const listener of this.#listeners) listener();
  }
}

/** Part of a store's model; renders again only when that part changes. `select` returns a part, it does not build
 *  one. */
export function useShown<Model, Part>(store: TopicStore<Model, never>, select: (model: Model) => Part): Part {
  return useSyncExternalStore(store.subscribe, () => select(store.shown()));
}

// A hidden page gets no frames, and its title still counts unread messages.
const hiddenFrameMs = 200;

function nextFrame(callback: () => void): () => void {
  if (document.hidden) {
    const timer = setTimeout(callback, hiddenFrameMs);
    return () => clearTimeout(timer);
  }
  const frame = requestAnimationFrame(callback);
  // The page may be hidden before the frame comes.
  const timer = setTimeout(callback, hiddenFrameMs);
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
}
