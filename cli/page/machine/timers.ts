/** `node:timers/promises` in a page: pauses that an ended command never comes back from. */
import { never, running } from "./run.ts";

/** Waits. With `signal` of the caller's own it rejects when that is aborted, as Node's does. */
export async function setTimeout<T>(
  delayMs: number,
  value?: T,
  options: { readonly signal?: AbortSignal } = {},
): Promise<T> {
  const { ended } = running();
  if (ended.signal.aborted) return never();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = globalThis.setTimeout(resolve, delayMs);
  options.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")), { once: true });
  if (options.signal?.aborted === true) reject(new DOMException("aborted", "AbortError"));
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
  return ended.signal.aborted ? never() : (value as T);
}
