/* The laws. What they judge by is told apart from the rows: these ghosts are written where a fact
   is told and read by assertions only. `I7 || ...` names the law in spin's report; each is false. */

hidden byte I1, I2, I3, I4, I5, I6, I7, I8, I9, I11, I12, I18, I19, I20, I21, I22, I30, OURS;

byte ends[OFFERS];                  /* how often an offer was decided or withdrawn */
byte ended_as[OFFERS];              /* 1 accepted, 2 refused, 3 lapsed, 4 withdrawn */
bit  receipt[OFFERS];
byte defaulted[OFFERS];             /* the units of its default */
byte barred[UNITS];                 /* 1 + the terms a holder defaulted on, until spent */
byte excused;                       /* units whose standing release was valid when it was given */

/* Third parties' terms, as (price, start): 0 asks (1, 1), 1 asks (2, 2). Noticed terms are (2, 1)
   or (2, 2). Dearer or later is better for the supplier; in either it may not exceed the notice. */
#define price(p)       (1 + (p))
#define start(p)       (1 + (p))
#define noticed_price(t) 2
#define noticed_start(t) (1 + (t))
#define no_better(p, t)  (price(p) <= noticed_price(t) && start(p) <= noticed_start(t))

inline law_put(o, set, t) {
  for (u : 0 .. UNITS - 1) {
    if
    :: HAS(set, u) ->
       for (o2 : 0 .. OFFERS - 1) { assert(I4 || o2 == o || !(undecided(o2) && HAS(offer[o2].units, u))) }
       assert(I19 || barred[u] != 1 + t)
    :: else
    fi
  }
}

inline law_end(o, as) {
  assert(I6 || ends[o] == 0);
  assert(I11 || as == 4 || receipt[o]);
  ends[o]++;
  ended_as[o] = as
}

inline law_answered(o)  { assert(I7 || offer[o].fair < 3) }      /* 3: the instant at which it ends */
inline law_late(o)      { assert(I7 || offer[o].fair >= 3) }
inline law_lapse(o)     { assert(I12 || offer[o].fair >= 3) }
inline law_accept(o, a) {
  assert(I18 || (a && !(a & (ALL ^ offer[o].units))));
#ifdef GANG
  assert(I18 || a == ALL)
#endif
}

/* r: the release; set: whom it frees. Told once for each default, never for a withdrawal. */
inline law_release(r, set) {
  if
  :: r == STANDING -> assert(I22 || holder_no); excused = excused | set
  :: r < STANDING && r % 2 == 0 -> assert(I20 || ended_as[r / 2] != 4)
  :: else -> assert(I19 || !(defaulted[r / 2] & set)); defaulted[r / 2] = defaulted[r / 2] | set
  fi
}

inline law_commit(set, p, r) {
  assert(I2 || !job_over);
#ifdef GANG
  assert(I18 || set == ALL);
#endif
  for (u : 0 .. UNITS - 1) {
    if
    :: HAS(set, u) ->
       for (o2 : 0 .. OFFERS - 1) { assert(I3 || !(undecided(o2) && HAS(offer[o2].units, u))) }
       assert(I2 || r != NONE);
       if
       :: r < STANDING -> assert(I20 || ended_as[r / 2] != 4)
       :: else
       fi;
       if
       :: r == STANDING -> assert(I2 || HAS(excused, u))
       :: r < STANDING && r % 2 == 0 ->
          assert(I2 || (HAS(offer[r / 2].units, u) && (ended_as[r / 2] == 2 || ended_as[r / 2] == 3
                 || (ended_as[r / 2] == 1 && !HAS(offer[r / 2].accepted, u)))))
       :: r < STANDING && r % 2 == 1 -> assert(I2 || HAS(defaulted[r / 2], u))
       fi
    :: else
    fi
  }
  assert(I9 || !release[r].over);
  if
  :: r < STANDING -> assert(I8 || no_better(p, offer[r / 2].terms))
  :: else -> assert(I8 || no_better(p, job_terms))
  fi
}

/* I1: what the rows of offers, commitments and leases say of a unit is the state it is in. */
inline law_rows() {
  for (u : 0 .. UNITS - 1) {
    n = 0;
    for (o2 : 0 .. OFFERS - 1) {
      if :: undecided(o2) && HAS(offer[o2].units, u) -> n++ :: else fi
    }
    assert(I4 || n <= 1);
    assert(I1 || (n == 1) == (unit[u].state == OFFERED));
    n = 0; got = 0;
    for (d2 : 0 .. DEALS - 1) {
      if
      :: HAS(deal[d2].units, u) && deal[d2].state == MADE -> n++; got = got + (deal[d2].place == HOLDER)
      :: else
      fi
    }
    assert(I1 || n <= 1);
    assert(I1 || (n - got == 1) == (unit[u].state == COMMITTED));
    assert(I1 || unit[u].state != ACCEPTED || (offer[unit[u].offer].state == ACCEPTED
           && HAS(offer[unit[u].offer].accepted, u)));
    assert(I1 || unit[u].state != RELEASED || (unit[u].release != NONE && n == 0));
    assert(I1 || unit[u].state != PENDING || (unit[u].release == NONE && n == 0));
#ifdef CLOUDS
    n = 0; got = 0;
#ifdef AUTOMATIC                    /* third parties' machines are left out there */
    for (d2 : 0 .. DEALS - 1) {
      if
      :: deal[d2].state == LIVE && deal[d2].place != HOLDER && HAS(deal[d2].units, u) -> n++
      :: else
      fi
    }
#endif
    for (m2 : 0 .. MACHINES - 1) {
      if :: machine[m2].unit == u && machine[m2].leased && !over(m2) -> n++ :: else fi;
      if :: machine[m2].unit == u && machine[m2].runs -> got++ :: else fi
    }
    assert(I5 || n <= 1);
    assert(I5 || got <= 1);
    assert(I1 || (n == 1) == (unit[u].state == ACTIVE))
#endif
  }
#ifdef GANG
  assert(I18 || unit[0].state == unit[1].state || unit[0].state == ACTIVE || unit[1].state == ACTIVE
         || unit[0].state == DONE || unit[1].state == DONE)
#endif
}
