declare module "virtual:plexus-commands" {
  // oxlint-disable-next-line typescript/consistent-type-imports -- with an import of its own this would declare no
  // module
  export const commands: import("../../../cli/page/terminal.ts").PageCommands;
}
