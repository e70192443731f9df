import { clearScreenDown, createInterface, cursorTo, moveCursor, type Interface } from "node:readline";
import { Writable } from "node:stream";
import { cliLimits } from "../limits.ts";
import { paint, wrap } from "../terminal/output.ts";
import { guarded, printable, withoutControls } from "../terminal/printable.ts";

/** Where a chat prints and reads. On a terminal the line being typed stays at the bottom and a growing draft above it;
 *  piped, it is plain lines in and out. */
export interface Screen {
  readonly interactive: boolean;
  readonly color: boolean;
  print(text: string): void;
  /** Shows how far an answer is, and the end of its draft, above the prompt; undefined takes it away. Nothing happens
   *  when piped. */
  showDraft(says: string, text: string | undefined): void;
  /** Rings the bell of a terminal; nothing happens when piped. */
  ring(): void;
  /** On a terminal: asked at Ctrl-C. True: it did something, and the chat goes on. */
  onInterrupt(handle: () => boolean): void;
  setPrompt(prompt: string): void;
  /** Asks for one line; hidden input is not echoed. Undefined at the end of input. */
  question(prompt: string, hidden?: boolean): Promise<string | undefined>;
  /** The lines from now on, until the end of input or `close`. */
  lines(): AsyncIterable<string>;
  /** Resolves at the end of input (on a terminal Ctrl-C and Ctrl-D) or `close`. */
  readonly ended: Promise<void>;
  close(): void;
}

/** The process's own terminal or pipes. */
export function processScreen(color: boolean): Screen {
  const interactive = process.stdin.isTTY && process.stdout.isTTY;
  let silent = false;
  // Readline echoes what is typed into this; a hidden answer is swallowed here.
  const echo = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!silent) process.stdout.write(chunk);
      done();
    },
  });
  Object.defineProperty(echo, "columns", { get: () => process.stdout.columns });
  process.stdout.on("resize", () => echo.emit("resize"));
  const reader: Interface = createInterface({
    input: process.stdin,
    output: interactive ? echo : undefined,
    terminal: interactive,
    historySize: 200,
  });
  // Lines may arrive before anybody asks for them: they wait here, and stdin waits for us beyond the limit.
  const waiting: string[] = [];
  let wake: (() => void) | undefined;
  let ended = false;
  let prompt = "";
  let draft = "";
  let interrupted = (): boolean => false;

  reader.on("SIGINT", () => {
    if (!interrupted()) reader.close();
  });
  reader.on("line", (line) => {
    waiting.push(line);
    if (!interactive && waiting.length >= cliLimits.waitingLinesMax) reader.pause();
    wake?.();
  });
  const whenEnded = new Promise<void>((resolve) => {
    reader.on("close", () => {
      ended = true;
      wake?.();
      resolve();
    });
  });

  async function nextLine(): Promise<string | undefined> {
    while (waiting.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve));
    const line = waiting.shift();
    if (!interactive && !ended && waiting.length < cliLimits.waitingLinesMax) reader.resume();
    return line;
  }

  function above(write: () => void): void {
    if (!interactive || ended) {
      write();
      return;
    }
    moveCursor(process.stdout, 0, -reader.getCursorPos().rows);
    cursorTo(process.stdout, 0);
    clearScreenDown(process.stdout);
    write();
    // Readline goes up from where it thinks the cursor is; we have been there already.
    Object.assign(reader, { prevRows: 0 });
    reader.setPrompt(draft + prompt);
    reader.prompt(true);
  }

  return {
    interactive,
    color,
    ended: whenEnded,
    print: (text) => above(() => process.stdout.write(`${guarded(text, color)}\n`)),
    ring() {
      if (interactive && !ended) process.stdout.write("\x07");
    },
    onInterrupt: (handle) => void (interrupted = handle),
    showDraft(says, text) {
      if (!interactive) return;
      const width = Math.max(20, process.stdout.columns ?? 80) - 4;
      const rows = text === undefined ? [] : wrap(printable(text), width).slice(-cliLimits.draftRowsMax);
      const shown = rows.map((row) => paint(color, "dim", `  ${row}`)).join("\n");
      draft =
        text === undefined ? "" : `${paint(color, "dim", withoutControls(says))}\n${shown === "" ? "" : `${shown}\n`}`;
      above(() => {});
    },
    setPrompt(next) {
      prompt = withoutControls(next);
      if (interactive) above(() => {});
    },
    async question(text, hidden = false) {
      const before = prompt;
      prompt = text;
      above(() => {});
      silent = hidden;
      const answer = await nextLine();
      silent = false;
      if (hidden) process.stdout.write("\n");
      prompt = before;
      return answer;
    },
    async *lines() {
      for (;;) {
        const line = await nextLine();
        if (line === undefined) return;
        yield line;
        if (interactive && !ended) reader.prompt(true);
      }
    },
    close() {
      draft = "";
      ended = true;
      wake?.();
      reader.close();
    },
  };
}
