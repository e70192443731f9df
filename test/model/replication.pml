/* One slot of the cluster: its record in the directory, an owner, replicas, a learner (docs/develop/protocol-model.md).
 *
 * Run it with `node test/model/run.ts`; by hand:
 *
 *     spin -a -DIN_SYNC=7 -DEPOCHS=2 -DWRITES=2 replication.pml
 *     gcc -O2 -w -DSAFETY -DNOREDUCE -DCOLLAPSE -o pan pan.c && ./pan -m100000
 *     spin -t -DIN_SYNC=7 -DEPOCHS=2 -DWRITES=2 replication.pml        replays the trail of a violation, a line a step
 *
 * BOUNDS
 *   IN_SYNC  bit mask of the nodes in sync at the start; node 0 then serves epoch 1
 *   EPOCHS   the highest epoch        WRITES  appends          CHANGES  changes of inSync that owners send
 *   CRASHES  crashes and damages      READS   turns that append nothing          MOVES  hand-overs that owners send
 *   WANTS    changes of the record by the controller that leave epoch, owner and inSync as they are
 *
 * HOW IT IS MADE SMALL. Messages are a set that only grows: what was ever sent may be received at any later time, again,
 * or never, in any order. So there are no channels. What an owner sent in epoch e is sent[e] (a base of baseLength
 * entries, then one append each), an acknowledgement is the fact acked[e][n], an answer of the directory is
 * recordIn/recordRevision[e]; a change under way is changeIn/changeRevision of its sender, in the network until the
 * record has moved on. Loss, delay, duplication and reordering cost nothing. Failover needs no reason: the controller
 * may name any in-sync node at any time, and a node may restart into a new epoch as if it were another.
 *
 * WHAT IS ASSERTED (the numbers are the values of `violation`)
 *   1   two nodes serve in one epoch, or an epoch is given twice                                        invariant 2
 *   2   two nodes hold different entries, or different histories, under one (epoch, seq)                invariant 4
 *   3   a log takes an append of an epoch below its persisted fence                                     invariant 3
 *   31  an acknowledged entry is missing in the log of a later serving owner                            invariant 5
 *   32  an acknowledged entry is missing on the disk of a node that the record calls in sync            invariant 5
 *   41  an answer is older than what clients had observed before it was asked                           invariant 1
 *   42  an answer, 43: an acknowledgement, departs from the one history that clients have observed      invariant 1
 *   5   a write is acknowledged before it is on the disk of every in-sync node                          invariant 1
 * -DLATE_HARM switches 3, 32 and 5 off: then only harm that a client or a later owner can see counts.
 *
 * Each rule of the protocol is a macro below, and each MUTATION replaces one rule by what a careless reading or a bug
 * would make of it. All of them must lead to a violation.
 */
#ifndef IN_SYNC
#define IN_SYNC 7
#endif
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef WRITES
#define WRITES 1
#endif
#ifndef CHANGES
#define CHANGES 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef READS
#define READS 1
#endif
#ifndef MOVES
#define MOVES 0
#endif
#ifndef WANTS
#define WANTS 0
#endif

#define NODES 3
#define LENGTH 3                        /* entries that a log can hold: WRITES <= LENGTH */
#define NOBODY 9
#define bit(n) (1 << (n))
#define has(set, n) (((set) >> (n)) & 1)

#define REPLICA 0
#define ASKING 1                        /* a new owner that looks for the longest log */
#define BRINGING 2                      /* it has fixed the log of its epoch and brings the others to it */
#define SERVING 3
#define HANDING_OVER 4                  /* it has sent its hand-over: it stays stopped until it learns of a newer epoch */

/* An entry is epoch * 4 + command; its seq is its place. 0: none. */
#define entryEpoch(entry) ((entry) >> 2)
#define entry(n, i) log[(n) * LENGTH + (i)]
#define sentEntry(e, i) sent[(e) * LENGTH + (i)]
#define acked(e, n) ackedUpTo[(e) * NODES + (n)]

/* ---- the directory: linearizable ---- */
byte epochNow = 1, revisionNow = 1, inSyncNow = IN_SYNC;
byte ownerOf[EPOCHS + 1], recordIn[EPOCHS + 1], recordRevision[EPOCHS + 1];
byte changeIn[NODES], changeRevision[NODES];   /* a change of inSync under way from a node; 0: none */
#if MOVES > 0
byte moveTo[NODES], moveRevision[NODES];       /* a hand-over under way from a node: 1 + target; 0: none */
#ifdef TARGET_SKIPS_RECONCILING
byte movedEpochs;
#endif
#endif

/* ---- what owners have sent, by epoch ---- */
byte sent[(EPOCHS + 1) * LENGTH], baseLength[EPOCHS + 1], sentLength[EPOCHS + 1];  /* baseLength: 1 + entries, 0: none yet */
byte ackedUpTo[(EPOCHS + 1) * NODES];   /* 1 + the entries node n has said are on its disk; 0: it has said nothing */

/* ---- nodes, on disk ---- */
byte log[NODES * LENGTH], durable[NODES], fence[NODES];
byte continues[NODES];                  /* the epoch whose base this log continues: written with the log (R4) */

/* ---- nodes, in memory ---- */
byte written[NODES];                    /* from durable to written is lost at a crash */
bool up[NODES];
byte part[NODES];                       /* REPLICA ... HANDING_OVER, in the epoch of its fence */
byte knownIn[NODES], knownRevision[NODES];     /* an owner's last known record */
byte hopedIn[NODES];                    /* the set in a change whose outcome is not known; 0: none outstanding */
byte committed[NODES];
bool reading[NODES];                    /* one turn at a time that appends nothing, its answer waiting at the gate */
byte readLength[NODES], readFloor[NODES], readNeeds[NODES], readConfirmed[NODES];

/* ---- the observer: what clients know ---- */
byte history[LENGTH], observedLength, acknowledgedLength, acknowledgedEpoch;
byte writes, changes, crashes, reads, moves, wants;   /* spent of the bounds */
byte violation;
byte i_, j_, k_;                        /* scratch: 0 between steps */

#define fail(code) violation = code; assert(violation != code)

/* ================================ the rules, and their mutations ================================ */

/* R1: from when a change is sent until its outcome is known, the old and the new set are needed, also by confirmations. */
#define bothSets(n) (knownIn[n] | hopedIn[n])
#if defined(LEARNER_NOT_NEEDED_WHILE_UNKNOWN)
#define needed(n) (knownIn[n])
#elif defined(REMOVED_NOT_NEEDED_WHILE_UNKNOWN)
#define needed(n) ((hopedIn[n] != 0 && (hopedIn[n] & ~knownIn[n]) == 0) -> hopedIn[n] : bothSets(n))
#else
#define needed(n) bothSets(n)
#endif
#ifdef CONFIRM_KNOWN_SET_ONLY
#define neededToConfirm(n) (knownIn[n])
#else
#define neededToConfirm(n) needed(n)
#endif
/* R4: a removal during reconciliation counts only once it is known. */
#ifdef RECONCILE_COUNTS_UNKNOWN_REMOVAL
#define neededToServe(n) ((hopedIn[n] != 0) -> hopedIn[n] : knownIn[n])
#else
#define neededToServe(n) needed(n)
#endif

#define allAcked(set, e, count) \
  ((!has(set, 0) || acked(e, 0) >= (count)) && (!has(set, 1) || acked(e, 1) >= (count)) && (!has(set, 2) || acked(e, 2) >= (count)))

/* An append is committed when every needed node has it on disk. */
#ifdef ACK_BEFORE_ALL_IN_SYNC
#define mayCommit(n) (acked(fence[n], n) >= 2 + committed[n])
#else
#define mayCommit(n) allAcked(neededToServe(n), fence[n], 2 + committed[n])
#endif

/* A learner may be added when it has synced everything acknowledged so far. */
#ifdef GROW_WITHOUT_SYNC
#define mayAdd(n, p) (acked(fence[n], p) >= 0)
#else
#define mayAdd(n, p) (acked(fence[n], p) >= 1 + committed[n])
#endif

/* An answer waits for confirmations asked after its turn began, and (R2) for the appends its turn could see. */
#ifdef READ_UNCONFIRMED
#define readIsConfirmed(n) 1
#else
#define readIsConfirmed(n) ((readNeeds[n] & neededToConfirm(n) & ~readConfirmed[n]) == 0)
#endif
#ifdef READ_BEFORE_COMMIT
#define readIsCommitted(n) 1
#else
#define readIsCommitted(n) (committed[n] >= readLength[n])
#endif
#ifdef REUSE_CONFIRMATION
#define forgetConfirmations(n) skip
#else
#define forgetConfirmations(n) readConfirmed[n] = 0
#endif

/* The fence: nothing of an older epoch is taken or confirmed. */
#ifdef SKIP_FENCE
#define fenceAllows(n, e) 1
#else
#define fenceAllows(n, e) (fence[n] <= (e))
#endif

/* R4: a base is taken once an epoch, an append only on that base. */
#ifdef BASE_TAKEN_TWICE
#define mayTakeBase(n, e) (continues[n] < (e) || written[n] != baseLength[e] - 1)
#else
#define mayTakeBase(n, e) (continues[n] < (e))
#endif
#ifdef APPEND_WITHOUT_BASE
#define mayTakeAppend(n, e) (written[n] >= baseLength[e] - 1)
#else
#define mayTakeAppend(n, e) (continues[n] == (e))
#endif

/* A restarted owner takes a new epoch first. */
#ifdef RESTART_IN_SAME_EPOCH
#define mayStepUp(n, e) (fence[n] < (e) || (fence[n] == (e) && part[n] == REPLICA))
byte straySeq, strayEpoch, strayEntry;  /* an append of the earlier life, still in the network */
#else
#define mayStepUp(n, e) (fence[n] < (e))
#endif

/* The longest log is the one whose last (epoch, seq) is highest. */
#define lastEpoch(n) ((written[n] > 0) -> entryEpoch(entry(n, written[n] - 1)) : 0)
#define longer(p, n) (lastEpoch(p) > lastEpoch(n) || (lastEpoch(p) == lastEpoch(n) && written[p] > written[n]))

/* Who must have an acknowledged entry on disk: the in-sync set of its epoch, less whom the record has dropped since. */
#ifdef DAMAGE
#define mustHave(e) (recordIn[e] & inSyncNow)
#else
#define mustHave(e) (recordIn[e])
#endif

/* ================================ steps ================================ */

inline stepDown(n) {
  part[n] = REPLICA; knownIn[n] = 0; knownRevision[n] = 0; hopedIn[n] = 0; committed[n] = 0;
  reading[n] = 0; readLength[n] = 0; readFloor[n] = 0; readNeeds[n] = 0; readConfirmed[n] = 0
}

inline raiseFence(n, e) {
  if :: fence[n] < (e) -> fence[n] = e; stepDown(n) :: else fi
}

inline acknowledge(e, n) {
  if :: acked(e, n) < 1 + durable[n] -> acked(e, n) = 1 + durable[n] :: else fi
}

inline dropChangesUnderWay() {
  changeIn[0] = 0; changeIn[1] = 0; changeIn[2] = 0; changeRevision[0] = 0; changeRevision[1] = 0; changeRevision[2] = 0;
#if MOVES > 0
  moveTo[0] = 0; moveTo[1] = 0; moveTo[2] = 0; moveRevision[0] = 0; moveRevision[1] = 0; moveRevision[2] = 0;
#endif
}

/* Invariant 4, and invariant 5 for replicas: after every step that touches a log or the record. */
inline checkLogs() {
  i_ = 0;
  do :: i_ < NODES ->
        j_ = 0;
        do :: j_ < LENGTH ->
              k_ = i_ + 1;
              do :: k_ < NODES ->
                    if :: j_ < written[i_] && j_ < written[k_] && entryEpoch(entry(i_, j_)) == entryEpoch(entry(k_, j_)) && entry(i_, j_) != entry(k_, j_) -> fail(2)
                       :: else fi;
                    if :: j_ > 0 && j_ < written[i_] && j_ < written[k_] && entry(i_, j_) == entry(k_, j_) && entry(i_, j_ - 1) != entry(k_, j_ - 1) -> fail(2)
                       :: else fi;
                    k_++
                 :: else -> break od;
#ifndef LATE_HARM
              if :: has(inSyncNow, i_) && j_ < acknowledgedLength && (j_ >= durable[i_] || entry(i_, j_) != history[j_]) -> fail(32)
                 :: else fi;
#endif
              j_++
           :: else -> break od;
        i_++
     :: else -> break od;
  i_ = 0; j_ = 0; k_ = 0
}

/* Clients see the first `count` entries of a node's log. */
inline observe(n, count, code) {
  i_ = 0;
  do :: i_ < count ->
        if :: i_ < observedLength -> if :: history[i_] != entry(n, i_) -> fail(code) :: else fi
           :: else -> history[i_] = entry(n, i_); observedLength = i_ + 1 fi;
        i_++
     :: else -> break od;
  i_ = 0
}

inline checkOwnerHasAll(n) {
  i_ = 0;
  do :: i_ < acknowledgedLength ->
        if :: fence[n] >= acknowledgedEpoch && (i_ >= written[n] || entry(n, i_) != history[i_]) -> fail(31) :: else fi;
        i_++
     :: else -> break od;
  i_ = 0
}

inline serve(n) {
  part[n] = SERVING; committed[n] = baseLength[fence[n]] - 1;
  printf("node %d SERVES epoch %d with %d entries\n", n, fence[n], committed[n]);
  i_ = 0;
  do :: i_ < NODES -> if :: i_ != n && part[i_] == SERVING && fence[i_] == fence[n] -> fail(1) :: else fi; i_++
     :: else -> break od;
  i_ = 0;
  checkOwnerHasAll(n)
}

inline copyLog(n, p) {
  i_ = 0;
  do :: i_ < LENGTH -> if :: i_ < written[p] -> entry(n, i_) = entry(p, i_) :: else -> entry(n, i_) = 0 fi; i_++
     :: else -> break od;
  i_ = 0; written[n] = written[p]; durable[n] = written[p]
}

inline newEpoch(owner) {
  if :: ownerOf[epochNow + 1] != NOBODY -> fail(1) :: else fi;
  epochNow++; revisionNow++;
  ownerOf[epochNow] = owner; recordIn[epochNow] = inSyncNow; recordRevision[epochNow] = revisionNow;
  dropChangesUnderWay()
}

/* ---- what node `me` does with what was sent in epoch e ---- */
#define RECEIVE(e) \
  :: d_step { up[me] && ownerOf[e] != me && baseLength[e] > 0 && fenceAllows(me, e) && mayTakeBase(me, e) -> \
       printf("node %d is brought to the base of epoch %d: %d entries, had %d\n", me, e, baseLength[e] - 1, written[me]); \
       i_ = 0; \
       do :: i_ < LENGTH -> if :: i_ < baseLength[e] - 1 -> entry(me, i_) = sentEntry(e, i_) :: else -> entry(me, i_) = 0 fi; i_++ \
          :: else -> break od; \
       i_ = 0; written[me] = baseLength[e] - 1; durable[me] = written[me]; continues[me] = e; \
       raiseFence(me, e); acknowledge(e, me); checkLogs() } \
  :: d_step { up[me] && ownerOf[e] != me && baseLength[e] > 0 && fenceAllows(me, e) && mayTakeAppend(me, e) && written[me] < sentLength[e] -> \
       printf("node %d writes entry %d/%d of epoch %d at seq %d, not yet synced\n", me, \
         entryEpoch(sentEntry(e, written[me])), sentEntry(e, written[me]) & 3, e, written[me] + 1); \
       CHECK_FENCE(e); \
       entry(me, written[me]) = sentEntry(e, written[me]); written[me]++; raiseFence(me, e); continues[me] = e; checkLogs() } \
  :: d_step { up[me] && ownerOf[e] == me && mayStepUp(me, e) -> \
       printf("node %d learns that it owns epoch %d and persists that as its fence (was %d)\n", me, e, fence[me]); \
       stepDown(me); fence[me] = e; part[me] = ASKING; knownIn[me] = recordIn[e]; knownRevision[me] = recordRevision[e] }
#ifdef LATE_HARM
#define CHECK_FENCE(e) skip
#else
#define CHECK_FENCE(e) if :: fence[me] > (e) -> fail(3) :: else fi
#endif

/* ---- what an owner `me` does with a peer p ---- */
#if MOVES > 0
#define notMoving(n) (moveTo[n] == 0)
/* The source has drained: everything appended is committed, nothing is outstanding. R5: it stays stopped. */
#ifdef SOURCE_SERVES_ON
#define stopForMove(n) skip
#else
#define stopForMove(n) part[n] = HANDING_OVER
#endif
#define HAND_OVER(p) \
  :: d_step { p != me && up[me] && part[me] == SERVING && hopedIn[me] == 0 && notMoving(me) && moves < MOVES && has(knownIn[me], p) \
       && committed[me] == written[me] && !reading[me] -> \
       moveTo[me] = 1 + p; moveRevision[me] = knownRevision[me]; moves++; stopForMove(me); \
       printf("node %d (epoch %d) has drained and sends the hand-over to %d\n", me, fence[me], p) }
#else
#define notMoving(n) 1
#define HAND_OVER(p)
#endif

#define PEER(p) \
  :: d_step { p != me && up[me] && part[me] == ASKING && has(needed(me), p) && up[p] && fence[p] <= fence[me] && (fence[p] < fence[me] || longer(p, me)) -> \
       printf("node %d (epoch %d) asks %d, which fences; its log has %d entries, mine %d\n", me, fence[me], p, written[p], written[me]); \
       raiseFence(p, fence[me]); \
       if :: longer(p, me) -> copyLog(me, p) :: else fi; \
       checkLogs() } \
  :: d_step { p != me && up[me] && (part[me] == BRINGING || part[me] == SERVING) && hopedIn[me] == 0 && notMoving(me) && changes < CHANGES && has(knownIn[me], p) -> \
       hopedIn[me] = knownIn[me] & ~bit(p); changeIn[me] = hopedIn[me]; changeRevision[me] = knownRevision[me]; changes++; \
       printf("node %d (epoch %d) sends a change: remove %d\n", me, fence[me], p) } \
  :: d_step { p != me && up[me] && part[me] == SERVING && hopedIn[me] == 0 && notMoving(me) && changes < CHANGES && !has(knownIn[me], p) && mayAdd(me, p) -> \
       hopedIn[me] = knownIn[me] | bit(p); changeIn[me] = hopedIn[me]; changeRevision[me] = knownRevision[me]; changes++; \
       printf("node %d (epoch %d) sends a change: add learner %d\n", me, fence[me], p) } \
  :: d_step { p != me && up[me] && reading[me] && has(readNeeds[me], p) && !has(readConfirmed[me], p) && up[p] && fenceAllows(p, fence[me]) -> \
       readConfirmed[me] = readConfirmed[me] | bit(p); \
       printf("node %d confirms epoch %d for the answer that waits at node %d\n", p, fence[me], me) } \
  HAND_OVER(p)

proctype node(byte me) {
end: do
  RECEIVE(1)
  RECEIVE(2)
#if EPOCHS > 2
  RECEIVE(3)
#endif
#if EPOCHS > 3
  RECEIVE(4)
#endif
  PEER(0)
  PEER(1)
  PEER(2)
#ifdef RESTART_IN_SAME_EPOCH
  :: d_step { up[me] && strayEpoch > 0 && ownerOf[strayEpoch] != me && continues[me] == strayEpoch && fence[me] == strayEpoch && written[me] == straySeq ->
       printf("node %d writes entry %d/%d of the owner's earlier life at seq %d\n", me, entryEpoch(strayEntry), strayEntry & 3, straySeq + 1);
       entry(me, straySeq) = strayEntry; written[me]++; checkLogs() }
#endif

  /* Reconciliation: the new owner stops asking, fixes the log of its epoch and sends it to all. */
  :: d_step { up[me] && part[me] == ASKING ->
#ifdef RESTART_IN_SAME_EPOCH
       if :: baseLength[fence[me]] > 0 && sentLength[fence[me]] > written[me] ->
             strayEpoch = fence[me]; straySeq = written[me]; strayEntry = sentEntry(fence[me], written[me])
          :: else fi;
#endif
       i_ = 0;
       do :: i_ < LENGTH -> if :: i_ < written[me] -> sentEntry(fence[me], i_) = entry(me, i_) :: else -> sentEntry(fence[me], i_) = 0 fi; i_++
          :: else -> break od;
       i_ = 0; baseLength[fence[me]] = 1 + written[me]; sentLength[fence[me]] = written[me];
       durable[me] = written[me]; continues[me] = fence[me]; acked(fence[me], me) = 1 + written[me]; part[me] = BRINGING;
       printf("node %d (epoch %d) fixes the log at %d entries and brings the others to it\n", me, fence[me], written[me]);
#ifdef SERVE_BEFORE_RECONCILING
       serve(me);
#endif
       checkLogs() }

  /* Every needed node has the base of this epoch on disk. */
  :: d_step { up[me] && part[me] == BRINGING && allAcked(neededToServe(me), fence[me], baseLength[fence[me]]) -> serve(me) }

#if MOVES > 0 && defined(TARGET_SKIPS_RECONCILING)
  /* The target of a hand-over takes for granted that everybody has what it has. */
  :: d_step { up[me] && part[me] == BRINGING && has(movedEpochs, fence[me]) -> serve(me) }
#endif

  /* A turn that appends: written here, sent to the replicas at once. */
  :: d_step { up[me] && part[me] == SERVING && writes < WRITES && written[me] < LENGTH ->
       writes++; entry(me, written[me]) = (fence[me] << 2) + writes; sentEntry(fence[me], written[me]) = entry(me, written[me]);
       written[me]++; sentLength[fence[me]] = written[me];
       printf("node %d (epoch %d) appends command %d at seq %d\n", me, fence[me], writes, written[me]); checkLogs() }

  /* A disk sync; a replica says so. */
  :: d_step { up[me] && durable[me] < written[me] ->
       durable[me] = written[me]; acknowledge(continues[me], me);
       printf("node %d syncs %d entries and acknowledges them in epoch %d\n", me, written[me], continues[me]) }

  /* The output gate opens for an append. */
  :: d_step { up[me] && part[me] == SERVING && committed[me] < written[me] && mayCommit(me) ->
       committed[me]++;
       printf("node %d (epoch %d) ACKNOWLEDGES seq %d to the client\n", me, fence[me], committed[me]);
#ifndef LATE_HARM
       i_ = 0;
       do :: i_ < NODES ->
             if :: has(mustHave(fence[me]), i_) && (durable[i_] < committed[me] || entry(i_, committed[me] - 1) != entry(me, committed[me] - 1)) -> fail(5)
                :: else fi;
             i_++
          :: else -> break od;
#endif
       observe(me, committed[me], 43);
       if :: acknowledgedLength < committed[me] -> acknowledgedLength = committed[me] :: else fi;
       if :: acknowledgedEpoch < fence[me] -> acknowledgedEpoch = fence[me] :: else fi;
       checkLogs() }

  /* R3: the outcome of a change is known from a record of my own epoch with a newer revision, and from nothing else. */
  :: d_step { up[me] && part[me] != REPLICA && recordRevision[fence[me]] > knownRevision[me] ->
       knownIn[me] = recordIn[fence[me]]; knownRevision[me] = recordRevision[fence[me]]; hopedIn[me] = 0;
#if MOVES > 0
       if :: part[me] == HANDING_OVER -> part[me] = SERVING :: else fi;
#endif
       printf("node %d (epoch %d) learns that inSync is %d\n", me, fence[me], knownIn[me]) }
#ifdef OLD_REVISION_IS_FAILURE
  :: d_step { up[me] && (part[me] == BRINGING || part[me] == SERVING) && hopedIn[me] != 0 && recordRevision[fence[me]] == knownRevision[me] ->
       hopedIn[me] = 0; printf("node %d reads the old revision and takes its change as failed\n", me) }
#endif
#ifdef CONFLICT_IS_FAILURE
  :: d_step { up[me] && (part[me] == BRINGING || part[me] == SERVING) && hopedIn[me] != 0 && epochNow > fence[me] ->
       hopedIn[me] = 0; printf("node %d repeats its change, meets a conflict and goes on with the old set\n", me) }
#endif

  /* A turn that appends nothing, and its answer. */
  :: d_step { up[me] && part[me] == SERVING && !reading[me] && reads < READS ->
       reads++; reading[me] = 1; readLength[me] = written[me]; readFloor[me] = observedLength;
       readNeeds[me] = neededToConfirm(me) & ~bit(me); forgetConfirmations(me);
       printf("node %d (epoch %d) begins a read of %d entries; clients have observed %d\n", me, fence[me], written[me], observedLength) }
  :: d_step { up[me] && reading[me] && readIsConfirmed(me) && readIsCommitted(me) ->
       printf("node %d (epoch %d) ANSWERS the read: %d entries\n", me, fence[me], readLength[me]);
       if :: readLength[me] < readFloor[me] -> fail(41) :: else fi;
       observe(me, readLength[me], 42);
       reading[me] = 0; readLength[me] = 0; readFloor[me] = 0; readNeeds[me] = 0; forgetConfirmations(me) }

#if CRASHES > 0
  /* A crash: memory and what was not synced are gone. */
  :: d_step { up[me] && crashes < CRASHES ->
       crashes++; up[me] = 0;
       printf("node %d CRASHES and loses %d unsynced entries\n", me, written[me] - durable[me]);
       i_ = durable[me]; do :: i_ < LENGTH -> entry(me, i_) = 0; i_++ :: else -> break od; i_ = 0;
       written[me] = durable[me]; stepDown(me);
#ifdef FORGET_FENCE
       fence[me] = 0; continues[me] = 0
#elif defined(FORGET_FENCE_KEEP_BASE)
       fence[me] = 0
#endif
       }
  :: d_step { !up[me] -> up[me] = 1; printf("node %d restarts with fence %d\n", me, fence[me]) }
#endif

#ifdef DAMAGE
  /* R6: a node outside inSync, and not just being added, loses the slot's data. It first persists the directory's epoch as
   * its fence; what it acknowledged before is void (a new incarnation of its log). It heals as a learner. */
  :: d_step { up[me] && !has(inSyncNow, me) && !has(changeIn[0] | changeIn[1] | changeIn[2], me) && crashes < CRASHES && continues[me] > 0 ->
       crashes++; stepDown(me); continues[me] = 0; written[me] = 0; durable[me] = 0;
       i_ = 0; do :: i_ < LENGTH -> entry(me, i_) = 0; i_++ :: else -> break od; i_ = 0;
#if defined(DAMAGE_LOSES_FENCE)
       fence[me] = 0;
#elif !defined(DAMAGE_KEEPS_FENCE)
       fence[me] = epochNow;
#endif
#ifndef DAMAGE_KEEPS_ACKNOWLEDGEMENTS
       acked(epochNow, me) = 0;
#endif
       printf("node %d is DAMAGED: its log is gone, its fence is %d\n", me, fence[me]) }
#endif

  /* The directory: the controller names any in-sync node; so does a restarted owner, itself. */
  :: d_step { epochNow < EPOCHS && has(inSyncNow, me) ->
       newEpoch(me);
       printf("DIRECTORY: epoch %d, owner %d, inSync %d\n", epochNow, me, inSyncNow) }
  /* The directory: a change of inSync arrives. */
  :: d_step { changeIn[me] != 0 && changeRevision[me] == revisionNow ->
       inSyncNow = changeIn[me]; revisionNow++; recordIn[epochNow] = inSyncNow; recordRevision[epochNow] = revisionNow;
       dropChangesUnderWay();
       printf("DIRECTORY: the change of node %d is applied: inSync %d\n", me, inSyncNow); checkLogs() }
#if WANTS > 0
  /* The directory: the controller writes where the slot should be. What owners have sent fails. */
  :: d_step { wants < WANTS && me == 0 ->
       wants++; revisionNow++; recordRevision[epochNow] = revisionNow; dropChangesUnderWay();
       printf("DIRECTORY: the controller writes a want\n") }
#endif
#if MOVES > 0
  /* The directory: a hand-over arrives. */
  :: d_step { moveTo[me] != 0 && moveRevision[me] == revisionNow && epochNow < EPOCHS ->
       k_ = moveTo[me] - 1;
       newEpoch(k_);
       k_ = 0;
#ifdef TARGET_SKIPS_RECONCILING
       movedEpochs = movedEpochs | bit(epochNow);
#endif
       printf("DIRECTORY: the hand-over of node %d is applied: epoch %d, owner %d\n", me, epochNow, ownerOf[epochNow]) }
#endif
  od
}

init {
  d_step {
    ownerOf[0] = NOBODY; ownerOf[1] = 0;
    i_ = 2; do :: i_ <= EPOCHS -> ownerOf[i_] = NOBODY; i_++ :: else -> break od;
    recordIn[1] = IN_SYNC; recordRevision[1] = 1; baseLength[1] = 1;
    i_ = 0;
    do :: i_ < NODES -> up[i_] = 1; if :: has(IN_SYNC, i_) -> fence[i_] = 1; continues[i_] = 1; acked(1, i_) = 1 :: else fi; i_++
       :: else -> break od;
    i_ = 0; part[0] = SERVING; knownIn[0] = IN_SYNC; knownRevision[0] = 1
  };
  atomic { run node(0); run node(1); run node(2) }
}
