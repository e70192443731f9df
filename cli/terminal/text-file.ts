/** Files that arguments and flags name. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { describeRefusal } from "./output.ts";

/** The text of a file; `-`: of the standard input. Error: BAD_REQUEST. */
export const textIn = (file: string): Promise<string> =>
  // What is piped in may be a socket, which has no path to open.
  (file === "-" ? text(process.stdin) : readFile(file, "utf8")).catch((error: unknown) => {
    throw new PlexusError(failure("BAD_REQUEST", { path: file, problem: describeRefusal(error) }), error);
  });

/** A secret in a file, without the end of its line: a command line is seen by everybody on the machine. Error:
 *  BAD_REQUEST. */
export const secretIn = async (file: string): Promise<string> => (await textIn(file)).replace(/[\r\n]+$/, "");

/** A file with JSON. Error: BAD_REQUEST. */
export async function jsonIn(file: string): Promise<object> {
  const text = await textIn(file);
  try {
    return JSON.parse(text) as object;
  } catch (error) {
    throw new PlexusError(failure("BAD_REQUEST", { path: file, problem: `no JSON: ${(error as Error).message}` }));
  }
}
