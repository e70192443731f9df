import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { RouteFlags } from "../models/model-routes.ts";
import type { Define } from "./index.ts";

const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** `plexus routes`. */
export const define: Define = (command, { output, onExit }) => {
  const routes = withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      examples(
        "plexus routes",
        "plexus routes set smart qwen:95,new:5 tiny",
        "plexus routes explain smart 'How do I sort a list?'",
        "plexus routes remove smart",
      ),
    )
    .action(async (options: AdminOptions) => {
      const { listRoutes } = await import("../models/model-routes.ts");
      onExit(await listRoutes(await adminFlags(options), output));
    });

  withAdminFlags(
    routes
      .command("set")
      .description(
        "Make a route: a name that stands for models, which are tried step by step. A step is one model or several.",
      )
      .argument("<name>", "the name that people and agents use")
      .argument("[steps...]", "MODEL, or MODEL:WEIGHT,MODEL:WEIGHT")
      .option(
        "--balance <how>",
        "how the models of a step share calls: affine (default), weighted, round-robin, least-busy",
      )
      .option(
        "--prefer <what>",
        "what to prefer first among the models of a step and the nodes of a model: speed, cost, local",
      )
      .option(
        "--kind <rule>",
        "models for a kind of question: 'NAME: CONDITION; CONDITION => STEP | STEP'; repeatable",
        collected,
      )
      .option("--vote", "all models of the first step answer, and the most frequent answer wins")
      .option("--best-of <judge>", "the same, but this model chooses the best answer")
      .option("--merge <judge>", "the same, but this model writes one answer from all of them")
      .option("--members <seconds>", "how many seconds they have (default: 60)")
      .option("--least <count>", "how many of them must answer (default: 1)")
      .option("--cache <seconds>", "give the same answer again to the same question within this time")
      .option("--cache-always", "also keep answers that involve chance (a temperature, no seed)")
      .option("--cache-shared", "share kept answers between all people")
      .option("--semantic <model:likeness>", "also for questions that are this similar, for example embedder:0.95")
      .option("--shadow <model:percent>", "also send this many of a hundred calls there, and discard the answers")
      .option("--file <file>", "a file with the whole route, as `plexus routes --json` prints it"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus routes set smart big small          # small when big refuses",
        "plexus routes set smart qwen:95,new:5 tiny # 5 of 100 conversations try the new one",
        "plexus routes set smart qwen --shadow new:10",
        "plexus routes set smart qwen --kind 'code: code => coder' --kind 'long: longer 20000 => big'",
        "plexus routes set jury a,b,c big --best-of big",
        "plexus routes set faq qwen --cache 3600",
      ),
    )
    .action(async (name: string, steps: readonly string[], options: AdminOptions & RouteFlags) => {
      const { setRoute } = await import("../models/model-routes.ts");
      onExit(await setRoute(await adminFlags(options), { name, steps, options }, output));
    });

  withAdminFlags(
    routes
      .command("explain")
      .description("Show what a route would do with a question, and why. It asks only the models that its rules need.")
      .argument("<name>", "its name")
      .argument("[question]", "the question")
      .option("--tools", "the question offers tools")
      .option("--media", "the question has images or sounds")
      .option("--answers-json", "the question asks for JSON")
      .option("--questions <file>", 'check how many of these come out as expected: lines of {"text": …, "kind": …}'),
  )
    .addHelpText(
      "after",
      examples(
        "plexus routes explain smart 'How do I sort a list?'",
        "plexus routes explain smart --questions known.jsonl",
      ),
    )
    .action(
      async (
        name: string,
        text: string | undefined,
        options: AdminOptions & {
          readonly tools?: boolean;
          readonly media?: boolean;
          readonly answersJson?: boolean;
          readonly questions?: string;
        },
      ) => {
        const { explainRoute } = await import("../models/model-routes.ts");
        const { countRoute } = await import("../models/route-questions.ts");
        const flags = await adminFlags(options);
        const { questions } = options;
        if (questions !== undefined) return onExit(await countRoute(flags, name, questions, output));
        const { tools = false, media = false, answersJson = false } = options;
        onExit(await explainRoute(flags, name, { text, tools, media, answersJson }, output));
      },
    );

  withAdminFlags(routes.command("quality").description("Show how good the answers of models are, and what got worse."))
    .addHelpText("after", examples("plexus routes quality", "plexus routes quality --json"))
    .action(async (options: AdminOptions) => {
      const { showQuality } = await import("../models/quality.ts");
      onExit(await showQuality(await adminFlags(options), output));
    });

  withAdminFlags(
    routes
      .command("remove")
      .description("Remove a route. It prints the command that sets it again.")
      .argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus routes remove smart"))
    .action(async (name: string, options: AdminOptions) => {
      const { removeRoute } = await import("../models/model-routes.ts");
      onExit(await removeRoute(await adminFlags(options), name, output));
    });
};
