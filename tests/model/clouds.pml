/* Machines, and the two workers that buy, watch and end them: provision.py, outcome.py, reconcile.py,
   sweep.py. A worker claims in one transaction, talks in none, records in another; between any two
   it may die. A claim runs out at any moment, so both workers may be at one machine. */

#ifdef AUTOMATIC
#define UNSURE_ANSWERS              /* elsewhere they change nothing that a crash does not */
#define TROUBLE(x) trouble = x
#else
#define TROUBLE(x) skip             /* only the automatic desk asks whether we are to blame */
#endif

byte  at[2] = NONE;                 /* the machine a worker has claimed */
mtype doing[2], said[2];

#define is_free(m) (over(m) && !machine[m].up && !machine[m].making && !machine[m].runs \
                    && at[0] != m && at[1] != m)

inline free_machine() {
  free_m = 0;
  do
  :: free_m < MACHINES && !is_free(free_m) -> free_m++
  :: else -> break
  od
}

inline roomy(k) {                   /* whether k more machines can be wanted */
  k = 0;
  for (m2 : 0 .. MACHINES - 1) {
    if
    :: is_free(m2) -> k++
    :: else
    fi
  }
}

inline close_row(m, as) {
  machine[m].state = as; machine[m].deal = NONE; machine[m].offer = NONE;
  machine[m].leased = 0; machine[m].tried = 0; machine[m].due = 0; machine[m].unit = 0
}

inline give_back(m) {
  if
  :: machine[m].state == WANTED && !machine[m].tried -> close_row(m, GONE)
  :: counts(m) && !(machine[m].state == WANTED && !machine[m].tried) -> machine[m].state = ENDING
  :: else
  fi
}

inline lease_over(m) {              /* T23 the other way: its unit goes back through the agreement */
  u = machine[m].unit; d2 = machine[m].deal;
  close_row(m, GONE);
  if
  :: job_over -> move(u, DONE)
  :: else ->
     move(u, PENDING);
#ifdef GANG
     for (m2 : 0 .. MACHINES - 1) { if :: machine[m2].leased -> give_back(m2) :: else fi }
#endif
  fi;
  unit[u].offer = NONE; unit[u].deal = NONE; unit[u].release = NONE;
  n = 0;
  for (m2 : 0 .. MACHINES - 1) { if :: machine[m2].deal == d2 -> n++ :: else fi };
  if :: n == 0 -> free_deal(d2) :: else fi
}

/* A supplier's machine came to nothing. A holder that accepted is asked again by another name, and a
   hold that vanished is wanted again. */
inline undelivered(m, as) {
  d2 = machine[m].deal; o3 = machine[m].offer; u = machine[m].unit;
  close_row(m, as);
  if
  :: d2 == NONE && o3 != NONE && as == GONE ->
     if
     :: undecided(o3) -> machine[m].state = WANTED; machine[m].offer = o3; machine[m].unit = u
     :: else
     fi
  :: d2 != NONE && deal[d2].state == MADE && deal[d2].place != HOLDER -> fail_commitment(d2)
  :: d2 != NONE && deal[d2].state == MADE && deal[d2].place == HOLDER -> let_machines_go(d2)
  :: else
  fi
}

inline heard(m) {                   /* the holder's cloud has answered: it has the notice */
  TROUBLE(0);
  if
  :: machine[m].offer != NONE && machine[m].deal == NONE -> o3 = machine[m].offer; deliver(o3)
  :: else
  fi
}

inline all_there(d) {
  n = 0; got = 0;
  for (u : 0 .. UNITS - 1) { n = n + HAS(deal[d].units, u) };
  for (m2 : 0 .. MACHINES - 1) {
    if :: machine[m2].deal == d && machine[m2].state == RUNNING -> got++ :: else fi
  }
}

inline record(w, m) {
  if
  :: over(m) -> skip                              /* reconciliation ends what was bought too late */
  :: machine[m].state == ENDING && doing[w] != END -> skip
  :: machine[m].state == RUNNING && doing[w] != END ->
#ifdef FAULT_STALE_ANSWER
     if :: said[w] == UNSURE -> machine[m].due = 1 :: else fi
#else
     skip                                         /* another worker's answer was first */
#endif
  :: doing[w] == END && (machine[m].state == ENDING || machine[m].state == RUNNING) ->
     assert(I30 || machine[m].state == ENDING);
     if
     :: machine[m].leased -> lease_over(m)
     :: else -> close_row(m, GONE)
     fi
  :: (machine[m].state == WANTED || machine[m].state == ASKED) && doing[w] != END ->
     if
     :: said[w] == UNSURE -> TROUBLE(1)
     :: said[w] == ASKED  -> machine[m].state = ASKED; heard(m)
     :: said[w] == GONE   -> undelivered(m, GONE)
     :: said[w] == RUNNING ->
        machine[m].state = RUNNING; heard(m);
        if
        :: machine[m].deal != NONE ->
           d2 = machine[m].deal; all_there(d2);
           if :: n == got -> activate(d2) :: else fi
#ifdef AUTOMATIC
        :: machine[m].deal == NONE && machine[m].offer != NONE ->
           o = machine[m].offer;
           if :: undecided(o) -> proceed(o) :: else -> give_back(m) fi
#endif
        :: else -> give_back(m)
        fi
     :: said[w] == REFUSED ->
        heard(m);
        o = machine[m].offer;
        if
        :: machine[m].deal == NONE && o != NONE ->
           holder_no = 1; offer[o].no = 1; close_row(m, REFUSED);
#ifdef AUTOMATIC
           if :: undecided(o) -> proceed(o) :: else fi
#endif
        :: else -> undelivered(m, REFUSED)
        fi
     fi
  fi
}

inline idle(w) { at[w] = NONE; doing[w] = 0; said[w] = 0; in_order() }

/* The workers are alike: what one does, the other might. So only one order of the two is looked at. */
inline in_order() {
  if
  :: at[0] > at[1] || (at[0] == at[1] && (doing[0] > doing[1] || (doing[0] == doing[1] && said[0] > said[1]))) ->
     n = at[0]; at[0] = at[1]; at[1] = n;
     n = doing[0]; doing[0] = doing[1]; doing[1] = n;
     n = said[0]; said[0] = said[1]; said[1] = n
  :: else
  fi
}

#define UP(m)  machine[m].up = 1; machine[m].making = 0
#define OFF(m) machine[m].up = 0; machine[m].making = 0; machine[m].runs = 0

proctype Worker(byte w) {
  byte m;
  do
  :: atomic { !out && at[w] == NONE ->              /* load: claim what is due */
       m = 0;
       do :: m < MACHINES - 1 -> m++ :: break od;
       if
       :: machine[m].state == WANTED -> doing[w] = LAUNCH; machine[m].tried = 1
       :: machine[m].state == ASKED  -> doing[w] = POLL
       :: machine[m].state == ENDING || (machine[m].state == RUNNING && machine[m].due) -> doing[w] = END
       :: else -> m = NONE
       fi;
       d_step { at[w] = m; if :: m == NONE -> doing[w] = 0 :: else fi; in_order(); n = 0; m = 0 } }
  :: atomic { at[w] != NONE && said[w] == 0 ->      /* talk: the cloud takes one name for one purchase */
       m = at[w];
       if
       :: doing[w] == LAUNCH && machine[m].up -> said[w] = RUNNING
       :: doing[w] == LAUNCH && machine[m].making -> said[w] = ASKED
       :: doing[w] == LAUNCH && !machine[m].up && !machine[m].making ->
          if
          :: UP(m); said[w] = RUNNING
          :: machine[m].making = 1; said[w] = ASKED
          :: said[w] = REFUSED
#ifdef UNSURE_ANSWERS
          :: said[w] = UNSURE
#endif
          fi
       :: doing[w] == POLL && machine[m].up -> said[w] = RUNNING
       :: doing[w] == POLL && machine[m].making -> UP(m); said[w] = RUNNING
       :: doing[w] == POLL && machine[m].making -> machine[m].making = 0; said[w] = REFUSED
       :: doing[w] == POLL && !machine[m].up && !machine[m].making -> said[w] = GONE
#ifdef UNSURE_ANSWERS
       :: machine[m].up && doing[w] != END -> said[w] = UNSURE
#endif
       :: doing[w] == END -> OFF(m); said[w] = END
       fi;
       d_step { in_order(); n = 0; m = 0 } }
  :: d_step { !out && said[w] != 0 -> record(w, at[w]); idle(w); tidy() }
  :: d_step { at[w] != NONE -> idle(w); n = 0 }            /* it dies, and forgets what it heard */
  od
}

/* What a holder accepted and has no machine for is wanted again. */
inline want_again() {
  for (d2 : 0 .. DEALS - 1) {
    if
    :: deal[d2].state == MADE && deal[d2].place == HOLDER ->
       n = 0;
       for (m2 : 0 .. MACHINES - 1) { if :: machine[m2].deal == d2 -> n++ :: else fi };
       roomy(got);
       if
       :: n == 0 && got >= UNITS -> want_machines(d2, deal[d2].units)
       :: else
       fi
    :: else
    fi
  }
}

proctype Fleet() {
  byte m;
  do
  :: d_step { !out -> want_again(); tidy() }
  :: atomic {                                       /* the agent asks and is told to run */
       m = 0; do :: m < MACHINES - 1 -> m++ :: break od;
       if
#ifdef LOSS
       :: machine[m].up && !machine[m].runs && machine[m].leased && machine[m].state == RUNNING && !out ->
          machine[m].runs = 1
#endif
       :: over(m) && (machine[m].up || machine[m].making) && !out ->   /* reconcile: nobody's machine */
          OFF(m)
#ifdef LOSS
       :: machine[m].up -> OFF(m)                                       /* its cloud loses it */
       :: machine[m].state == RUNNING && !machine[m].up && !out ->      /* reconcile: it is not listed */
          if :: machine[m].leased -> lease_over(m) :: else -> undelivered(m, GONE) fi
       :: machine[m].state == RUNNING && machine[m].leased && !out ->   /* sweep: its agent is silent */
#ifdef FAULT_NO_FENCE
          lease_over(m)
#else
          machine[m].state = ENDING
#endif
#endif
       :: else
       fi;
       d_step { m = 0; tidy() } }
  od
}
