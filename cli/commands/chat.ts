import { Option } from "commander";
import { readControlFile } from "../cluster/control.ts";
import { dataFolderOf } from "../settings/folders.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { data, examples, json, urlsTyped, webAddresses } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface ChatOptions {
  readonly url?: readonly string[];
  readonly data?: string;
  readonly user?: string;
  readonly room?: string;
  readonly agent?: string;
  readonly signUp?: boolean;
  readonly adminCode?: string;
  readonly invitation?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** The node of this data folder, or of this user on this machine, or where one would be. */
async function localUrl(data: string | undefined): Promise<string> {
  const dataFolder = await dataFolderOf(data, process.env);
  const control = await readControlFile(dataFolder);
  if (control !== undefined) return control.url;
  // A command that names a folder means its node, and no other one that happens to be here.
  if (data !== undefined)
    throw new PlexusError(failure("UNREACHABLE", { reason: "no node runs on this data folder", data: dataFolder }));
  const { readSettings } = await import("../settings/settings.ts");
  return `http://127.0.0.1:${(await readSettings({}, undefined, process.env)).port}`;
}

/** `plexus chat`. */
export const define: Define = (command, { output, onExit }) => {
  command
    .addOption(
      new Option(
        "--url <url>",
        "address of the node; repeatable for nodes of one cluster: the first that answers is used",
      )
        .env("PLEXUS_URL")
        .argParser(webAddresses),
    )
    .addOption(data())
    .addOption(new Option("--user <name>", "your account (default: it asks)").env("PLEXUS_USER"))
    .option("--room <room>", "the room to go to")
    .option("--agent <name>", "your agent to talk to")
    .option("--sign-up", "create the account first")
    .option("--admin-code <code>", "the code that a new node printed; its first account needs it")
    .option(
      "--invitation <link>",
      "create the account with an invitation link from an admin, or its code; the link names the node",
    )
    .option("--follow", "keep printing after the end of piped input")
    .addOption(json())
    .addHelpText(
      "after",
      examples(
        "plexus chat --room lobby",
        "plexus chat --data /srv/plexus --room lobby",
        "plexus chat --url https://chat.example.org --user ada --agent helper",
        "plexus chat --invitation 'https://chat.example.org/#invitation=…'",
        "plexus chat --url http://10.0.0.5:7070 --url http://10.0.0.6:7070 --room lobby",
        "echo 'Build 17 is green' | PLEXUS_PASSWORD=… plexus chat --user ada --room builds",
        "echo 'What is Plexus?' | plexus chat --agent helper",
      ) +
        "\nThe password comes from PLEXUS_PASSWORD or is asked for; the session is kept in " +
        "~/.config/plexus/session.json.\n",
    )
    .action(async (options: ChatOptions) => {
      const { chat } = await import("../chat/index.ts");
      const { invitationIn } = await import("../chat/sign-in.ts");
      const invited = options.invitation === undefined ? undefined : invitationIn(options.invitation);
      const flags = {
        urls: urlsTyped(options) ?? (invited?.url === undefined ? [await localUrl(options.data)] : [invited.url]),
        invitation: invited?.code,
        user: options.user,
        password: process.env["PLEXUS_PASSWORD"],
        signUp: options.signUp ?? invited !== undefined,
        adminCode: options.adminCode,
        room: options.room,
        agent: options.agent,
        follow: options.follow ?? false,
        json: options.json ?? false,
      };
      onExit(await chat(flags, output));
    });
};
