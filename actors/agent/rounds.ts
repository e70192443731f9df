/** How much the rounds of tools of a turn take. */
import type { CalledTool, ToolRound } from "../../protocols/index.ts";

/** Characters that a model wrote and tools answered in these rounds. */
export const roundChars = (rounds: readonly ToolRound[]): number =>
  rounds.reduce((sum, { text, calls }) => sum + text.length + calls.reduce((all, call) => all + callChars(call), 0), 0);

const callChars = ({ name, arguments: given, result }: CalledTool): number =>
  name.length + given.length + result.length;
