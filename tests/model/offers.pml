/* The course of an offer: offering.py, and the judging of answers: steps/answer.py, steps/offer.py.
   The clock of a window has four marks: 1 it runs, 2 the automatic desk's margin, 3 the instant at
   which it ends, 4 past that. `wall` counts every second, `fair` leaves out our own outages. */

#ifdef FAULT_TIE
#define in_time(o) (offer[o].fair < 4)
#else
#define in_time(o) (offer[o].fair < 3)
#endif
#if defined(FAULT_EARLY_LAPSE)
#define window_over(o) (offer[o].wall >= 1)
#elif defined(FAULT_NO_TOLL)
#define window_over(o) (offer[o].wall >= 3)
#else
#define window_over(o) (offer[o].fair >= 3)
#endif

inline put_offer(set, t) {                          /* T2, T3 */
  o = offers_put;
  law_put(o, set, t);
  assert(I2 || !job_over);
  offers_put++;
  offer[o].state = SENT; offer[o].units = set; offer[o].terms = t;
  for (u : 0 .. UNITS - 1) {
    if
    :: HAS(set, u) -> move(u, OFFERED); unit[u].offer = o; unit[u].release = NONE
    :: else
    fi
  }
}

inline deliver(o) {                                 /* T6 */
  if
  :: offer[o].state == SENT ->
     offer[o].state = OPEN; offer[o].wall = 1; offer[o].fair = 1; receipt[o] = 1
  :: else
  fi
}

inline stop_clock(o) { offer[o].wall = 0; offer[o].fair = 0; offer[o].hit = 0 }

inline accept(o, a) {                               /* T7 */
  law_answered(o); law_accept(o, a); law_end(o, 1);
  offer[o].state = ACCEPTED; offer[o].accepted = a; stop_clock(o);
  for (u : 0 .. UNITS - 1) { if :: HAS(a, u) -> move(u, ACCEPTED) :: else fi }
#ifndef FAULT_LOST_UNIT
  some = offer[o].units & (ALL ^ a);
  if :: some -> give_release((2 * o), some) :: else fi
#endif
}

inline refuse(o) {                                  /* T9 */
  law_answered(o); law_end(o, 2);
  offer[o].state = REFUSED; stop_clock(o);
  give_release((2 * o), offer[o].units)
}

inline lapse(o) {                                   /* T11 */
  law_lapse(o); law_end(o, 3);
  offer[o].state = LAPSED; stop_clock(o);
  give_release((2 * o), offer[o].units)
}

inline withdraw(o) {                                /* T13, T14: releases nothing */
  law_end(o, 4);
  offer[o].state = WITHDRAWN; stop_clock(o);
#ifdef FAULT_WITHDRAWAL_RELEASES
  give_release((2 * o), offer[o].units)
#else
  for (u : 0 .. UNITS - 1) {
    if :: HAS(offer[o].units, u) -> move(u, PENDING); unit[u].offer = NONE :: else fi
  }
#endif
}

inline owed(o, set) {
  set = 0;
  for (u2 : 0 .. UNITS - 1) {
    if
    :: HAS(offer[o].accepted, u2) && unit[u2].state == ACCEPTED && unit[u2].offer == o ->
       set = set | ONLY(u2)
    :: else
    fi
  }
}

inline fulfil_if_delivered(o) {                     /* T16 */
  owed(o, got);
  if
  :: got == 0 && offer[o].state == ACCEPTED -> offer[o].state = FULFILLED; offer[o].cured = 0
  :: else
  fi
}

inline default(o) {                                 /* T17 */
  owed(o, got);
  if
  :: got ->
     drop_commitments(got);
     for (u : 0 .. UNITS - 1) { if :: HAS(got, u) -> barred[u] = 1 + offer[o].terms :: else fi };
#ifdef FAULT_DEFAULT_OFFERED_AGAIN
     law_release((2 * o + 1), got);
     for (u : 0 .. UNITS - 1) {
       if
       :: HAS(got, u) -> unit[u].state = PENDING; unit[u].offer = NONE; unit[u].deal = NONE
       :: else
       fi
     };
#else
     give_release((2 * o + 1), got);
#endif
#ifndef FAULT_DEFAULT_TWICE
     offer[o].state = DEFAULTED; offer[o].cured = 0
#endif
  :: else
  fi
#ifdef FAULT_DEFAULT_TWICE
  if
  :: defaulted[o] && got == 0 -> give_release((2 * o + 1), defaulted[o])
  :: else
  fi
#endif
}

/* An answer of a person's desk, as it arrives: `how` is the number of units accepted, 0 for a
   refusal or a counter-offer, 3 for an acknowledgement or a query. */
inline judge(o, how) {
  if
#ifdef FAULT_DUPLICATE
  :: !undecided(o) && ended_as[o] != 1 -> skip
#else
  :: !undecided(o) -> skip                          /* rejected: late or a duplicate */
#endif
  :: else ->
     deliver(o);
     if
#ifndef FAULT_LATE_YES
     :: !in_time(o) -> law_late(o)
#endif
#ifdef FAULT_EAGER_LATE
     :: in_time(o) && offer[o].wall >= 3 -> law_late(o)
#endif
     :: else ->
        if
        :: how == 3 -> skip
        :: how == 0 -> refuse(o)
        :: how == 1 || how == 2 ->
           some = offer[o].units;
           if
           :: how == 1 && some == ALL -> some = 1   /* as many as are accepted, from the first */
           :: else
           fi;
           if
           :: how == 2 && offer[o].units != ALL -> skip      /* T8: more than was offered */
#if defined(GANG) && !defined(FAULT_SPLIT_GANG)
           :: how == 1 -> skip                               /* T8: a part of a gang */
#endif
           :: else ->
              got = some;
              accept(o, got);
              bind_holder(o, got)
           fi
        fi
     fi
  fi
}

/* The holder owes machines for what it accepted: a commitment for each unit, or for the gang. */
inline bind_holder(o, a) {
#ifdef GANG
  make_deal(a, HOLDER, o, NONE);
  want_machines(d2, a)
#else
  for (u2 : 0 .. UNITS - 1) {
    if
    :: HAS(a, u2) -> make_deal(ONLY(u2), HOLDER, o, NONE); want_machines(d2, ONLY(u2))
    :: else
    fi
  }
#endif
}

inline cancel() {                                   /* T13, T18 */
  for (o : 0 .. OFFERS - 1) { if :: undecided(o) -> withdraw(o) :: else fi };
  some = 0;
  for (u : 0 .. UNITS - 1) {
    if
    :: (unit[u].state == PENDING || unit[u].state == RELEASED || unit[u].state == ACCEPTED
        || unit[u].state == COMMITTED) -> some = some | ONLY(u)
    :: else
    fi
  }
  drop_commitments(some);
  for (u : 0 .. UNITS - 1) {
    if
    :: HAS(some, u) ->
       move(u, CANCELLED); unit[u].release = NONE; unit[u].deal = NONE; unit[u].offer = NONE
    :: else
    fi
  }
#ifdef CLOUDS
  for (m2 : 0 .. MACHINES - 1) { give_back(m2) }
#endif
  job_over = 1
}
