/** The terminal in the page: xterm.js draws, `line.ts` is the line that is typed, and the commands are those of
 *  `plexus`, as `cli/page/` runs them in the browser. Everything here is loaded when somebody opens it.
 *
 *  It takes the keyboard as a terminal does. The way out is Escape, then Tab. */
import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import type { PageCommands, PageTerminal } from "../../../cli/page/terminal.ts";
import type { Result } from "../../../protocols/index.ts";
import { exchange } from "../wire/index.ts";
import { terminalLimits as limits } from "./limits.ts";
import { afterRun, drawn, emptyLine, inserted, pressed, replaced, textOf, type Line } from "./line.ts";

/** What the terminal needs of the page around it. */
export interface TerminalWorld {
  /** Has the person prove again who it is. */
  confirm(): Promise<Result<unknown>>;
  /** Asks whether these lines are to be run, one after the other. */
  agree(lines: readonly string[]): Promise<boolean>;
  /** Says how things stand with the keyboard. */
  onKeys(leaving: boolean): void;
  onRunning(runs: boolean): void;
  /** What this person typed before, since the page was opened. */
  lines(): readonly string[];
  keepLines(lines: readonly string[]): void;
}

/** A terminal that is open. */
export interface OpenTerminal {
  focus(): void;
  /** Types a text where the cursor is, and runs nothing. */
  type(text: string): void;
  /** As if these keys were pressed. */
  press(data: string): void;
  /** All that is on the screen and above it. */
  text(): string;
  close(): void;
}

const prompt = "plexus ";

const send: PageTerminal["send"] = (method, path, body, signal, key) =>
  exchange(method, path, body, { signal, key, bytesMax: limits.answerBytesMax });

/** What was pasted, as lines that could be run. */
export const linesPasted = (text: string): readonly string[] =>
  text
    .split(/\r\n|\r|\n/)
    .map((line) => line.replace(/^\s*\$ /, "").trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

function themeNow(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  const [background, foreground] = [of("--code"), of("--text")];
  return {
    background,
    foreground,
    cursor: of("--accent"),
    cursorAccent: background,
    selectionBackground: `${of("--accent")}66`,
  };
}

/** Opens one in `place`. */
export async function openTerminal(place: HTMLElement, world: TerminalWorld): Promise<OpenTerminal> {
  const { commands }: { readonly commands: PageCommands } = await import("virtual:plexus-commands");
  const style = getComputedStyle(document.documentElement);
  const screen = new Terminal({
    convertEol: true,
    scrollback: limits.scrollbackLines,
    fontFamily: style.getPropertyValue("--mantine-font-family-monospace") || "monospace",
    fontSize: 13,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    // What the theme cannot know: colours of commands on either background.
    minimumContrastRatio: 4.5,
    screenReaderMode: true,
    theme: themeNow(),
  });
  const fit = new FitAddon();
  screen.loadAddon(fit);
  screen.open(place);
  fit.fit();

  let line: Line = emptyLine(world.lines());
  let asking:
    | { readonly prompt: string; readonly hidden: boolean; readonly answer: (text: string | undefined) => void }
    | undefined;
  let runs = false;
  let leaving = false;
  let closed = false;
  let undrawnBytes = 0;
  let listed: string | undefined;
  let waiting: readonly string[] = [];

  const put = (text: string): void => {
    if (closed) return;
    undrawnBytes += text.length;
    screen.write(text, () => (undrawnBytes -= text.length));
  };
  const draw = (): void => {
    if (runs && asking === undefined) return;
    const shown = asking?.hidden === true ? emptyLine() : line;
    const { row, column } = drawn(shown, asking?.prompt ?? prompt, screen.cols);
    put(`\r\u001b[K${row}\u001b[${column}G`);
  };

  const terminal: PageTerminal = {
    get columns() {
      return screen.cols;
    },
    write(text) {
      put(text);
      if (undrawnBytes <= limits.undrawnBytesMax) return;
      commands.interrupt();
      put("\n(stopped: its output is longer than a page can show)\n");
    },
    ask(question, hidden) {
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      // A long question stands above what is typed.
      const isLong = question.length > screen.cols / 2;
      if (isLong) put(`${question}\n`);
      line = emptyLine();
      asking = { prompt: isLong ? "> " : question, hidden, answer: resolve };
      draw();
      return promise;
    },
    send,
    confirm: () => world.confirm(),
  };

  async function run(text: string): Promise<void> {
    if (text.trim() === "") return;
    if (text.trim() === "clear") return screen.clear();
    runs = true;
    world.onRunning(true);
    try {
      await commands.run(text.trim() === "help" ? "--help" : text, terminal);
    } catch (thrown) {
      put(`${String((thrown as Error).message)}\n`);
    } finally {
      asking = undefined;
      runs = false;
      if (!closed) world.onRunning(false);
    }
  }

  async function runAll(lines: readonly string[]): Promise<void> {
    waiting = lines;
    while (waiting.length > 0 && !closed) {
      const [first = "", ...rest] = waiting;
      waiting = rest;
      put(`\r\u001b[K${prompt}${first}\n`);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await run(first);
    }
    line = emptyLine(world.lines());
    draw();
  }

  function enter(): void {
    const typed = textOf(line);
    put("\n");
    if (asking !== undefined) {
      const { answer } = asking;
      asking = undefined;
      answer(typed);
      return;
    }
    line = afterRun(line);
    world.keepLines(line.history);
    void run(typed).then(() => {
      line = emptyLine(world.lines());
      draw();
    });
  }

  async function complete(): Promise<void> {
    const typed = textOf(line).slice(0, line.text.slice(0, line.cursor).join("").length);
    const { from, choices } = await commands.complete(typed);
    if (runs || closed || choices.length === 0) return;
    const [first = ""] = choices;
    const common = choices.reduce((shared, choice) => {
      let length = 0;
      while (length < shared.length && shared[length] === choice[length]) length += 1;
      return shared.slice(0, length);
    }, first);
    if (choices.length === 1) line = replaced(line, from, `${first} `);
    else if (common.length > typed.length - from) line = replaced(line, from, common);
    else if (listed === typed) put(`\n${choices.join("  ")}\n`);
    listed = typed;
    draw();
  }

  function interrupt(): void {
    waiting = [];
    if (asking !== undefined) {
      const { answer } = asking;
      asking = undefined;
      put("^C\n");
      commands.interrupt();
      answer(undefined);
    } else if (runs) {
      put("^C\n");
      commands.interrupt();
    } else {
      put("^C\n");
      line = emptyLine(world.lines());
      draw();
    }
  }

  function press(data: string): void {
    if (runs && asking === undefined) {
      if (data === "\u0003") interrupt();
      return;
    }
    const next = pressed(line, data);
    if (typeof next !== "string") {
      line = next;
      draw();
    } else if (next === "enter") enter();
    else if (next === "interrupt") interrupt();
    else if (next === "complete") {
      if (asking === undefined) void complete();
    } else if (next === "clear") {
      draw();
      screen.clear();
    } else if (asking !== undefined) interrupt();
  }

  async function paste(text: string): Promise<void> {
    const lines = linesPasted(text);
    if (lines.length <= 1 || asking !== undefined) {
      if (runs && asking === undefined) return;
      line = inserted(line, asking === undefined ? (lines[0] ?? "") : text.split(/[\r\n]/, 1).join(""));
      return draw();
    }
    if (runs) return;
    if (lines.length > limits.pastedLinesMax) {
      put(`\r\u001b[K(not taken: ${lines.length} lines, and at most ${limits.pastedLinesMax} are pasted at once)\n`);
      return draw();
    }
    const agreed = await world.agree(lines);
    screen.focus();
    if (agreed && !runs) await runAll(lines);
  }

  const leave = (now: boolean): void => {
    leaving = now;
    world.onKeys(now);
  };
  screen.attachCustomKeyEventHandler((event) => {
    if (event.type !== "keydown") return true;
    if (event.key === "Escape") {
      leave(true);
      return false;
    }
    // The browser moves the focus on, or back with Shift.
    if (event.key === "Tab" && (leaving || event.shiftKey)) return false;
    if (!["Shift", "Control", "Alt", "Meta"].includes(event.key) && leaving) leave(false);
    // What is selected is copied, as everywhere else; the browser does that.
    const copies = event.ctrlKey && event.key.toLowerCase() === "c" && (event.shiftKey || screen.hasSelection());
    if (copies && !event.shiftKey) return false;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "v") return false;
    return true;
  });
  screen.onData((data) => {
    // Keys that came at once, one after the other.
    for (const part of data.startsWith("\u001b") ? [data] : data.split(/(?<=\p{Cc})|(?=\p{Cc})/u)) press(part);
  });
  const onPaste = (event: ClipboardEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    void paste(event.clipboardData?.getData("text/plain") ?? "");
  };
  place.addEventListener("paste", onPaste, { capture: true });
  const onBlur = (): void => leave(false);
  screen.textarea?.addEventListener("blur", onBlur);
  screen.textarea?.setAttribute("aria-label", "Terminal. Escape, then Tab, leaves it.");
  const sized = new ResizeObserver(() => {
    fit.fit();
    draw();
  });
  sized.observe(place);
  const recoloured = new MutationObserver(() => (screen.options.theme = themeNow()));
  recoloured.observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme", "style"] });

  put(
    "Commands of plexus, as you may use them.\n\u001b[1mhelp\u001b[22m lists them. Tab completes.\nCtrl-C ends one.\n",
  );
  draw();
  return {
    focus: () => screen.focus(),
    type(text) {
      if (runs) return;
      line = inserted(line, linesPasted(text)[0] ?? "");
      draw();
    },
    press,
    text() {
      const { active } = screen.buffer;
      const rows = Array.from(
        { length: active.length },
        (_, row) => active.getLine(row)?.translateToString(true) ?? "",
      );
      return rows.join("\n").trimEnd();
    },
    close() {
      closed = true;
      waiting = [];
      // The second one ends what the first one only asks to end.
      for (let press = 0; press < 2; press += 1) commands.interrupt();
      asking?.answer(undefined);
      sized.disconnect();
      recoloured.disconnect();
      place.removeEventListener("paste", onPaste, { capture: true });
      screen.dispose();
    },
  };
}
