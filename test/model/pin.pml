/* A pin: one actor of slot S gets a slot of its own while owners of S come and go (docs/develop/protocol-model.md).
 *
 *   1. The owner of S, with everything of the actor committed and the actor stopped, appends the split entry: a copy of
 *      what the actor has, made by every node that applies the entry. The actor still belongs to S.
 *   2. When the split entry is committed, it creates the actor's own record, with the in-sync set of S, by a compare-and-set
 *      that is guarded by the revision which S's record had when the entry was appended. From that moment on the actor
 *      lives in its own slot. Its owner may be any node of the set: all have the copy (3), and none has served an epoch of
 *      that slot. If the revision has moved on, the split begins anew: who came into the set meanwhile by a transfer of S
 *      has no copy.
 *   3. Whoever steps up for S looks for the actor's record after the epoch was given, and serves the actor if it is not
 *      there: a copy without a record counts for nothing.
 *
 * The replication of S is abstracted: one step brings a needed node in line with a new owner (replication.pml has the
 * whole of it). Messages and facts are as there: receivable late, again, never.
 *
 * BOUNDS  EPOCHS of S, WRITES to the actor in S, CHANGES of S's inSync, DAMAGES of a node outside it
 *
 * WHAT IS ASSERTED (the values of `violation`)
 *   1  the newest owner of S serves the actor although the actor has its own record: two owners
 *   2  an actor's entry after the copy is acknowledged in S: two histories
 *   3  the record names a node in sync that does not have the copy
 *   4  an acknowledged entry is not in the copy
 * -DONE_OWNER_ONLY asserts 1 alone.
 */
#ifndef EPOCHS
#define EPOCHS 3
#endif
#ifndef WRITES
#define WRITES 2
#endif
#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef DAMAGES
#define DAMAGES 1
#endif

#define NODES 3
#define LENGTH 4
#define NOBODY 9
#define bit(n) (1 << (n))
#define has(set, n) (((set) >> (n)) & 1)

#define REPLICA 0
#define RECONCILING 1
#define SERVING 2

#define HERE 0                          /* the owner of S serves the actor */
#define STOPPED 1                       /* the split is under way */
#define GONE 2                          /* the actor has its own record */

/* An entry is epoch * 2, + 1 for a split. 0: none. */
#define entry(n, i) log[(n) * LENGTH + (i)]
#define isSplit(entry) ((entry) & 1)
#define acked(e, n) ackedUpTo[(e) * NODES + (n)]
#define lastEpoch(n) ((length[n] > 0) -> (entry(n, length[n] - 1) >> 1) : 0)
#define longer(p, n) (lastEpoch(p) > lastEpoch(n) || (lastEpoch(p) == lastEpoch(n) && length[p] > length[n]))

/* ---- the directory ---- */
byte epochNow = 1, revisionNow = 1, inSyncNow = 7;
byte ownerOf[EPOCHS + 1], recordIn[EPOCHS + 1], recordRevision[EPOCHS + 1];
byte changeIn[NODES], changeRevision[NODES];
byte pinOwner = NOBODY, pinIn, pinAt;   /* the actor's own record; pinAt: 1 + the place of the split entry it stands on */
byte pinSentAt[NODES], pinSentIn[NODES], pinGuard[NODES];      /* a creation under way; pinSentAt 0: none */

/* ---- nodes ---- */
byte log[NODES * LENGTH], length[NODES], fence[NODES], continues[NODES];       /* on disk */
byte copyAt[NODES];                     /* 1 + the place of the split entry whose copy a node has; on disk */
byte ackedUpTo[(EPOCHS + 1) * NODES];
byte part[NODES], actor[NODES], knownIn[NODES], knownRevision[NODES], hopedIn[NODES], committed[NODES], inLine[NODES];
byte splitRevision[NODES];              /* of S's record as the owner knew it when it appended the split */

byte acknowledged;                      /* 1 + the place of the last entry acknowledged to a client */
byte writes, changes, damages;
byte violation, i_, k_;

#ifdef ONE_OWNER_ONLY
#define fail(code) if :: code == 1 -> violation = code; assert(violation != code) :: else fi
#else
#define fail(code) violation = code; assert(violation != code)
#endif

#define needed(n) (knownIn[n] | hopedIn[n])
#define allAcked(set, e, count) \
  ((!has(set, 0) || acked(e, 0) >= (count)) && (!has(set, 1) || acked(e, 1) >= (count)) && (!has(set, 2) || acked(e, 2) >= (count)))

/* ================================ the rules, and their mutations ================================ */

#ifdef PIN_WITHOUT_GUARD
#define guardHolds(n) 1
#else
#define guardHolds(n) (pinGuard[n] == revisionNow)
#endif
#ifdef PIN_BEFORE_COMMIT
#define copyIsCommitted(n) 1
#else
#define copyIsCommitted(n) (committed[n] == length[n])
#endif
#define actorIsIdle(n) (committed[n] == length[n])
/* A new owner's knowledge of pins must be as new as its own epoch. */
#ifdef STEP_UP_WITH_OLD_TABLE
#define actorIsElsewhere 0
#else
#define actorIsElsewhere (pinOwner != NOBODY)
#endif
/* The guard is the revision of the set that the copies were made under. */
#ifdef GUARD_WHEN_SENT
#define guardOf(n) knownRevision[n]
#else
#define guardOf(n) splitRevision[n]
#endif
/* The creation has certainly failed when S's record has moved on within this epoch and the actor's is not there. */
#ifdef RESUME_WHILE_UNKNOWN
#define creationHasFailed(n) (pinOwner == NOBODY)
#elif defined(GUARD_WHEN_SENT)
#define creationHasFailed(n) (pinOwner == NOBODY && pinSentAt[n] == length[n] && recordRevision[fence[n]] > pinGuard[n])
#else
#define creationHasFailed(n) (pinOwner == NOBODY && recordRevision[fence[n]] > splitRevision[n])
#endif

/* ================================ steps ================================ */

inline stepDown(n) {
  part[n] = REPLICA; actor[n] = HERE; knownIn[n] = 0; knownRevision[n] = 0; hopedIn[n] = 0; committed[n] = 0; inLine[n] = 0; splitRevision[n] = 0
}

inline checkOneOwner() {
  i_ = 0;
  do :: i_ < NODES ->
        if :: pinOwner != NOBODY && part[i_] == SERVING && actor[i_] == HERE && fence[i_] == epochNow -> fail(1) :: else fi; i_++
     :: else -> break od;
  i_ = 0
}

inline copyLog(n, p) {
  i_ = 0;
  do :: i_ < LENGTH -> if :: i_ < length[p] -> entry(n, i_) = entry(p, i_) :: else -> entry(n, i_) = 0 fi; i_++ :: else -> break od;
  i_ = 0; length[n] = length[p]; copyAt[n] = copyAt[p]
}

inline dropChangesUnderWay() {
  changeIn[0] = 0; changeIn[1] = 0; changeIn[2] = 0; changeRevision[0] = 0; changeRevision[1] = 0; changeRevision[2] = 0;
#ifndef PIN_WITHOUT_GUARD
  /* Those sent with the old revision will never fit again. */
  pinSentAt[0] = 0; pinSentAt[1] = 0; pinSentAt[2] = 0; pinSentIn[0] = 0; pinSentIn[1] = 0; pinSentIn[2] = 0
#endif
}

#define STEP_UP(e) \
  :: d_step { ownerOf[e] == me && fence[me] < (e) -> \
       printf("node %d learns that it owns epoch %d of S\n", me, e); \
       stepDown(me); fence[me] = e; part[me] = RECONCILING; knownIn[me] = recordIn[e]; knownRevision[me] = recordRevision[e] }

#define PEER(p) \
  :: d_step { p != me && part[me] == RECONCILING && inLine[me] == 0 && has(needed(me), p) && fence[p] <= fence[me] && (fence[p] < fence[me] || longer(p, me)) -> \
       printf("node %d (epoch %d) asks %d, which fences\n", me, fence[me], p); \
       if :: fence[p] < fence[me] -> fence[p] = fence[me]; stepDown(p) :: else fi; \
       if :: longer(p, me) -> copyLog(me, p) :: else fi } \
  :: d_step { p != me && part[me] != REPLICA && inLine[me] != 0 && fence[p] <= fence[me] && continues[p] < fence[me] -> \
       printf("node %d is brought to the log of epoch %d\n", p, fence[me]); \
       if :: fence[p] < fence[me] -> fence[p] = fence[me]; stepDown(p) :: else fi; \
       k_ = continues[p]; copyLog(p, me); \
       /* Who has nothing gets a transfer of S, which carries no copies; the others get what their logs lack. */ \
       if :: k_ == 0 && part[me] == SERVING -> length[p] = committed[me]; copyAt[p] = 0 \
          :: else -> length[p] = inLine[me] - 1 fi; \
       if :: copyAt[p] > length[p] -> copyAt[p] = 0 :: else fi; k_ = 0; \
       i_ = length[p]; do :: i_ < LENGTH -> entry(p, i_) = 0; i_++ :: else -> break od; i_ = 0; \
       continues[p] = fence[me]; acked(fence[me], p) = 1 + length[p] } \
  :: d_step { p != me && part[me] == SERVING && continues[p] == fence[me] && fence[p] == fence[me] && length[p] < length[me] -> \
       entry(p, length[p]) = entry(me, length[p]); length[p]++; acked(fence[me], p) = 1 + length[p]; \
       if :: isSplit(entry(p, length[p] - 1)) -> copyAt[p] = length[p] :: else fi; \
       printf("node %d syncs entry %d of epoch %d\n", p, length[p], fence[me]) } \
  :: d_step { p != me && part[me] != REPLICA && inLine[me] != 0 && hopedIn[me] == 0 && changes < CHANGES && has(knownIn[me], p) -> \
       hopedIn[me] = knownIn[me] & ~bit(p); changeIn[me] = hopedIn[me]; changeRevision[me] = knownRevision[me]; changes++; \
       printf("node %d (epoch %d) sends a change: remove %d\n", me, fence[me], p) } \
  :: d_step { p != me && part[me] == SERVING && hopedIn[me] == 0 && changes < CHANGES && !has(knownIn[me], p) && acked(fence[me], p) >= 1 + committed[me] -> \
       hopedIn[me] = knownIn[me] | bit(p); changeIn[me] = hopedIn[me]; changeRevision[me] = knownRevision[me]; changes++; \
       printf("node %d (epoch %d) sends a change: add %d\n", me, fence[me], p) }

proctype node(byte me) {
end: do
  STEP_UP(1)
  STEP_UP(2)
#if EPOCHS > 2
  STEP_UP(3)
#endif
  PEER(0)
  PEER(1)
  PEER(2)
  /* The log of the epoch is fixed. */
  :: d_step { part[me] == RECONCILING && inLine[me] == 0 -> inLine[me] = 1 + length[me]; continues[me] = fence[me]; acked(fence[me], me) = 1 + length[me] }
  /* Step 3: serving begins with a look at the directory, later than the epoch. */
  :: d_step { part[me] == RECONCILING && inLine[me] != 0 && allAcked(needed(me), fence[me], inLine[me]) ->
       part[me] = SERVING; committed[me] = inLine[me] - 1;
       if :: actorIsElsewhere -> actor[me] = GONE :: else -> actor[me] = HERE fi;
       printf("node %d SERVES epoch %d of S, the actor %d\n", me, fence[me], actor[me]); checkOneOwner() }
  /* The actor's turns. */
  :: d_step { part[me] == SERVING && actor[me] == HERE && writes < WRITES && length[me] < LENGTH ->
       writes++; entry(me, length[me]) = fence[me] << 1; length[me]++; acked(fence[me], me) = 1 + length[me];
       printf("node %d (epoch %d) appends an entry of the actor at seq %d\n", me, fence[me], length[me]) }
  /* Step 1. */
  :: d_step { part[me] == SERVING && actor[me] == HERE && actorIsIdle(me) && hopedIn[me] == 0 && length[me] < LENGTH ->
       actor[me] = STOPPED; splitRevision[me] = knownRevision[me]; copyAt[me] = 1 + length[me]; entry(me, length[me]) = (fence[me] << 1) + 1; length[me]++; acked(fence[me], me) = 1 + length[me];
       printf("node %d (epoch %d) appends the split at seq %d\n", me, fence[me], length[me]) }
  :: d_step { part[me] == SERVING && committed[me] < length[me] && allAcked(needed(me), fence[me], 2 + committed[me]) ->
       committed[me]++;
       printf("node %d (epoch %d) commits seq %d\n", me, fence[me], committed[me]);
       if :: !isSplit(entry(me, committed[me] - 1)) ->
             if :: pinOwner != NOBODY && committed[me] > pinAt -> fail(2) :: else fi;
             if :: acknowledged < committed[me] -> acknowledged = committed[me] :: else fi
          :: else fi }
  /* Step 2. */
  :: d_step { part[me] == SERVING && actor[me] == STOPPED && copyIsCommitted(me) && pinSentAt[me] != length[me] && guardOf(me) == knownRevision[me] && isSplit(entry(me, length[me] - 1)) ->
       pinSentAt[me] = length[me]; pinSentIn[me] = knownIn[me]; pinGuard[me] = guardOf(me);
       printf("node %d (epoch %d) sends the actor's record, guarded by revision %d of S\n", me, fence[me], pinGuard[me]) }
  :: d_step { pinSentAt[me] != 0 && pinOwner == NOBODY && guardHolds(me) ->
       pinOwner = me; pinIn = pinSentIn[me]; pinAt = pinSentAt[me];
       printf("DIRECTORY: the actor's record: owner %d, inSync %d\n", me, pinIn);
       i_ = 0;
       do :: i_ < NODES ->
             if :: has(pinIn, i_) && copyAt[i_] != pinAt -> fail(3) :: else fi; i_++
          :: else -> break od;
       i_ = 0;
       if :: acknowledged > pinAt -> fail(4) :: else fi;
       checkOneOwner() }
  /* What the directory says afterwards: it is there; or it certainly will not be, and the split may begin anew. */
  :: d_step { part[me] == SERVING && actor[me] == STOPPED && pinOwner != NOBODY -> actor[me] = GONE }
  :: d_step { part[me] == SERVING && actor[me] == STOPPED && creationHasFailed(me) ->
       actor[me] = HERE;
       printf("node %d takes the creation as failed and serves the actor\n", me) }
  :: d_step { part[me] != REPLICA && recordRevision[fence[me]] > knownRevision[me] ->
       knownIn[me] = recordIn[fence[me]]; knownRevision[me] = recordRevision[fence[me]]; hopedIn[me] = 0;
       printf("node %d (epoch %d) learns that inSync is %d\n", me, fence[me], knownIn[me]) }
  /* R6. */
  :: d_step { !has(inSyncNow, me) && !has(changeIn[0] | changeIn[1] | changeIn[2], me) && damages < DAMAGES && continues[me] > 0 ->
       damages++; stepDown(me); continues[me] = 0; length[me] = 0; copyAt[me] = 0;
       i_ = 0; do :: i_ < LENGTH -> entry(me, i_) = 0; i_++ :: else -> break od; i_ = 0;
       fence[me] = epochNow; acked(epochNow, me) = 0;
       printf("node %d is DAMAGED\n", me) }
  /* The directory: S gets a new owner at any time; a change of inSync arrives. */
  :: d_step { epochNow < EPOCHS && has(inSyncNow, me) ->
       epochNow++; revisionNow++; ownerOf[epochNow] = me; recordIn[epochNow] = inSyncNow; recordRevision[epochNow] = revisionNow; dropChangesUnderWay();
       printf("DIRECTORY: epoch %d of S, owner %d\n", epochNow, me) }
  :: d_step { changeIn[me] != 0 && changeRevision[me] == revisionNow ->
       inSyncNow = changeIn[me]; revisionNow++; recordIn[epochNow] = inSyncNow; recordRevision[epochNow] = revisionNow; dropChangesUnderWay();
       printf("DIRECTORY: inSync of S is %d\n", inSyncNow) }
  od
}

init {
  d_step {
    ownerOf[0] = NOBODY; i_ = 2; do :: i_ <= EPOCHS -> ownerOf[i_] = NOBODY; i_++ :: else -> break od;
    recordIn[1] = 7; recordRevision[1] = 1;
    i_ = 0; do :: i_ < NODES -> fence[i_] = 1; continues[i_] = 1; acked(1, i_) = 1; i_++ :: else -> break od;
    i_ = 0; part[0] = SERVING; knownIn[0] = 7; knownRevision[0] = 1; inLine[0] = 1
  };
  atomic { run node(0); run node(1); run node(2) }
}
