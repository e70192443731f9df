/* The voters of a replicated directory: what differs from published Raft (docs/develop/protocol-model.md).
 *
 *   1. Who votes is said by entries of the log. A voter that is gone is replaced: another node learns, votes when it has caught up, and the
 *      one that is gone is taken out. Each is one change by one voter, begun when the last one and an entry of the leader's term are committed.
 *   2. When a majority is lost for good, one survivor begins a new generation, alone, with what it knows. The lost majority may be alive.
 *   3. Nodes of different generations do not hear one another. Who comes back from an older one forgets all that it had of it, and learns.
 *   4. Who may vote is said by rows of the same log: none that drains, as far as the leader knows, is made a voter, and it knows all that was
 *      committed before its term. A node is evicted when it is known to drain and votes no more. Absence and the wish for more or fewer
 *      voters are whatever change of members the plan could come to: any one, at any time.
 *   5. The epochs that a generation gives to owners begin above all those of the one before.
 *
 * Raft itself is abstracted: an election, and the bringing of a node's log to the leader's, are one step each. (Its messages, disks and
 * snapshots are explored with the code itself: test/simulation/raft/explore.ts.) An entry is a grant of an epoch, a change of members, or
 * a row of the directory that says that a node drains, or is evicted.
 *
 * BOUNDS  VOTERS at the start as a bit mask, ELECTIONS, GRANTS beside those of elections, CHANGES of members, RECOVERIES,
 *         ROWS that say that a node drains, or is evicted
 *
 * WHAT IS ASSERTED (the values of `violation`)
 *   1  a leader lacks an entry that is committed in its generation
 *   2  two entries are committed at one place of one generation
 *   3  two nodes lead one term of one generation
 *   4  one epoch is given to two owners
 *   5  a node votes that is evicted
 */
#ifndef VOTERS
#define VOTERS 7
#endif
#ifndef ELECTIONS
#define ELECTIONS 2
#endif
#ifndef GRANTS
#define GRANTS 1
#endif
#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef RECOVERIES
#define RECOVERIES 1
#endif

#ifndef ROWS
#define ROWS 0
#endif

#define NODES 4
#define LENGTH (ELECTIONS + GRANTS + CHANGES + ROWS)
#define GENERATIONS (1 + RECOVERIES)
#define EPOCHS 16                       /* of a generation */
#define bit(n) (1 << (n))
#define has(set, n) (((set) >> (n)) & 1)
#define size(set) (has(set, 0) + has(set, 1) + has(set, 2) + has(set, 3))

/* An entry is its term * 16, + the members' bit mask where it changes them; + 128 where the mask is of a node that drains; + 64 more: is evicted. */
#define entry(n, i) log[(n) * LENGTH + (i)]
#define termOf(entry) (((entry) >> 4) & 3)
#define isRow(entry) ((entry) >= 128)
#define isEviction(entry) ((entry) >= 192)
#define nodesOf(entry) ((entry) & 15)
#define lastTerm(n) ((length[n] > 0) -> termOf(entry(n, length[n] - 1)) : 0)
#define newer(q, n) (lastTerm(q) > lastTerm(n) || (lastTerm(q) == lastTerm(n) && length[q] > length[n]))
#define acked(n, q) ackedUpTo[(n) * NODES + (q)]
#define chosen(g, i) chosenIs[(g) * LENGTH + (i)]

/* ---- on disk ---- */
byte generation[NODES], term[NODES], log[NODES * LENGTH], length[NODES];
byte members[NODES], membersAt[NODES];  /* as the log says; membersAt: 1 + the place of the entry, 0: since the generation began */
/* ---- in a leader's memory ---- */
byte leads[NODES], committed[NODES], ackedUpTo[NODES * NODES];
/* ---- what has happened ---- */
byte chosenIs[(GENERATIONS + 1) * LENGTH], leaderOf[(GENERATIONS + 1) * (ELECTIONS + 1)], givenBy[(GENERATIONS + 1) * EPOCHS * 2];
byte begins[GENERATIONS + 1];           /* a generation's first epoch */
byte elections, grants, changes, recoveries, rows, violation, i_, k_, e_, v_;

#define fail(code) violation = code; assert(violation != code)

/* ================================ the rules, and their mutations ================================ */

#ifdef OLD_GENERATIONS_HEARD
#define hears(n, q) 1
#else
#define hears(n, q) (generation[n] == generation[q])
#endif
#ifdef CHANGE_BEFORE_COMMIT
#define isSettled(n) 1
#else
#define isSettled(n) (membersAt[n] <= committed[n] && committed[n] > 0 && termOf(entry(n, committed[n] - 1)) == leads[n])
#endif
/* Those of whom a leader knows that they drain: it has applied what is committed. */
#define outAt(n, i) ((committed[n] > (i) && isRow(entry(n, i))) -> nodesOf(entry(n, i)) : 0)
#if ROWS == 0
#define outOf(n) 0
#elif LENGTH > 5
#define outOf(n) (outAt(n, 0) | outAt(n, 1) | outAt(n, 2) | outAt(n, 3) | outAt(n, 4) | outAt(n, 5))
#else
#define outOf(n) (outAt(n, 0) | outAt(n, 1) | outAt(n, 2) | outAt(n, 3) | outAt(n, 4))
#endif
#ifdef VOTERS_BY_NO_ROWS
#define mayBeVoter(n, q) 1
#else
#define mayBeVoter(n, q) (!has(outOf(n), q))
#endif
#ifdef EVICTED_WHILE_IT_VOTES
#define mayBeEvicted(n, q) (has(outOf(n), q))
#else
#define mayBeEvicted(n, q) (has(outOf(n), q) && !has(members[n], q))
#endif
/* A new generation begins where no owner of the one before can be. */
#ifdef EPOCHS_CONTINUE
#define firstEpoch(n) (begins[generation[n] - 1] + length[n])
#else
#define firstEpoch(n) ((generation[n] - 1) * EPOCHS)
#endif

/* ================================ steps ================================ */

inline forget(n) {
  i_ = 0; do :: i_ < LENGTH -> entry(n, i_) = 0; i_++ :: else -> break od;
  i_ = 0; do :: i_ < NODES -> acked(n, i_) = 0; i_++ :: else -> break od;
  i_ = 0; length[n] = 0; term[n] = 0; leads[n] = 0; committed[n] = 0; members[n] = 0; membersAt[n] = 0
}

inline stopLeading(n) {
  leads[n] = 0; committed[n] = 0;
  i_ = 0; do :: i_ < NODES -> acked(n, i_) = 0; i_++ :: else -> break od; i_ = 0
}

inline append(n, what) {
  entry(n, length[n]) = (leads[n] << 4) + (what); length[n]++; acked(n, n) = length[n];
  if :: (what) != 0 -> members[n] = (what); membersAt[n] = length[n] :: else fi
}

#define mayVote(q) (hears(me, q) && term[q] <= term[me] && !newer(q, me))
#define votesOf(set) \
  ((!has(set, 0) || mayVote(0)) && (!has(set, 1) || mayVote(1)) && (!has(set, 2) || mayVote(2)) && (!has(set, 3) || mayVote(3)))

/* A node is elected by these, of whom it is one where it votes itself. */
#define ELECT(set) \
  :: d_step { elections < ELECTIONS && has(members[me], me) && has(set, me) && ((set) & members[me]) == (set) && 2 * size(set) > size(members[me]) && votesOf(set) && length[me] < LENGTH -> \
       elections++; k_ = term[me] + 1; \
       i_ = 0; do :: i_ < NODES -> if :: has(set, i_) -> term[i_] = k_; leads[i_] = 0; committed[i_] = 0 :: else fi; i_++ :: else -> break od; \
       stopLeading(me); leads[me] = k_; \
       printf("node %d LEADS term %d of generation %d, elected by %d\n", me, k_, generation[me], set); \
       if :: leaderOf[generation[me] * (ELECTIONS + 1) + k_] != 0 -> fail(3) :: else -> leaderOf[generation[me] * (ELECTIONS + 1) + k_] = 1 + me fi; \
       i_ = 0; \
       do :: i_ < LENGTH -> \
             if :: chosen(generation[me], i_) != 0 && termOf(chosen(generation[me], i_)) < k_ && chosen(generation[me], i_) != entry(me, i_) -> fail(1) :: else fi; i_++ \
          :: else -> break od; \
       i_ = 0; k_ = 0; append(me, 0) }

/* The leader brings a node's log to its own; whoever votes, and whoever only learns. */
#define BRING(q) \
  :: d_step { q != me && leads[me] != 0 && hears(me, q) && term[q] <= leads[me] && acked(me, q) != length[me] -> \
       stopLeading(q); term[q] = leads[me]; generation[q] = generation[me]; \
       i_ = 0; do :: i_ < LENGTH -> entry(q, i_) = entry(me, i_); i_++ :: else -> break od; i_ = 0; \
       length[q] = length[me]; members[q] = members[me]; membersAt[q] = membersAt[me]; acked(me, q) = length[me]; \
       printf("node %d has all %d entries of node %d\n", q, length[me], me) }

#define ackers(count) \
  ((has(members[me], 0) && acked(me, 0) >= (count)) + (has(members[me], 1) && acked(me, 1) >= (count)) + \
   (has(members[me], 2) && acked(me, 2) >= (count)) + (has(members[me], 3) && acked(me, 3) >= (count)))

/* What is committed in this step has all before it. */
#if ROWS > 0
#define EVICTED_VOTES \
                   k_ = 0; e_ = 0; v_ = VOTERS; \
                   do :: k_ <= i_ -> \
                         if :: isEviction(entry(me, k_)) -> e_ = e_ | nodesOf(entry(me, k_)) \
                            :: !isRow(entry(me, k_)) && nodesOf(entry(me, k_)) != 0 -> v_ = nodesOf(entry(me, k_)) \
                            :: else fi; \
                         k_++ \
                      :: else -> break od; \
                   k_ = 0; \
                   if :: (e_ & v_) != 0 -> fail(5) :: else fi; \
                   v_ = 0
#else
#define EVICTED_VOTES skip
#endif
/* All up to an entry of its own term is committed; the epochs in it are given. */
#define COMMIT(count) \
  :: d_step { leads[me] != 0 && committed[me] < count && count <= length[me] && termOf(entry(me, count - 1)) == leads[me] && 2 * ackers(count) > size(members[me]) -> \
       committed[me] = count; \
       printf("node %d commits %d entries of generation %d\n", me, count, generation[me]); \
       i_ = 0; \
       do :: i_ < count -> \
             if :: chosen(generation[me], i_) == 0 -> \
                   chosen(generation[me], i_) = entry(me, i_); \
                   e_ = begins[generation[me]] + i_; \
                   if :: givenBy[e_] != 0 -> fail(4) :: else -> givenBy[e_] = 1 fi; \
                   EVICTED_VOTES \
                :: chosen(generation[me], i_) != 0 && chosen(generation[me], i_) != entry(me, i_) -> fail(2) \
                :: else fi; \
             i_++ \
          :: else -> break od; \
       i_ = 0; e_ = 0; \
       if :: membersAt[me] <= count && !has(members[me], me) -> stopLeading(me) :: else fi }

#define CHANGE(q) \
  :: d_step { leads[me] != 0 && changes < CHANGES && isSettled(me) && length[me] < LENGTH && !has(members[me], q) && mayBeVoter(me, q) && hears(me, q) && acked(me, q) >= committed[me] && acked(me, q) > 0 -> \
       changes++; append(me, members[me] | bit(q)); \
       printf("node %d makes node %d a voter\n", me, q) } \
  :: d_step { leads[me] != 0 && changes < CHANGES && isSettled(me) && length[me] < LENGTH && has(members[me], q) && size(members[me]) > 1 -> \
       changes++; append(me, members[me] & ~bit(q)); \
       printf("node %d takes node %d out\n", me, q) }

#if ROWS > 0
#define row(what) rows++; entry(me, length[me]) = (what) + (leads[me] << 4); length[me]++; acked(me, me) = length[me]
#define EVICT(q) \
  :: d_step { leads[me] != 0 && rows < ROWS && length[me] < LENGTH && !has(outOf(me), q) -> \
       row(128 + bit(q)); printf("node %d says that node %d drains\n", me, q) } \
  :: d_step { leads[me] != 0 && rows < ROWS && length[me] < LENGTH && isSettled(me) && mayBeEvicted(me, q) -> \
       row(192 + bit(q)); printf("node %d evicts node %d\n", me, q) }
#else
#define EVICT(q)
#endif

/* One for another in one change: of {0,1,2} and {0,1,3} majorities may have nobody in common. */
#ifdef REPLACE_AT_ONCE
#define REPLACE(p, q) \
  :: d_step { leads[me] != 0 && changes < CHANGES && isSettled(me) && length[me] < LENGTH && has(members[me], p) && !has(members[me], q) -> \
       changes++; append(me, (members[me] | bit(q)) & ~bit(p)); \
       printf("node %d replaces node %d by node %d\n", me, p, q) }
#else
#define REPLACE(p, q)
#endif

#define REJOIN(q) \
  :: d_step { generation[me] < generation[q] -> \
       printf("node %d comes back from generation %d to %d\n", me, generation[me], generation[q]); \
       COME_BACK; generation[me] = generation[q] }
#ifdef RETURNING_KEEPS_ITS_LOG
#define COME_BACK stopLeading(me)
#else
#define COME_BACK forget(me)
#endif

proctype node(byte me) {
end: do
  ELECT(1) ELECT(2) ELECT(3) ELECT(4) ELECT(5) ELECT(6) ELECT(7) ELECT(8) ELECT(9) ELECT(10) ELECT(11) ELECT(12) ELECT(13) ELECT(14)
  BRING(0) BRING(1) BRING(2) BRING(3)
  COMMIT(1) COMMIT(2) COMMIT(3)
#if (ELECTIONS + GRANTS + CHANGES + ROWS) > 3
  COMMIT(4)
#endif
#if (ELECTIONS + GRANTS + CHANGES + ROWS) > 4
  COMMIT(5)
#endif
#if (ELECTIONS + GRANTS + CHANGES + ROWS) > 5
  COMMIT(6)
#endif
  CHANGE(0) CHANGE(1) CHANGE(2) CHANGE(3)
  EVICT(3)
  REPLACE(1, 3) REPLACE(2, 3)
  REJOIN(0) REJOIN(1) REJOIN(2) REJOIN(3)
  :: d_step { leads[me] != 0 && grants < GRANTS && length[me] < LENGTH ->
       grants++; append(me, 0);
       printf("node %d appends a grant\n", me) }
  /* It dies and comes back: only its disk counts. */
  :: d_step { leads[me] != 0 -> stopLeading(me); printf("node %d leads no more\n", me) }
#ifdef REMOVED_FORGETS_ITS_PROMISE
  :: d_step { length[me] > 0 && members[me] != 0 && !has(members[me], me) ->
       forget(me); printf("node %d, which is taken out, deletes what it had\n", me) }
#endif
  /* A majority is taken for lost. The epochs of before are those that this node knows of. */
#ifdef TWO_SURVIVORS
#define mayRecover (generation[me] == 1)
#else
#define mayRecover (generation[me] == 1 + recoveries)
#endif
  :: d_step { recoveries < RECOVERIES && mayRecover && has(members[me], me) ->
       recoveries++; generation[me]++; k_ = firstEpoch(me);
       forget(me); members[me] = bit(me); begins[generation[me]] = k_; k_ = 0;
       printf("node %d begins generation %d\n", me, generation[me]) }
  od
}

init {
  d_step {
    i_ = 0;
    do :: i_ < NODES ->
          generation[i_] = 1;
          if :: has(VOTERS, i_) -> members[i_] = VOTERS :: else fi;
          i_++
       :: else -> break od;
    i_ = 0
  };
  atomic { run node(0); run node(1); run node(2); run node(3) }
}
