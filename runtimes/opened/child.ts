/** The process that opens files of strangers, one after the other. It may read the code of Plexus and nothing else,
 *  reaches nobody, and is ended from outside when it takes too long or too much. */
import "../closed.ts";
import { factsOfPage } from "./page.ts";
import type { OpenedAnswer, OpenedTask } from "./tasks.ts";

async function answerTo(task: OpenedTask): Promise<OpenedAnswer["told"]> {
  switch (task.is) {
    // Each with its decoders, which there may be none of for this system.
    case "picture":
      return (await import("./small-picture.ts")).smaller(task.bytes, task.box);
    case "page":
      return factsOfPage(task);
    case "document":
      return (await import("./document.ts")).drawDocument(task.bytes, task.box);
    case "text":
      return (await import("./document-text.ts")).textOfDocument(task);
  }
}

process.on("message", (message) => {
  const { run, task } = message as { readonly run: number; readonly task: OpenedTask };
  const tell = (told?: OpenedAnswer["told"]): void => {
    process.send?.({ run, ...(told && { told }) } satisfies OpenedAnswer);
  };
  answerTo(task).then(tell, () => tell());
});
// The node has ended.
process.on("disconnect", () => process.exit(0));
