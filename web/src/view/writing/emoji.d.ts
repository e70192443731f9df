declare module "virtual:plexus-emoji" {
  export const groups: readonly string[];
}
