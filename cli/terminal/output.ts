import { styleText } from "node:util";
import { describeAdvice } from "../cluster/advice.ts";
import { guarded, jsonLine, printable, withoutControls } from "./printable.ts";
import { awayNode, errorTable, failureOf, type ErrorCode, type Failure, type Outcome } from "../../protocols/errors.ts";

/** Where a command prints. Tests bring their own. */
export interface Output {
  /** One line, or several, on standard output. */
  print(text: string): void;
  /** The same on standard error. */
  printError(text: string): void;
  readonly color: boolean;
  /** The width of the terminal; Infinity where a program or a file reads. */
  readonly columns: number;
}

/** The terminal, or whatever the shell put in its place. */
export function processOutput(): Output {
  const color = process.stdout.isTTY && process.stdout.hasColors() && (process.env["NO_COLOR"] ?? "") === "";
  return {
    print: (text) => void process.stdout.write(`${guarded(text, color)}\n`),
    printError: (text) => void process.stderr.write(`${guarded(text, color)}\n`),
    color,
    // A terminal that nobody has given a size says 0.
    columns: process.stdout.columns || Infinity,
  };
}

/** What a process answers its shell. 2 is for a command line that could not be read. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, not_started: 3, unknown: 4 } as const satisfies Record<
  Outcome | "ok" | "usage",
  number
>;

/** Of several ends the one that says most: that something may have happened, then that something failed. */
export const worstOf = (codes: readonly number[]): number =>
  [exitCodes.unknown, exitCodes.failed, exitCodes.not_started].find((code) => codes.includes(code)) ?? exitCodes.ok;

/** Prints what went wrong, as one JSON line or for people, and says with which code to end. */
export function reportFailure(output: Output, thrown: unknown, json: boolean): number {
  const failure = failureOf(thrown);
  // A fault of our own: the failure says only INTERNAL, the stack says where.
  const stack = failure.code === "INTERNAL" && thrown instanceof Error ? thrown.stack : undefined;
  if (json) output.printError(jsonLine({ error: failure, ...(stack !== undefined && { stack }) }));
  else output.printError([describeFailure(failure, output.color), ...(stack === undefined ? [] : [stack])].join("\n"));
  return exitCodes[failure.outcome];
}

/** What the table says with operation ids, which programs give and nobody names at a terminal; then where an operator
 *  looks. */
const saidHere: Readonly<Partial<Record<ErrorCode, readonly [what: string, look: string]>>> = {
  APPEND_FAILED: ["The disk refused a write.", "`plexus status` at that node names the reason."],
  ASK_TIMEOUT: ["No answer in time.", "`plexus nodes` names the nodes that are down."],
  PEER_LOST: [
    "The connection to another node ended, or it did not answer in time.",
    "`plexus nodes` names those that are down.",
  ],
};

const unknownHint = "If it was to change something, the change may have been made: check before you repeat it.";

/** Codes whose message only says that there is a reason: what was refused, and why, is in the details. */
const reasoned: ReadonlySet<string> = new Set<ErrorCode>(["BAD_REQUEST", "CONFIG_INVALID", "FORBIDDEN"]);

/** What can be missing under a name. */
const nameable = ["node", "actor", "slot", "room", "user", "agent", "model"] as const;

/** A failure's sentence for people at a terminal, and the details that it does not tell yet. */
function sentenceOf({ code, message, details = {} }: Failure): readonly [string, Readonly<Record<string, unknown>>] {
  const isUsual = Object.hasOwn(errorTable, code) && message === errorTable[code].help;
  const { reason, field, from, ...rest } = details;
  if (isUsual && reasoned.has(code) && typeof reason === "string") {
    // Where a whole file could not be read there is no field.
    const [place, left] = field === "" ? [from, rest] : [field, from === undefined ? rest : { from, ...rest }];
    const said = typeof place === "string" ? `${place}: ${reason}` : reason;
    return [/[.!?]$/.test(said) ? said : `${said}.`, left];
  }
  const missing =
    code === "NOT_FOUND" && isUsual ? nameable.find((name) => typeof details[name] === "string") : undefined;
  if (missing === undefined) return [message, details];
  const { [missing]: name, ...others } = details;
  return [`There is no ${missing} ${String(name)}.`, others];
}

/** Without the directory no node takes over. */
const startAgain = (node: string, { details }: Failure): string =>
  details?.["because"] === "DIRECTORY_AWAY"
    ? `Start ${node} again. While the directory does not answer, no other node takes over what it has.`
    : `Start ${node} again, or wait until another node has taken over what it has.`;

/** `error CODE: message`, then one line for each detail. `operates`: whether who reads it may look at the cluster. */
export function describeFailure(failure: Failure, color: boolean, operates = true): string {
  const here = saidHere[failure.code];
  const [sentence, { advice, ...rest }] = sentenceOf(failure);
  const away = operates ? awayNode(failure) : undefined;
  const hint = rest["hint"] ?? describeAdvice(advice) ?? (away && startAgain(away, failure));
  const left = hint === undefined ? rest : { ...rest, hint };
  const said = here?.slice(0, operates ? 2 : 1).join(" ") ?? withoutControls(sentence);
  const head = `${paint(color, "red", "error")} ${withoutControls(failure.code)}: ${said}`;
  const hinted = here === undefined ? left : { ...left, hint: left["hint"] ?? unknownHint };
  const details = Object.entries(hinted)
    // A field without a name is the whole of what was read.
    .filter(([, value]) => value !== "")
    .map(
      ([name, value]) =>
        `  ${withoutControls(name)}: ` +
        `${typeof value === "string" ? printable(value).replaceAll("\n", "\n    ") : jsonLine(value)}`,
    );
  return [head, ...details].join("\n");
}

type Style = Parameters<typeof styleText>[0];

/** Colours text when the reader can see colours. */
export function paint(color: boolean, style: Style, text: string): string {
  return color ? styleText(style, text, { validateStream: false }) : text;
}

/** Breaks text into rows of at most `width` characters, at spaces where there are any. */
export function wrap(text: string, columns: number): readonly string[] {
  const width = Math.max(1, columns);
  return text.split("\n").flatMap((line) => {
    const rows: string[] = [];
    let rest = line;
    while (rest.length > width) {
      const space = rest.lastIndexOf(" ", width);
      const cut = space > width / 2 ? space : width;
      rows.push(rest.slice(0, cut));
      rest = rest.slice(cut).trimStart();
    }
    return [...rows, rest];
  });
}

/** What the system's refusals mean to a person. */
const refusals: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has this port; choose another with --port, or 0 for any free one",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "no machine is known by this name",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "there is no such file or folder",
  ENOTDIR: "there is a file where a folder should be",
  EEXIST: "there is a file where a folder should be",
  EISDIR: "this is a folder",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "files may not become this large",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  EROFS: "the file system is read-only",
};

/** `EADDRINUSE` → what it means, and the code for people who search for it. */
export function describeRefusal(thrown: unknown): string {
  const { code } = thrown as NodeJS.ErrnoException;
  if (code === undefined) return thrown instanceof Error ? thrown.message : String(thrown);
  const meaning = refusals[code];
  return meaning === undefined ? code : `${meaning} (${code})`;
}

/** The system's code in a text that names one whose meaning is known, as a node tells why its disk took nothing. */
export const refusalIn = (text: string): string | undefined =>
  text.match(/\bE[A-Z]+\b/g)?.find((code) => Object.hasOwn(refusals, code));

export { counted, describeBytes, describeDuration } from "../../protocols/words/amounts.ts";

/** `2026-11-23T09:30:00Z`: what `--since` and the like read, too. */
export const timeText = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19)}Z`;

/** `2026-11-23T09:30Z`. */
export const minuteText = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 16)}Z`;
