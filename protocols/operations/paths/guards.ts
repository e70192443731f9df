/** Where operations of holds, recalls that somebody approves, and the shards of backups are in REST. */
export const guardsRoutes = {
  "holds.list": "GET /admin/backups/holds",
  "holds.set": "POST /admin/backups/holds",
  "holds.lift": "DELETE /admin/backups/holds/:id",
  "recalls.list": "GET /admin/backups/requests",
  "recalls.ask": "POST /admin/backups/requests",
  "recalls.approve": "POST /admin/backups/requests/:id/approve",
  "recalls.decline": "POST /admin/backups/requests/:id/decline",
  "recalls.begin": "POST /admin/backups/requests/:id/begin",
  "shards.list": "GET /admin/shards",
  "shards.inventory": "GET /admin/shards/:group/:index/inventory",
  "shards.heal": "POST /admin/shards/heal",
  "stripes.put": "POST /admin/shards/stripes",
  "stripes.read": "POST /admin/shards/stripes/read",
  "stripes.inspect": "POST /admin/shards/stripes/inspect",
  "stripes.release": "POST /admin/shards/stripes/release",
} as const;
