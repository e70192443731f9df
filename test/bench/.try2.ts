import { BenchCluster } from "/work/main/test/bench/cluster.ts";
const c = await BenchCluster.start({ nodes: { boss: ["manager","gateway"], one: ["chat"], two: ["chat"], three: ["chat"] }, replicas: Number(process.env.R ?? 3) });
const b=c.member("boss");
await b.call("write",{actor:"counter/k0",count:1});
await b.call("settled",{replicas:Number(process.env.R ?? 3)});
for (let i=0;i<8;i++) console.log(JSON.stringify(await b.call("durable", {lanes:1,outstanding:1,durationMs:1000})));
await c.stop();
process.exit(0)
