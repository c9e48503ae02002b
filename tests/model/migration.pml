/* Reclaim, migration and fencing of one unit (T24 to T26): asked back, prepared, fenced, cut over.
 *
 * The unit runs in epoch 1 with a third party. Each transaction is one atomic step, taken by anybody
 * at any time and as often as they like, so that lost, late and repeated messages are covered, and
 * so is a crash between any two. What the laws judge by is told apart from the rows. */

#define RECLAIMS 2 /* how often the holder asks the unit back */

mtype = { ACTIVE, MIGRATING, PENDING, COMMITTED };        /* the unit's row */
mtype = { NONE, WANTED, ASKED, UP, ENDING, GONE };        /* a machine's row */
mtype = { IDLE, RUNNING, ENDED };                         /* what an agent has reported */

/* -- the rows */
mtype unit = ACTIVE;
byte lease = 1;           /* the epoch of the row's lease; 0: fenced, or over */
bool heir = false;        /* the replacement is bound, and nothing has taken its place yet */
bool due = false;         /* the notice is over */
mtype old = UP, new = NONE;
mtype heard = IDLE;         /* the old machine's agent, as last heard of */
bool stopping = false;    /* the old agent is told to stop its command */
bool because = false;     /* the old machine ends because its lease was fenced */

/* -- the world */
bool there = true;        /* the old machine exists */
bool process = false;     /* its command runs */
bool done = false;        /* it has run, and ended */
bool made = false;        /* the replacement exists */
bool moved = false;       /* the command runs on the replacement */
byte asked = 0;
mtype reply = NONE;       /* what the holder's cloud has said, until somebody writes it down */

/* -- the log, as the laws read it */
byte live = 1;            /* the epoch that lives */
bool begun = false;       /* a migration is under way */
bool noticed = false;     /* the notice that was given is over */
bool held = false;        /* a replacement is bound */

hidden byte I5, I29, I30; /* always 0: they name the law in an assertion that fails */

inline tell_begun() {
    assert(I29 || (noticed && held && live == 1));
    begun = true
}

inline tell_fenced() {
    assert(I29 || begun);
    assert(I5 || live == 1);
    live = 0
}

inline tell_activated() {
    assert(I5 || (live == 0 && !process));
    live = 2;
    begun = false
}

inline tell_started(epoch) {
    assert(I30 || live == epoch)
}

/* The heir takes the unit's place: its lease is over. */
inline succeed() {
    lease = 0;
    if
    :: heir -> unit = COMMITTED
    :: else -> unit = PENDING
    fi;
    heir = false
}

/* The replacement is there: fence the lease that it follows, or go live where none runs any more. */
inline activate() {
    if
    :: heir && lease == 1 ->
#ifndef FAULT_UNFENCED
        tell_fenced();
#endif
        lease = 0;
        if
        :: old == GONE || heard == ENDED -> succeed()
        :: else ->
            because = true;
            if
            :: heard == RUNNING -> stopping = true
            :: else -> old = ENDING
            fi
        fi
    :: else
    fi;
#ifdef FAULT_NO_WAITING
    heir = false; unit = COMMITTED;
#endif
    if
    :: !heir && unit == COMMITTED && lease == 0 ->
        tell_activated();
        lease = 2;
        unit = ACTIVE
    :: else
    fi
}

/* T26: nothing comes of the move; what lives goes on, and what was fenced goes back. */
inline abort() {
    new = GONE;
    held = false;
    begun = false;
    if
    :: unit == COMMITTED -> unit = PENDING
    :: unit == MIGRATING && lease == 1 -> unit = ACTIVE
    :: else
    fi;
    heir = false
}

/* The old machine's process is over, and its row knows. */
inline stopped() {
    if
    :: lease == 0 && (unit == ACTIVE || unit == MIGRATING) ->
        succeed();
        if
        :: new == UP && unit == COMMITTED -> activate()
        :: else
        fi
    :: else
    fi
}

active proctype Holder() {
end:
    do
    :: atomic { asked < RECLAIMS && unit == ACTIVE && lease == 1 && !heir && heard != ENDED ->
        asked++; heir = true; held = true; due = false; noticed = false; new = NONE; reply = NONE;
        made = false }
    :: atomic { heir && !due -> due = true; noticed = true }    /* time */
    od
}

active proctype Placement() {
end:
    do
#ifdef FAULT_EARLY_MOVE
    :: atomic { heir && unit == ACTIVE && lease == 1 && new == NONE ->
#else
    :: atomic { heir && unit == ACTIVE && lease == 1 && new == NONE && due ->
#endif
#ifndef FAULT_UNTOLD_MOVE
        tell_begun();
#endif
        unit = MIGRATING;
        new = WANTED }
    od
}

/* Two workers at the holder's cloud: claim, talk, record; either may die in between. */
active [2] proctype Buyer() {
end:
    do
    :: atomic { new == WANTED || new == ASKED -> new = ASKED };
        if
        :: atomic { true -> made = (new == ASKED); reply = (made -> UP : GONE) }
        :: atomic { !made -> reply = GONE }
        :: true                                    /* the answer is lost, or the worker dies */
        fi;
        if
        :: atomic { new == ASKED && reply == UP && made -> new = UP; activate() }
        :: atomic { new == ASKED && reply == GONE && !made -> abort() }
        :: true
        fi
    :: atomic { made && new == UP && !moved && lease != 2 -> made = false; abort() }   /* lost */
    od
}

/* The old machine's agent. What it says may come late, and more than once. */
active proctype OldAgent() {
end:
    do
    :: atomic { there && lease == 1 && !process && !done && heard == IDLE && old == UP ->
        process = true }
    :: atomic { there && process && heard == IDLE && (old == UP || old == ENDING) ->
        heard = RUNNING;
#ifndef FAULT_STARTED_UNCHECKED
        if
        :: lease == 1 -> tell_started(1)
        :: else
        fi
#else
        tell_started(1)
#endif
        }
    :: atomic { process && (stopping || old == ENDING) -> process = false; done = true }
    :: atomic { there && done && heard == RUNNING && because ->
        heard = ENDED; old = ENDING; stopped() }
    od
}

/* The third party's cloud: it breaks down, is told to end a machine, and confirms that it did. */
active proctype OldCloud() {
end:
    do
    :: atomic { there && old == UP -> there = false; process = false; done = true }   /* it breaks */
    :: atomic { old == UP && stopping -> old = ENDING }                                /* the grace */
    :: atomic { old == ENDING && there -> there = false; process = false; done = true }
    :: atomic { !there && old != GONE ->                  /* confirmed, or not listed any more */
        old = GONE;
        if
        :: lease == 1 -> live = 0; succeed();
            if
            :: new == UP && unit == COMMITTED -> activate()
            :: else
            fi
        :: else -> stopped()
        fi }
    od
}

active proctype NewAgent() {
end:
    do
    :: atomic { lease == 2 && made && !moved -> moved = true; tell_started(2);
        assert(I5 || !process) }
    od
}
