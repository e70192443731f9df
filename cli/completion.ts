import type { Command, Option } from "commander";
import { roles } from "../protocols/ids.ts";
import { roleList } from "./terminal/options.ts";

/** `plexus completion`: what a shell offers behind `plexus`, as a script for that shell. It is made of the commands
 *  themselves (`commands/`), so it can not say anything else than they do; it asks no node, so it takes no time. */

/** The shells there is a script for. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** What may follow a flag: one of these words, a path, or something that nobody can guess. */
export type Value = Readonly<{ type: "words"; words: readonly string[] } | { type: "path" } | { type: "any" }>;

export interface Flag {
  readonly name: string;
  readonly says: string;
  /** Absent where nothing follows it. */
  readonly value?: Value;
}

/** One command, by the words that lead to it: ` nodes drain`, each after a space; nothing for `plexus` itself. */
export interface Place {
  readonly path: string;
  /** Also the words that its argument may be. */
  readonly subcommands: readonly { readonly name: string; readonly says: string }[];
  readonly flags: readonly Flag[];
}

/** Every command of the tree, with what may follow it. */
export function placesOf(command: Command, path = ""): readonly Place[] {
  const help = command.createHelp();
  const inner = help.visibleCommands(command);
  const flags = help.visibleOptions(command).flatMap(flagOf);
  const choices = command.registeredArguments.flatMap(({ argChoices = [], description: says }) =>
    argChoices.map((name) => ({ name, says })),
  );
  const subcommands = [...inner.map((one) => ({ name: one.name(), says: one.description() })), ...choices];
  return [
    { path, subcommands, flags },
    ...inner.filter((one) => command.commands.includes(one)).flatMap((one) => placesOf(one, `${path} ${one.name()}`)),
  ];
}

function flagOf(option: Option): readonly Flag[] {
  const { long, description, flags } = option;
  if (long === undefined || long === null) return [];
  if (!option.required && !option.optional) return [{ name: long, says: description }];
  const choices = option.argChoices ?? (option.parseArg === roleList ? roles : undefined);
  const value: Value =
    choices !== undefined
      ? { type: "words", words: choices }
      : { type: /<(?:folder|file|path)/.test(flags) ? "path" : "any" };
  return [{ name: long, says: description, value }];
}

/** The script, to be read by the shell: `source <(plexus completion bash)`. */
export function completionScript(shell: Shell, program: Command): string {
  const places = placesOf(program);
  return { bash, zsh, fish }[shell](places);
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The commands that have been named, as the words before the cursor are gone through one after the other. */
const pathsOf = (places: readonly Place[]): string =>
  places
    .map(({ path }) => path)
    .filter((path) => path !== "")
    .map(quoted)
    .join(" | ");

/** What follows a flag, for shells that look at the word before the cursor. */
const valueCases = (places: readonly Place[], by: (value: Value) => string): readonly string[] =>
  places.flatMap(({ path, flags }) =>
    flags.flatMap(({ name, value }) =>
      value === undefined ? [] : [`    ${quoted(`${path} ${name}`)}) ${by(value)}return ;;`],
    ),
  );

function bash(places: readonly Place[]): string {
  const words = ({ subcommands, flags }: Place): string => [...subcommands, ...flags].map(({ name }) => name).join(" ");
  const byValue = (value: Value): string =>
    value.type === "words"
      ? `COMPREPLY=($(compgen -W ${quoted(value.words.join(" "))} -- "$current")); `
      : value.type === "path"
        ? `compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")); `
        : "";
  return [
    "# bash: source <(plexus completion bash)",
    "_plexus() {",
    '  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} at="" words="" index',
    "  COMPREPLY=()",
    "  for ((index = 1; index < COMP_CWORD; index++)); do",
    '    case "$at ${COMP_WORDS[index]}" in',
    `      ${pathsOf(places)}) at="$at \${COMP_WORDS[index]}" ;;`,
    "    esac",
    "  done",
    '  case "$at $before" in',
    ...valueCases(places, byValue),
    "  esac",
    '  case "$at" in',
    ...places.map((place) => `    ${quoted(place.path)}) words=${quoted(words(place))} ;;`),
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -F _plexus plexus",
  ].join("\n");
}

function zsh(places: readonly Place[]): string {
  const described = ({ name, says }: { readonly name: string; readonly says: string }): string =>
    quoted(`${name.replaceAll(":", "\\:")}:${says}`);
  const byValue = (value: Value): string =>
    value.type === "words" ? `compadd -- ${value.words.join(" ")}; ` : value.type === "path" ? "_files; " : "";
  return [
    "#compdef plexus",
    "# zsh, once compinit has run: source <(plexus completion zsh)",
    "_plexus() {",
    '  local at="" index',
    "  local -a found",
    "  for ((index = 2; index < CURRENT; index++)); do",
    '    case "$at ${words[index]}" in',
    `      ${pathsOf(places)}) at="$at \${words[index]}" ;;`,
    "    esac",
    "  done",
    '  case "$at ${words[CURRENT - 1]}" in',
    ...valueCases(places, byValue),
    "  esac",
    '  case "$at" in',
    ...places.map(
      ({ path, subcommands, flags }) =>
        `    ${quoted(path)}) found=(${[...subcommands, ...flags].map(described).join(" ")}) ;;`,
    ),
    "  esac",
    "  _describe 'plexus' found",
    "}",
    "compdef _plexus plexus",
  ].join("\n");
}

function fish(places: readonly Place[]): string {
  const text = (says: string): string => `'${says.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const cases = places.filter(({ path }) => path !== "").map(({ path }) => text(path));
  const row = (path: string, rest: string): string =>
    `complete -c plexus -n ${text(`__plexus_at ${text(path)}`)} ${rest}`;
  return [
    "# fish: plexus completion fish | source",
    "function __plexus_at",
    "  set -l at ''",
    "  for word in (commandline -opc)[2..-1]",
    '    switch "$at $word"',
    `      case ${cases.join(" ")}`,
    '        set at "$at $word"',
    "    end",
    "  end",
    '  test "$at" = "$argv[1]"',
    "end",
    "complete -c plexus -f",
    ...places.flatMap(({ path, subcommands, flags }) => [
      ...subcommands.map(({ name, says }) => row(path, `-a ${name} -d ${text(says)}`)),
      ...flags.map(({ name, says, value }) => {
        const follows =
          value === undefined
            ? ""
            : value.type === "words"
              ? ` -x -a ${text(value.words.join(" "))}`
              : value.type === "path"
                ? " -r -F"
                : " -x";
        return row(path, `-l ${name.replace(/^--/, "")}${follows} -d ${text(says)}`);
      }),
    ]),
  ].join("\n");
}
