import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../options.ts";
import type { RouteFlags } from "../model-routes.ts";
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
      const { listRoutes } = await import("../model-routes.ts");
      onExit(await listRoutes(await adminFlags(options), output));
    });

  withAdminFlags(
    routes
      .command("set")
      .description("Make a name stand for models: tried step by step, each one model or several.")
      .argument("<name>", "what people and agents call it")
      .argument("[steps...]", "MODEL, or MODEL:WEIGHT,MODEL:WEIGHT")
      .option(
        "--balance <how>",
        "how models of a step share the calls: affine (default), weighted, round-robin, least-busy",
      )
      .option(
        "--prefer <what>",
        "what counts before that, of models of a step and nodes of a model: speed, cost, local",
      )
      .option(
        "--kind <rule>",
        "models for a sort of question: 'NAME: CONDITION; CONDITION => STEP | STEP'; repeatable",
        collected,
      )
      .option("--vote", "the models of the first step answer together: the answer that most give")
      .option("--best-of <judge>", "the same: the answer that this model chooses")
      .option("--merge <judge>", "the same: one answer that this model writes of them")
      .option("--members <seconds>", "how long those that answer together have (default: 60)")
      .option("--least <count>", "how many of them must answer (default: 1)")
      .option("--cache <seconds>", "give an answer again to whoever asks the same within so long")
      .option("--cache-always", "also answers that chance has a part in (a temperature, no seed)")
      .option("--cache-shared", "give it to everybody who asks the same, not to the same person alone")
      .option(
        "--semantic <model:likeness>",
        "also to questions whose vectors are so much alike, for example embedder:0.95",
      )
      .option("--shadow <model:percent>", "also send so many of a hundred calls there, and throw the answers away")
      .option("--file <file>", "all of it as `plexus routes --json` prints it"),
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
      const { setRoute } = await import("../model-routes.ts");
      onExit(await setRoute(await adminFlags(options), { name, steps, options }, output));
    });

  withAdminFlags(
    routes
      .command("explain")
      .description("Say what a route would do with a question, and why. Only models that its rules need are asked.")
      .argument("<name>", "its name")
      .argument("[question]", "what is asked")
      .option("--tools", "the question offers tools")
      .option("--media", "it shows images or sounds")
      .option("--answers-json", "it asks for JSON")
      .option("--questions <file>", 'count how many of these come out as expected: lines of {"text": …, "kind": …}'),
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
        const { explainRoute } = await import("../model-routes.ts");
        const { countRoute } = await import("../route-questions.ts");
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
      const { showQuality } = await import("../quality.ts");
      onExit(await showQuality(await adminFlags(options), output));
    });

  withAdminFlags(
    routes
      .command("remove")
      .description("End a route. What it was is printed as the command that brings it back.")
      .argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus routes remove smart"))
    .action(async (name: string, options: AdminOptions) => {
      const { removeRoute } = await import("../model-routes.ts");
      onExit(await removeRoute(await adminFlags(options), name, output));
    });
};
