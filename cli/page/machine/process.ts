/** `process`, as commands have it in a page: an empty environment, and the terminal. */
import { isRunning, notHere, running, show } from "./run.ts";

type Listener = () => void;
const columns = (): number => (isRunning() ? running().terminal.columns : 80);
const stream = {
  isTTY: true,
  hasColors: () => true,
  get columns() {
    return columns();
  },
  write: (text: string): boolean => {
    if (isRunning()) show(running(), text);
    return true;
  },
};

const process = {
  env: Object.freeze({}) as Readonly<Record<string, string | undefined>>,
  argv: [] as readonly string[],
  execArgv: [] as readonly string[],
  versions: {},
  platform: "page",
  pid: 0,
  exitCode: 0,
  cwd: (): string => "/",
  stdin: { isTTY: true },
  stdout: stream,
  stderr: stream,
  on: (signal: string, listener: Listener) => process.once(signal, listener),
  once(signal: string, listener: Listener) {
    if (signal === "SIGINT" && isRunning()) running().onInterrupt.add(listener);
    return process;
  },
  off(signal: string, listener: Listener) {
    if (signal === "SIGINT" && isRunning()) running().onInterrupt.delete(listener);
    return process;
  },
  exit(): never {
    throw notHere("the process ends");
  },
  getBuiltinModule(): never {
    throw notHere("it needs a module of Node");
  },
};

export default process;
export const { env, argv, platform } = process;
