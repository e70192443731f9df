/** Requests of uploads as a browser sends them: `fetch` does not tell how much of a body is sent. */
import { pageLimits } from "./limits.ts";
import { at } from "./mount.ts";
import type { TusAnswer, TusPorts, TusRequest } from "./tus.ts";

/** Sends one. It is given up when nothing moves for long, or the signal says so. */
function send({ method, path, headers, body, signal, onSent }: TusRequest): Promise<TusAnswer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const abort = () => request.abort();
    const moves = () => {
      clearTimeout(timer);
      timer = setTimeout(abort, pageLimits.fileStallTimeoutMs);
    };
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    };
    request.open(method, at(path));
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => {
      moves();
      onSent?.(loaded);
    };
    request.onload = () => {
      end();
      const { status, responseText } = request;
      resolve({ status, text: responseText, header: (name) => request.getResponseHeader(name) });
    };
    request.onerror = request.onabort = () => {
      end();
      reject(new Error("no answer"));
    };
    signal.addEventListener("abort", abort);
    moves();
    request.send(body ?? null);
    if (signal.aborted) abort();
  });
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      window.removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    window.addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}

/** Uploads of this browser. */
export const browserPorts: TusPorts = { send, pause };
