/* The protocol of the right of first refusal: two units, two third parties, a few offers.
   README.md says what is modelled and how a configuration is chosen. */

#include "rows.pml"
byte o, o3, held, d3, k;
#ifdef CLOUDS
#define PAST 3                      /* past the end is as at the end; told apart without clouds only */
#else
#define PAST 4
#endif
#include "laws.pml"
#include "spill.pml"
#include "offers.pml"
#ifdef AUTOMATIC
#include "desk.pml"
#endif

/* Ends each transaction: what no row refers to is forgotten, and the laws of rows are checked. */
inline tidy() {
  for (k : 0 .. RELEASES - 1) {
    n = 0;
    for (u : 0 .. UNITS - 1) { if :: unit[u].release == k -> n++ :: else fi };
    if :: n == 0 -> release[k].over = 0 :: else fi
  }
  law_rows();
  u = 0; u2 = 0; o2 = 0; d2 = 0; m2 = 0; n = 0; some = 0; got = 0; free_m = 0;
  o = 0; o3 = 0; held = 0; d3 = 0; k = 0
}

#ifdef CLOUDS
#include "clouds.pml"
#define room(x) roomy(x)
#else
#define room(x) x = UNITS
#endif

inline units_in(s, set) {
  set = 0;
  for (u : 0 .. UNITS - 1) { if :: unit[u].state == s -> set = set | ONLY(u) :: else fi }
}

#ifdef FAULT_ONE_NUMBER
#define fits(p, t) (price(p) <= noticed_price(t))
#else
#define fits(p, t) no_better(p, t)
#endif
#define terms_of(r) (r == STANDING -> job_terms : offer[r / 2].terms)

/* place.py: a round of placement decides on what is true and records it, in one transaction. */
proctype Placement() {
  byte r, p;
  do
  :: d_step { !out && !job_over && offers_put < OFFERS ->
       units_in(PENDING, some);
#ifdef FAULT_TWO_OFFERS
       if :: some == 0 -> units_in(OFFERED, some) :: else fi;
#endif
#ifdef GANG
       if :: some != ALL -> some = 0 :: else fi;
#endif
       if
       :: some && !holder_no ->
#ifdef FAULT_TWO_OFFERS
          for (u : 0 .. UNITS - 1) { if :: HAS(some, u) -> unit[u].state = PENDING :: else fi };
#endif
          got = some; put_offer(got, job_terms);
#ifdef AUTOMATIC
          proceed(o)
#endif
       :: else
       fi;
       tidy() }
#ifdef AUTOMATIC
  :: d_step { !out && !job_over ->                 /* T5: a fresh refusal stands for the answer */
       units_in(PENDING, some);
#ifdef GANG
       if :: some != ALL -> some = 0 :: else fi;
#endif
#ifdef FAULT_STALE_STANDING
       got = 1;
#else
       got = holder_no;
#endif
       if
       :: some && got && !stands_under(STANDING) ->
          got = some; give_release(STANDING, got)
       :: else
       fi;
       tidy() }
#endif
  :: atomic { !out && !job_over ->                 /* T19, T20: released units are committed */
       r = 0; do :: r < RELEASES - 1 -> r++ :: break od;
       p = 0; do :: p < RIVALS - 1 -> p++ :: break od;
       d_step { released_under(r, some);
       if
       :: some == 0 -> skip
#ifndef FAULT_AFTER_TAIL
       :: some && release[r].over -> expire_release(r)
#endif
#ifdef FAULT_AFTER_TAIL
       :: some ->
#else
       :: some && !release[r].over ->
#endif
#ifndef GANG
          if :: some == ALL -> some = 1 :: else fi;          /* a chunk is one unit */
#endif
#if defined(GANG) && defined(FAULT_SPLIT_COMMITMENT)
          some = 1;
#endif
          room(got);
          if
          :: fits(p, terms_of(r)) && got >= UNITS -> held = some; commit_third_party(held, p, r)
          :: else
          fi
       fi;
       r = 0; p = 0; tidy() } }
#ifdef FAULT_EARLY_SPILL
  :: d_step { units_in(PENDING, some); 
       if :: some -> held = some; commit_third_party(held, 0, NONE) :: else fi; tidy() }
#endif
#ifdef FAULT_SPILL_IN_OFFER
  :: d_step { units_in(OFFERED, some);
       if :: some -> held = some; commit_third_party(held, 0, 0) :: else fi; tidy() }
#endif
#ifdef CANCEL
  :: d_step { !out && !job_over -> cancel(); tidy() }
#endif
  od
}

#ifdef FAULT_UNLIMITED_REQUOTES
#define MAY_REQUOTE true
#else
#define MAY_REQUOTE (requotes < 1)
#endif

/* offer.py: whoever looks at an offer that is due, however often. */
proctype Due(byte x) {
#ifdef FAULT_STALE_WRITE
  bit seen;
#endif
  do
#ifndef AUTOMATIC
  :: d_step { !out && offer[x].state == SENT -> deliver(x); tidy() }        /* deemed receipt */
#ifdef FAULT_NO_RECEIPT
  :: d_step { !out && offer[x].state == SENT -> offer[x].fair = 3; lapse(x); tidy() }
#endif
#endif
#ifdef FAULT_STALE_WRITE
  :: d_step { !seen && offer[x].state == OPEN && window_over(x) -> seen = 1 }
  :: d_step { seen && offer[x].state != OPEN -> ended_as[x] = 3; law_end(x, 3); seen = 0 }
#endif
#ifndef FAULT_FORGOTTEN_TIMER
  :: d_step { !out && offer[x].state == OPEN && window_over(x) ->
       o = x;
#ifdef AUTOMATIC
#ifdef FAULT_OWN_FAULT_LAPSES
       assert(OURS || !trouble);
       lapse(o);
#else
       if :: trouble -> withdraw(o) :: else -> lapse(o) fi;
#endif
       give_holds_back(o);
#else
       lapse(o);
#endif
       tidy() }
#endif
#ifdef AUTOMATIC
  :: d_step { !out && offer[x].state == OPEN && offer[x].fair == 2 -> o = x; proceed(o); tidy() }
#endif
  :: d_step { !out && offer[x].state == ACCEPTED && offer[x].cured -> default(x); tidy() }
#ifdef REQUOTE
  :: d_step { (!out && offer[x].state == OPEN && !window_over(x)
               && offers_put < OFFERS && MAY_REQUOTE) ->                    /* T12 */
       assert(I21 || requotes < 1);
       requotes++;
       got = offer[x].units; held = 1 - offer[x].terms; withdraw(x); put_offer(got, held); tidy() }
#endif
#ifdef AMENDED
  :: d_step { !out && undecided(x) -> withdraw(x); tidy() }                 /* T14 */
#endif
  od
}

/* Time. A timer may end at any moment after it began, whatever the others do. */
proctype Clock(byte x) {
  do
  :: d_step { offer[x].state == OPEN && !offer[x].hit && offer[x].wall < PAST ->
#ifdef AUTOMATIC
       offer[x].wall++;
#else
       offer[x].wall = (offer[x].wall == 1 -> 3 : 4);
#endif
       offer[x].fair = offer[x].wall }
#ifdef OUTAGE
  :: d_step { offer[x].state == OPEN && offer[x].hit && offer[x].wall < PAST ->
       offer[x].wall = (offer[x].wall == 1 -> 3 : 4) }
  :: d_step { offer[x].state == OPEN && offer[x].hit && !out && offer[x].fair < offer[x].wall ->
       offer[x].fair = (offer[x].fair == 1 -> 3 : 4) }
#endif
  :: d_step { offer[x].state == ACCEPTED && !offer[x].cured -> offer[x].cured = 1 }
  od
}

proctype Tails() {
  byte r;
  do
  :: atomic { r = 0; do :: r < RELEASES - 1 -> r++ :: break od;
       if
       :: stands_under(r) -> release[r].over = 1
       :: else
       fi;
       r = 0 }
#ifdef AUTOMATIC
  :: d_step { holder_no -> holder_no = 0; 
       if
       :: stands_under(STANDING) -> release[STANDING].over = 1
       :: else
       fi }
#endif
  od
}

#ifndef AUTOMATIC
/* A person's desk. Any answer to any offer ever put arrives at any moment, or never, or twice. */
proctype Holder() {
  byte x, how;
  do
  :: atomic { !out && offers_put ->
       x = 0; do :: x < offers_put - 1 -> x++ :: break od;
       how = 0; do :: how < 3 -> how++ :: break od;
       d_step { room(n);
       if
       :: n >= UNITS -> o = x; judge(o, how)
       :: else
       fi;
       x = 0; how = 0; tidy() } }
  od
}
#endif

#ifdef OUTAGE
proctype Outage() {
  byte x;
  do
  :: d_step { !out && outages < OUTAGE ->
       out = 1; outages++;
       for (x : 0 .. OFFERS - 1) {
         if :: offer[x].state == OPEN && offer[x].wall < 3 -> offer[x].hit = 1 :: else fi
       };
       x = 0 }
  :: d_step { out -> out = 0 }
  od
}
#endif

#if !defined(CLOUDS) || defined(AUTOMATIC)
/* Suppliers without their machines: a commitment comes true, or does not, or its lease is lost. */
#ifdef AUTOMATIC
#define SUPPLIES(d) (deal[d].place != HOLDER)
#else
#define SUPPLIES(d) true
#endif

proctype Supplier(byte d) {
  do
  :: d_step { !out && deal[d].state == MADE && SUPPLIES(d) -> activate(d); tidy() }
  :: d_step { !out && deal[d].state == MADE && deal[d].place != HOLDER -> fail_commitment(d); tidy() }
#ifdef LOSS
  :: d_step { !out && deal[d].state == LIVE && SUPPLIES(d) ->
       for (u : 0 .. UNITS - 1) {
         if
         :: HAS(deal[d].units, u) ->
            if :: job_over -> move(u, DONE) :: else -> move(u, PENDING) fi;
            unit[u].offer = NONE; unit[u].deal = NONE
         :: else
         fi
       };
       free_deal(d); tidy() }
#endif
  od
}
#endif

init {
  atomic {
    byte i;
    #ifdef CLOUDS
    job_terms = 1;
#else
    if :: job_terms = 0 :: job_terms = 1 fi;
#endif
    run Placement(); run Tails();
    for (i : 0 .. OFFERS - 1) { run Due(i); run Clock(i) }
#ifndef AUTOMATIC
    run Holder();
#endif
#ifdef OUTAGE
    run Outage();
#endif
#ifdef CLOUDS
    run Worker(0); run Worker(1); run Fleet();
#endif
#if !defined(CLOUDS) || defined(AUTOMATIC)
    for (i : 0 .. DEALS - 1) { run Supplier(i) }
#endif
    i = 0
  }
}

#ifdef LIVENESS
#define is_open(x) (offer[x].state == OPEN)
ltl L1 { [] (is_open(0) -> <> !is_open(0)) && [] (is_open(1) -> <> !is_open(1)) }
#endif
