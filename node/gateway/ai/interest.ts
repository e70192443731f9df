/** Whether anybody still wants an answer. An AbortSignal would say the same; it costs a request more than everything
 *  else that a call needs. */
export class Interest {
  #lost = false;
  #losers: Set<() => void> | undefined;

  /** With `of` it is lost with that one, too. */
  constructor(...of: readonly Interest[]) {
    for (const one of of) {
      if (one.lost) this.lose();
      else one.whenLost(() => this.lose());
    }
  }

  get lost(): boolean {
    return this.#lost;
  }

  /** Calls back all who wait for that, once. */
  lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    const losers = this.#losers ?? [];
    this.#losers = undefined;
    for (const loser of losers) loser();
  }

  /** Calls back when it is lost, until `keep` is called with the same. */
  whenLost(loser: () => void): void {
    if (!this.#lost) (this.#losers ??= new Set()).add(loser);
  }

  /** Ends that. */
  keep(loser: () => void): void {
    this.#losers?.delete(loser);
  }
}
