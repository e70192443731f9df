export const start: any = { name: "start", rows: [], arms: {}, rounds: 1 };
