/** Quality of models. */
export const qualityLimits = {
  /** Models and versions that a node counts; the one that was called longest ago goes. */
  seriesMax: 64,
  /** Hours that are counted apart; older ones go. */
  hoursMax: 7 * 24,
  /** Hours that are compared with those before: the one that runs, and the last whole ones. */
  recentHours: 2,
  /** Hours of thumbs that are compared with those before: there are fewer of them. */
  thumbHours: 24,
  /** How often what was counted is written to the disk; a crash loses that much. */
  writeMs: 60_000,
  /** Bytes of the file; a larger one is not read, and counting begins anew. */
  fileBytesMax: 16 * 1024 * 1024,
  /** How long another node may take to say what it has counted; then the view says that it is missing. */
  askMs: 5_000,
  /** Ratings whose repetitions are told apart; an older one that is repeated counts again. */
  ratingsMax: 1_024,
} as const;
export type QualityLimits = { readonly [K in keyof typeof qualityLimits]: number };
