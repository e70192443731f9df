export const fanOut: any = { name: "fan-out", rows: [], arms: {}, rounds: 1 };
export const idleMemory = fanOut;
