/** Where a release has what it says of itself, from its own folder. */
export const releasePaths = {
  /** Every file and package, signed. */
  manifest: "release/manifest.intoto.json",
  /** The public half of the key that signed it. */
  key: "release/key.pem",
  sbom: "release/sbom.cdx.json",
  licences: "release/LICENCES.txt",
} as const;
