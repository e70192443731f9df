declare module "virtual:plexus-commands" {
  // With an import of its own this would declare no module.
  // oxlint-disable-next-line typescript/consistent-type-imports
  export const commands: import("../../../cli/page/terminal.ts").PageCommands;
}
