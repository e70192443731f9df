/** Whether rules of a route find out what sort a question is of: counted over questions of which somebody knows it. */
import { readFile } from "node:fs/promises";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { forLook } from "../node/node-client.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine } from "../terminal/printable.ts";

/** A question whose sort is known. `kind` empty or absent: of none. */
interface KnownQuestion {
  readonly text: string;
  readonly kind?: string | null;
}

/** `plexus routes explain NAME --questions FILE`: how many questions of a file the rules find the sort of, with the
 *  models that they ask and without. */
export async function countRoute(flags: AdminFlags, name: string, file: string, output: Output): Promise<number> {
  const call = callsTo(forLook(await findNode(flags)));
  const counts = { questions: 0, right: 0, rightByRulesAlone: 0, asked: 0, askedMs: 0, failed: 0 };
  for (const { text, kind } of await readQuestions(file)) {
    const ask = async (rulesOnly: boolean) => demand(await call("routes.explain", { route: name, text, rulesOnly }));
    const [whole, plain] = [await ask(false), await ask(true)];
    const wanted = kind ?? "";
    counts.questions += 1;
    if ((whole.kind ?? "") === wanted) counts.right += 1;
    if ((plain.kind ?? "") === wanted) counts.rightByRulesAlone += 1;
    for (const { ms, failed } of whole.classified) {
      counts.asked += 1;
      counts.askedMs += ms;
      if (failed === true) counts.failed += 1;
    }
  }
  output.print(flags.json ? jsonLine(counts) : describeCounts(counts));
  return exitCodes.ok;
}

/** What came of it, as a person reads it. */
export function describeCounts(counts: {
  readonly questions: number;
  readonly right: number;
  readonly rightByRulesAlone: number;
  readonly asked: number;
  readonly askedMs: number;
  readonly failed: number;
}): string {
  const { questions, right, rightByRulesAlone, asked, askedMs, failed } = counts;
  const share = (count: number): string => `${count} of ${questions}`;
  if (asked === 0) return `${share(right)} as expected. No rule asked a model.`;
  const silent = failed === 0 ? "" : `, ${failed} said nothing`;
  const cost = `${asked} asked, ${Math.round(askedMs / asked)} ms each${silent}`;
  return (
    `${share(right)} as expected with the models that rules ask (${cost}); ${share(rightByRulesAlone)} by rules ` +
    "alone."
  );
}

/** One question a line: `{"text": "…", "kind": "NAME OF THE RULE"}`. */
async function readQuestions(file: string): Promise<readonly KnownQuestion[]> {
  const wrongFile = (reason: string): PlexusError => new PlexusError(failure("BAD_REQUEST", { file, reason }));
  const content = await readFile(file, "utf8").catch((error: unknown) => {
    throw wrongFile((error as Error).message);
  });
  const lines = content.split("\n").map((line, index) => ({ line: line.trim(), index }));
  return lines
    .filter(({ line }) => line !== "")
    .map(({ line, index }) => {
      try {
        const { text, kind } = JSON.parse(line) as Partial<KnownQuestion>;
        if (typeof text === "string" && (typeof kind === "string" || kind === undefined || kind === null))
          return { text, kind: kind ?? "" };
      } catch {
        // Said below, with the line.
      }
      throw wrongFile(`line ${index + 1} is not of the form {"text": "…", "kind": "…"}`);
    });
}
